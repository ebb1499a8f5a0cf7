import ELK from 'elkjs/lib/elk-api';
import workerUrl from 'elkjs/lib/elk-worker.min.js?url';

export interface Box {
  id: string;
  side: 'center' | 'left' | 'right';
  width: number;
  height: number;
}
export interface Wanted {
  boxes: Box[];
  edges: { id: string; from: string; to: string }[];
  /** Between the columns, in pixels: room for the verbs. */
  gap: number;
}
export type Placed = Record<string, { x: number; y: number }>;

let elk: InstanceType<typeof ELK> | undefined;

/** Lays the picture out in a worker: what acts on the left, what is reached on the right. */
export async function layout({ boxes, edges, gap }: Wanted): Promise<Placed> {
  elk ??= new ELK({ workerUrl, workerFactory: (url) => new Worker(url ?? workerUrl) });
  const known = new Set(boxes.map((b) => b.id));
  const partition = { left: '0', center: '1', right: '2' };
  const graph = await elk.layout({
    id: 'root',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': 'RIGHT',
      'elk.partitioning.activate': 'true',
      'elk.layered.spacing.nodeNodeBetweenLayers': String(gap),
      'elk.spacing.nodeNode': '12',
      'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
      'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
    },
    children: boxes.map((b) => ({
      id: b.id,
      width: b.width,
      height: b.height,
      layoutOptions: { 'elk.partitioning.partition': partition[b.side] },
    })),
    edges: edges
      .filter((e) => known.has(e.from) && known.has(e.to))
      .map((e) => ({ id: e.id, sources: [e.from], targets: [e.to] })),
  });
  return Object.fromEntries((graph.children ?? []).map((c) => [c.id, { x: c.x ?? 0, y: c.y ?? 0 }]));
}
