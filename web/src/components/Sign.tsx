import { useId } from 'react';

export type SignName =
  | 'octagon'
  | 'triangle'
  | 'diamond'
  | 'circle'
  | 'dot'
  | 'full'
  | 'half'
  | 'ring'
  | 'dashed'
  | 'hatched'
  | 'cross'
  | 'check';

/** The small signs that stand beside words: shapes that differ without colour. */
export function Sign({ name, size = 12 }: { name: SignName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 12 12" aria-hidden="true" focusable="false" style={{ flex: 'none' }}>
      {name === 'hatched' ? <Hatched /> : shapes[name]}
    </svg>
  );
}

const line = { fill: 'none', stroke: 'currentColor', strokeWidth: 1.5 } as const;

const shapes: Record<Exclude<SignName, 'hatched'>, React.ReactNode> = {
  octagon: <path d="M3.8.8h4.4l3 3v4.4l-3 3H3.8l-3-3V3.8z" fill="currentColor" />,
  triangle: <path d="M6 1 11.4 10.6H.6z" fill="currentColor" />,
  diamond: <path d="M6 .8 11.2 6 6 11.2.8 6z" fill="currentColor" />,
  circle: <circle cx="6" cy="6" r="4" {...line} />,
  dot: <circle cx="6" cy="6" r="2" fill="currentColor" />,
  full: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  half: (
    <>
      <circle cx="6" cy="6" r="4" {...line} />
      <path d="M6 2a4 4 0 0 0 0 8z" fill="currentColor" />
    </>
  ),
  ring: <circle cx="6" cy="6" r="4" {...line} />,
  dashed: <circle cx="6" cy="6" r="4" {...line} strokeDasharray="2.1 1.5" />,
  cross: <path d="m2 2 8 8M10 2l-8 8" {...line} strokeWidth={1.8} strokeLinecap="round" />,
  check: <path d="m1.5 6.4 3 3 6-6.4" {...line} strokeWidth={1.8} strokeLinecap="round" strokeLinejoin="round" />,
};

function Hatched() {
  const id = useId();
  return (
    <>
      <clipPath id={id}>
        <rect x="1" y="1" width="10" height="10" rx="2" />
      </clipPath>
      <g clipPath={`url(#${id})`}>
        <path d="M-2 6 6-2M-2 10 10-2M0 14 14 0M4 14 14 4" stroke="currentColor" strokeWidth="1.2" />
      </g>
      <rect x="1.5" y="1.5" width="9" height="9" rx="2" fill="none" stroke="currentColor" strokeWidth="1" />
    </>
  );
}
