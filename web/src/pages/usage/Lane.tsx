import type { UsageWindow } from '@/api/types';
import { date, toDate } from '@/lib/format';
import classes from './usage.module.css';

/** From when to when something was seen, within what the log covers; hatched where it has gaps. */
export function Lane({ first, last, window: w }: { first: string; last: string; window: UsageWindow }) {
  const from = Math.min(toDate(w.from)?.getTime() ?? Infinity, Date.parse(first));
  const to = Math.max(toDate(w.to)?.getTime() ?? -Infinity, Date.parse(last));
  const at = (time: number) => `${((Math.min(Math.max(time, from), to) - from) / Math.max(1, to - from)) * 100}%`;
  const part = (a: string, b: string) => ({ left: at(Date.parse(a)), width: `calc(${at(Date.parse(b))} - ${at(Date.parse(a))})` });
  return (
    <span className={classes.lane} role="img" aria-label={first === last ? date(first) : `${date(first)} to ${date(last)}`}>
      {(w.gaps ?? []).slice(0, 40).map((g) => (
        <i key={g.from} className={classes.laneGap} style={part(g.from, g.to)} />
      ))}
      <i className={classes.laneBar} style={part(first, last)} />
    </span>
  );
}
