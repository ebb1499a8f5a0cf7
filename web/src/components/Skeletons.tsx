import { Skeleton } from '@mantine/core';

const widths = [38, 52, 44, 61, 35, 48, 57, 41];

/** Lines of the height of a list's rows, so that nothing moves when they come. */
export function Rows({ count, height = 33 }: { count: number; height?: number }) {
  return (
    <div aria-hidden="true">
      {Array.from({ length: count }, (_, i) => (
        <div key={i} style={{ height, display: 'flex', alignItems: 'center', gap: 24 }}>
          <Skeleton height={10} width={`${widths[i % widths.length] ?? 40}%`} />
          <Skeleton height={10} width="12%" />
          <Skeleton height={10} width="10%" />
        </div>
      ))}
    </div>
  );
}

/** A block of a known height. */
export function Block({ height, width }: { height: number; width?: number | string }) {
  return <Skeleton height={height} {...(width !== undefined && { width })} aria-hidden="true" />;
}
