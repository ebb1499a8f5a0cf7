import { scaleLinear, scaleTime } from 'd3-scale';
import { area, line } from 'd3-shape';
import { useId } from 'react';
import { count, date, toDate } from '@/lib/format';

interface Day {
  at: string;
  value?: number;
  /** The whole that value and unknown are parts of. */
  of?: number;
  /** How much of the whole nobody could measure that day. */
  unknown?: number;
  /** Nothing was counted that day. */
  missed?: boolean;
}

interface Props {
  points: Day[];
  label: string;
  width?: number;
  height?: number;
}

/**
 * A small line of a figure over time. What was not measured hangs from the top,
 * hatched, in proportion to the whole; days that nobody counted are hatched
 * from top to bottom, never joined over.
 */
export function Spark({ points, label, width = 220, height = 40 }: Props) {
  const id = useId();
  const days = points.flatMap((p) => {
    const at = toDate(p.at);
    return at ? [{ ...p, at }] : [];
  });
  const counted = days.filter((p) => !p.missed);
  const values = counted.flatMap((p) => p.value ?? []);
  const first = days[0];
  const last = days.at(-1);
  const end = counted.at(-1);
  const unknown = Math.max(0, ...counted.map((p) => p.unknown ?? 0));
  if (!first || !last || !end || (values.length === 0 && unknown === 0)) return <Blank width={width} height={height} label={`${label}: nothing was counted yet`} />;
  const x = scaleTime().domain([first.at, last.at]).range([1, width - 3]);
  const of = Math.max(1, ...counted.map((p) => p.of ?? 0));
  const low = unknown > 0 || values.length === 0 ? 0 : Math.min(...values);
  const high = unknown > 0 || values.length === 0 ? of : Math.max(...values);
  const pad = unknown > 0 ? 0 : Math.max((high - low) * 0.12, high * 0.02, 0.5);
  const y = scaleLinear().domain([Math.max(0, low - pad), high + pad]).range([height - 1, 3]);
  const here = (p: (typeof days)[number]) => !p.missed && p.value !== undefined;
  const path = line<(typeof days)[number]>()
    .defined(here)
    .x((p) => x(p.at))
    .y((p) => y(p.value ?? 0));
  const under = area<(typeof days)[number]>()
    .defined(here)
    .x((p) => x(p.at))
    .y0(height)
    .y1((p) => y(p.value ?? 0));
  const hanging = area<(typeof days)[number]>()
    .defined((p) => !p.missed)
    .x((p) => x(p.at))
    .y0((p) => y(p.of ?? 0))
    .y1((p) => y((p.of ?? 0) - (p.unknown ?? 0)));
  const missed = days.length - counted.length;
  const told = (p: (typeof days)[number]) => (p.value === undefined ? 'unknown' : count(p.value));
  const start = counted[0] ?? end;
  const words = [
    `${label}: ${told(start)} on ${date(start.at)}, ${told(end)} on ${date(end.at)}`,
    (end.unknown ?? 0) > 0 && `${count(end.unknown ?? 0)} of ${count(end.of ?? 0)} not measured`,
    missed > 0 && `${count(missed)} ${missed === 1 ? 'day' : 'days'} missed`,
  ]
    .filter(Boolean)
    .join('; ');
  return (
    <svg width="100%" height={height} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={words}>
      <title>{words}</title>
      <Hatch id={id} />
      {unknown > 0 && counted.length > 1 && <path d={hanging(days) ?? ''} fill={`url(#${id})`} />}
      {days.map((p, i) => {
        const next = days[i + 1];
        return p.missed && next ? (
          <rect key={i} x={x(p.at)} y={0} width={Math.max(1, x(next.at) - x(p.at))} height={height} fill={`url(#${id})`} />
        ) : null;
      })}
      {values.length > 1 ? (
        <>
          <path d={under(days) ?? ''} fill="var(--rt-series-1)" opacity={0.09} />
          <path d={path(days) ?? ''} fill="none" stroke="var(--rt-series-1)" strokeWidth={1.5} vectorEffect="non-scaling-stroke" />
        </>
      ) : values.length === 1 ? (
        <line x1={1} x2={width - 1} y1={y(values[0] ?? 0)} y2={y(values[0] ?? 0)} stroke="var(--rt-series-1)" strokeWidth={1.5} strokeDasharray="2 3" vectorEffect="non-scaling-stroke" />
      ) : null}
    </svg>
  );
}

function Hatch({ id }: { id: string }) {
  return (
    <defs>
      <pattern id={id} width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">
        <rect width="5" height="5" fill="var(--rt-unknown-wash)" />
        <line x1="0" y1="0" x2="5" y2="0" stroke="var(--rt-hatch)" strokeWidth="1.5" />
      </pattern>
    </defs>
  );
}

function Blank({ height, label }: { width: number; height: number; label: string }) {
  return <div className="hatched" style={{ height, borderRadius: 2 }} role="img" aria-label={label} title={label} />;
}

/** How a whole divides: what is counted, the rest, and what nobody can tell. */
export function ShareBar({ value, of, unknown = 0, label }: { value: number; of: number; unknown?: number; label: string }) {
  if (of <= 0) return null;
  const part = (n: number) => `${Math.min(100, (n / of) * 100)}%`;
  return (
    <div role="img" aria-label={label} title={label} style={{ display: 'flex', height: 5, overflow: 'hidden', borderRadius: 2, background: 'var(--rt-line)' }}>
      <span style={{ width: part(value), background: 'var(--rt-series-1)' }} />
      <span style={{ flex: 1 }} />
      <span className="hatched" style={{ width: part(unknown) }} />
    </div>
  );
}
