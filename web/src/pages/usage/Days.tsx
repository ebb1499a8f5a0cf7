import { useId, useState } from 'react';
import type { UsageDay, UsageWindow } from '@/api/types';
import { Simple } from '@/components/Simple';
import { count, date } from '@/lib/format';
import classes from './usage.module.css';
import { dayBars, daysText, type DayBar } from './words';

const height = 64;

/** Day by day: uses, refused attempts on top of them, and hatched what no log covers. */
export function Days({ days, window: w, label, most = 365, events }: { days: UsageDay[]; window: UsageWindow; label: string; most?: number; events?: boolean }) {
  const [table, setTable] = useState(false);
  const bars = dayBars(days, w, most);
  const text = daysText(bars, events ? 'Events on' : 'Used on');
  if (bars.length === 0) return null;
  const told = `${label}, ${date(bars[0]?.day)} to ${date(bars.at(-1)?.day)}. ${text}`;
  return (
    <>
      <Bars bars={bars} label={told} />
      <p className={classes.axis} aria-hidden="true">
        <span>{date(bars[0]?.day)}</span>
        <span>{date(bars.at(-1)?.day)}</span>
      </p>
      <p className={classes.note}>
        {text}.{' '}
        <button type="button" className={classes.more} aria-expanded={table} onClick={() => setTable((t) => !t)}>
          {table ? 'Hide the table' : 'As a table'}
        </button>
      </p>
      {table && (
        <Simple
          label={label}
          rows={bars.filter((b) => b.uses + b.denied > 0).reverse()}
          id={(b) => b.day}
          empty={<p className="muted">Nothing on any day.</p>}
          columns={[
            { name: 'day', head: 'Day, UTC', cell: (b) => b.day },
            { name: 'uses', head: events ? 'Events' : 'Uses', right: true, cell: (b) => count(b.uses) },
            ...(events ? [] : [{ name: 'denied', head: 'Denied', right: true, cell: (b: DayBar) => count(b.denied) }]),
          ]}
        />
      )}
    </>
  );
}

/** The bars alone. */
export function Bars({ bars, label }: { bars: DayBar[]; label: string }) {
  const id = useId();
  const most = Math.max(1, ...bars.map((b) => b.uses + b.denied));
  const of = (n: number) => (n === 0 ? 0 : Math.max(2, (n / most) * (height - 4)));
  return (
    <svg className={classes.days} width="100%" height={height} viewBox={`0 0 ${bars.length} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <title>{label}</title>
      <defs>
        <pattern id={id} width={bars.length / 120} height="6" patternUnits="userSpaceOnUse">
          <rect width={bars.length} height="6" fill="var(--rt-unknown-wash)" />
          <line x1="0" y1="6" x2={bars.length / 120} y2="0" stroke="var(--rt-hatch)" strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
        </pattern>
      </defs>
      {bars.map((b, i) => {
        const used = of(b.uses);
        const denied = of(b.denied);
        if (!b.known) return <rect key={b.day} x={i} y={0} width={1} height={height} fill={`url(#${id})`} />;
        return (
          <g key={b.day}>
            {used > 0 && <rect x={i + 0.1} y={height - used} width={0.8} height={used} fill="var(--rt-series-1)" />}
            {denied > 0 && <rect x={i + 0.1} y={height - used - denied} width={0.8} height={denied} fill="var(--rt-high)" />}
          </g>
        );
      })}
      <line x1={0} x2={bars.length} y1={height - 0.5} y2={height - 0.5} stroke="var(--rt-line-strong)" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
