import { useEffect, useRef, useState } from 'react';
import { addDays, dayOf, monthOf, moveBy, weeksOf, type Day, type Month } from './month';
import classes from './Calendar.module.css';

const names = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

interface Props {
  month: Month;
  /** How many expire on which day. A day that is absent has none. */
  counts: Record<Day, number>;
  selected?: Day;
  onSelect: (day: Day) => void;
  /** Called when the keyboard leaves the month. */
  onMonth: (month: Month) => void;
  /** What is counted, for people who hear the page: "credentials expire". */
  what?: string;
}

/** A month of days with a count on each: one tab stop, arrow keys, Page Up and Page Down for months. */
export function Calendar({ month, counts, selected, onSelect, onMonth, what = 'credentials expire' }: Props) {
  const today = dayOf(Date.now());
  const [at, setAt] = useState<Day>(() => start(month, selected, today));
  const grid = useRef<HTMLTableElement>(null);
  const moved = useRef(false);

  useEffect(() => {
    if (monthOf(at) !== month) setAt(start(month, selected, today));
  }, [month, at, selected, today]);

  useEffect(() => {
    if (!moved.current) return;
    moved.current = false;
    grid.current?.querySelector<HTMLButtonElement>(`[data-day="${at}"]`)?.focus();
  }, [at, month]);

  const weeks = weeksOf(month);
  const most = Math.max(5, ...Object.values(counts));

  function onKey(event: React.KeyboardEvent, day: Day) {
    const next = moveBy(event.key, day, event.shiftKey);
    if (!next) return;
    event.preventDefault();
    moved.current = true;
    setAt(next);
    if (monthOf(next) !== month) onMonth(monthOf(next));
  }

  return (
    <table className={classes.grid} role="grid" ref={grid} aria-label="Expiry by day">
      <thead>
        <tr>
          {names.map((name) => (
            <th key={name} scope="col" abbr={name}>
              {name.slice(0, 3)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {weeks.map((week) => (
          <tr key={week[0]}>
            {week.map((day) => {
              const n = counts[day] ?? 0;
              const outside = monthOf(day) !== month;
              return (
                <td key={day} className={classes.cell} aria-selected={day === selected}>
                  <button
                    type="button"
                    className={classes.day}
                    data-day={day}
                    data-outside={outside || undefined}
                    data-today={day === today || undefined}
                    aria-pressed={day === selected}
                    aria-current={day === today ? 'date' : undefined}
                    aria-label={`${spoken(day)}: ${n === 0 ? 'none expire' : `${n} ${what}`}`}
                    tabIndex={day === at ? 0 : -1}
                    onKeyDown={(event) => onKey(event, day)}
                    onClick={() => {
                      setAt(outside ? at : day);
                      onSelect(day);
                    }}
                  >
                    <span className={classes.number}>{Number(day.slice(8))}</span>
                    {n > 0 && (
                      <span>
                        <span className={classes.count}>{n.toLocaleString()}</span>
                        <span
                          className={classes.bar}
                          style={{ display: 'block', width: `${Math.max(8, Math.round((n / most) * 100))}%` }}
                        />
                      </span>
                    )}
                  </button>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function start(month: Month, selected: Day | undefined, today: Day): Day {
  if (selected && monthOf(selected) === month) return selected;
  if (monthOf(today) === month) return today;
  return addDays(`${month}-01`, 0);
}

function spoken(day: Day): string {
  return new Date(`${day}T00:00:00Z`).toLocaleDateString(undefined, { dateStyle: 'full', timeZone: 'UTC' });
}
