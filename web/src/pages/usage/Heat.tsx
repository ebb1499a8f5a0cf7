import type { UsageWindow } from '@/api/types';
import { count } from '@/lib/format';
import classes from './usage.module.css';
import { coveredHours, uses } from './words';

const names = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const clock = (h: number) => `${String(h).padStart(2, '0')}:00`;

/** When in the week it acts: a table that is read as numbers and seen as shades. Hours that no log covers are hatched. */
export function Heat({ week, window: w }: { week: number[]; window: UsageWindow }) {
  const covered = coveredHours(w);
  const most = Math.max(1, ...week);
  const top = week.indexOf(most);
  const level = (n: number) => (n === 0 ? 0 : Math.max(1, Math.ceil((Math.log1p(n) / Math.log1p(most)) * 4)));
  return (
    <>
      <table className={classes.heat}>
        <caption>Uses by weekday and hour, UTC</caption>
        <thead>
          <tr>
            <th scope="col">
              <span className={classes.hidden}>Day</span>
            </th>
            {Array.from({ length: 24 }, (_, h) => (
              <th key={h} scope="col">
                {h % 6 === 0 ? <span aria-hidden="true">{h}</span> : null}
                <span className={classes.hidden}>{clock(h)}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((name, d) => (
            <tr key={name}>
              <th scope="row">
                <span aria-hidden="true">{name.slice(0, 3)}</span>
                <span className={classes.hidden}>{name}</span>
              </th>
              {Array.from({ length: 24 }, (_, h) => {
                const n = week[d * 24 + h] ?? 0;
                const unknown = n === 0 && !covered[d * 24 + h];
                const says = unknown ? 'not known' : uses(n);
                return (
                  <td key={h} className={unknown ? 'hatched' : undefined} data-level={unknown ? undefined : level(n)} title={`${name} ${clock(h)} UTC: ${says}`}>
                    <span className={classes.hidden}>{unknown ? says : count(n)}</span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <p className={classes.note}>
        {(week[top] ?? 0) > 0 ? `Busiest on ${names[Math.floor(top / 24)] ?? ''} at ${clock(top % 24)} UTC: ${uses(most)}.` : 'No use was seen.'}{' '}
        <i className={classes.keyHatch} aria-hidden="true" /> Nothing is known of hatched hours.
      </p>
    </>
  );
}
