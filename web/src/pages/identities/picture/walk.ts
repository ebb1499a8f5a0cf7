import type { Placed } from './layout';

interface Line {
  from: string;
  to: string;
}

/**
 * Where an arrow key leads: left and right along the edges to the nearest
 * neighbour, up and down to the next thing of the same column.
 */
export function walk(key: string, at: string, edges: Line[], placed: Placed): string | undefined {
  const here = placed[at];
  if (!here) return undefined;
  const nearest = (ids: string[], distance: (p: { x: number; y: number }) => number) =>
    ids
      .flatMap((id) => {
        const p = placed[id];
        return p ? [{ id, d: distance(p) }] : [];
      })
      .sort((a, b) => a.d - b.d)[0]?.id;
  const beside = (p: { y: number }) => Math.abs(p.y - here.y);
  switch (key) {
    case 'ArrowRight':
      return nearest(
        edges.filter((e) => e.from === at).map((e) => e.to),
        beside,
      );
    case 'ArrowLeft':
      return nearest(
        edges.filter((e) => e.to === at).map((e) => e.from),
        beside,
      );
    case 'ArrowDown':
    case 'ArrowUp': {
      const sign = key === 'ArrowDown' ? 1 : -1;
      const column = Object.keys(placed).filter((id) => {
        const p = placed[id];
        return p && id !== at && Math.abs(p.x - here.x) < 60 && (p.y - here.y) * sign > 0;
      });
      return nearest(column, beside);
    }
    case 'Home':
      return Object.keys(placed)[0];
    default:
      return undefined;
  }
}
