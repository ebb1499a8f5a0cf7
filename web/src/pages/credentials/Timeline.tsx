import { date, exact, toDate } from '@/lib/format';
import classes from './Timeline.module.css';

interface Moment {
  at: Date;
  label: string;
  sign: 'start' | 'tick' | 'dot' | 'end' | 'now';
}

interface TimelineProps {
  created?: string | undefined;
  rotated?: string | undefined;
  lastUsed?: string | undefined;
  expires?: string | undefined;
  /** When it was first seen here, where nobody says when it was made. */
  seen?: string | undefined;
}

/** The life of a credential on one line: made, rotated, used, ends. What is not known is hatched. */
export function Timeline({ created, rotated, lastUsed, expires, seen }: TimelineProps) {
  const now = new Date();
  const moments: Moment[] = [{ at: now, label: 'Now', sign: 'now' }];
  const add = (when: string | undefined, label: string, sign: Moment['sign']) => {
    const at = toDate(when);
    if (at) moments.push({ at, label, sign });
  };
  add(created, 'Created', 'start');
  if (rotated !== created) add(rotated, 'Rotated', 'tick');
  add(lastUsed, 'Last used', 'dot');
  add(expires, 'Expires', 'end');
  if (!created) add(seen, 'First seen', 'start');
  moments.sort((a, b) => a.at.getTime() - b.at.getTime());

  const times = moments.map((m) => m.at.getTime());
  const least = Math.min(...times);
  const most = Math.max(...times);
  const whole = Math.max(1, most - least);
  const x = (t: Date) => 3 + ((t.getTime() - least) / whole) * 94;
  const begin = toDate(created) ?? toDate(seen) ?? now;
  const end = toDate(expires);
  const live = end && end < now ? end : now;

  return (
    <figure className={classes.figure}>
      <svg className={classes.line} viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
        {!created && <line x1="0" x2={x(begin)} y1="5" y2="5" className={classes.unknown} />}
        <line x1={x(begin)} x2={x(live)} y1="5" y2="5" className={classes.past} />
        {live >= now && <line x1={x(now)} x2={end ? x(end) : 100} y1="5" y2="5" className={end ? classes.ahead : classes.unknown} />}
      </svg>
      <div className={classes.marks} aria-hidden="true">
        {moments.map((m) => (
          <span key={m.label} className={classes.mark} data-sign={m.sign} style={{ left: `${x(m.at)}%` }} title={`${m.label}: ${exact(m.at)}`} />
        ))}
      </div>
      <figcaption>
        <ol className={classes.words}>
          {moments.map((m) => (
            <li key={m.label}>
              <span className={classes.key} data-sign={m.sign} aria-hidden="true" />
              <span className="muted">{m.label}</span> <time dateTime={m.at.toISOString()}>{m.label === 'Now' ? 'today' : date(m.at)}</time>
            </li>
          ))}
        </ol>
      </figcaption>
    </figure>
  );
}
