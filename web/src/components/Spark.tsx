import { scaleLinear, scaleTime } from 'd3-scale';
import { area, line } from 'd3-shape';
import { useId } from 'react';
import { count, date, toDate } from '@/lib/format';

interface Props {
  points: { at: string; value?: number }[];
  label: string;
  width?: number;
  height?: number;
}

/** A small line of a figure over time. Days without a count are hatched, never joined over. */
export function Spark({ points, label, width = 220, height = 40 }: Props) {
  const id = useId();
  const known = points.flatMap((p) => {
    const at = toDate(p.at);
    return at ? [{ at, value: p.value }] : [];
  });
  const values = known.flatMap((p) => p.value ?? []);
  const first = known[0];
  const last = known.at(-1);
  if (!first || !last || values.length === 0) return <Blank width={width} height={height} label={`${label}: nothing was counted yet`} />;
  const x = scaleTime().domain([first.at, last.at]).range([1, width - 3]);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const pad = Math.max((high - low) * 0.12, high * 0.02, 0.5);
  const y = scaleLinear().domain([Math.max(0, low - pad), high + pad]).range([height - 1, 3]);
  const here = (p: { value?: number | undefined }) => p.value !== undefined;
  const path = line<(typeof known)[number]>()
    .defined(here)
    .x((p) => x(p.at))
    .y((p) => y(p.value ?? 0));
  const under = area<(typeof known)[number]>()
    .defined(here)
    .x((p) => x(p.at))
    .y0(height)
    .y1((p) => y(p.value ?? 0));
  const end = known.findLast(here);
  const start = known.find(here);
  const words = `${label}: ${count(start?.value ?? 0)} on ${date(start?.at)}, ${count(end?.value ?? 0)} on ${date(end?.at)}`;
  return (
    <svg width="100%" height={height} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={words}>
      <title>{words}</title>
      <Hatch id={id} />
      {known.map((p, i) => {
        const next = known[i + 1];
        return p.value === undefined && next ? (
          <rect key={i} x={x(p.at)} y={0} width={Math.max(1, x(next.at) - x(p.at))} height={height} fill={`url(#${id})`} />
        ) : null;
      })}
      {values.length > 1 ? (
        <>
          <path d={under(known) ?? ''} fill="var(--rt-series-1)" opacity={0.09} />
          <path d={path(known) ?? ''} fill="none" stroke="var(--rt-series-1)" strokeWidth={1.5} vectorEffect="non-scaling-stroke" />
        </>
      ) : (
        <line x1={1} x2={width - 1} y1={y(values[0] ?? 0)} y2={y(values[0] ?? 0)} stroke="var(--rt-series-1)" strokeWidth={1.5} strokeDasharray="2 3" vectorEffect="non-scaling-stroke" />
      )}
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
