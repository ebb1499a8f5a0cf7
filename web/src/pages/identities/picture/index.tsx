import '@xyflow/react/dist/base.css';
import { SegmentedControl } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { Background, Controls, ReactFlow, ReactFlowProvider, useReactFlow, type Edge } from '@xyflow/react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useGet } from '@/api/query';
import type { Picture, PictureNode } from '@/api/types';
import { Link, useGo } from '@/app/router';
import { Failed, Notice } from '@/components/States';
import { Rows } from '@/components/Skeletons';
import { sentence, word } from '@/lib/format';
import { SimpleTable } from '../parts';
import { layout, type Placed } from './layout';
import { height, NodeBox, width, type BoxNode } from './NodeBox';
import classes from './picture.module.css';
import { walk } from './walk';

const nodeTypes = { box: NodeBox };

const addresses: Record<string, (id: string) => string> = {
  credential: (id) => `/credentials/${id}`,
  place: (id) => `/credentials/${id}`,
};
const addressOf = (n: PictureNode) => (n.entity ? (addresses[n.type] ?? ((id: string) => `/identities/${id}`))(n.entity) : undefined);

/** The relationship picture of an identity, and a table that says the same. */
export default function PictureTab({ path, name }: { path: string; name: string }) {
  const [expand, setExpand] = useState<string[]>([]);
  const narrow = useMediaQuery('(max-width: 760px)') ?? false;
  const [view, setView] = useState<'picture' | 'table' | undefined>();
  const shown = view ?? (narrow ? 'table' : 'picture');
  const q = useGet<Picture>(`${path}/picture`, { expand }, { keep: true });
  if (!q.data) return q.error ? <Failed what="The picture" error={q.error} retry={() => void q.refetch()} /> : <Rows count={10} />;
  const open = (id: string) => setExpand((old) => (old.includes(id) ? old : [...old, id]));
  return (
    <>
      <div className={classes.head}>
        <p className="muted">{q.data.note}</p>
        <SegmentedControl
          size="xs"
          aria-label="How it is shown"
          value={shown}
          onChange={(v) => setView(v as 'picture' | 'table')}
          data={[
            { value: 'picture', label: 'Picture' },
            { value: 'table', label: 'Table' },
          ]}
        />
      </div>
      {q.data.truncated && <Notice tone="unknown">More hangs on it than was looked at. The lists of the other tabs are complete.</Notice>}
      {shown === 'picture' ? (
        <ReactFlowProvider>
          <Canvas picture={q.data} name={name} open={open} />
        </ReactFlowProvider>
      ) : (
        <Twin picture={q.data} open={open} />
      )}
    </>
  );
}

function Canvas({ picture, name, open }: { picture: Picture; name: string; open: (id: string) => void }) {
  const nodes = useMemo(() => picture.nodes ?? [], [picture]);
  const edges = useMemo(() => picture.edges ?? [], [picture]);
  const [placed, setPlaced] = useState<Placed | undefined>();
  const [failed, setFailed] = useState<unknown>();
  const [at, setAt] = useState(picture.center);
  const go = useGo();
  const flow = useReactFlow();
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    let stale = false;
    layout({
      boxes: nodes.map((n) => ({ id: n.id, side: n.side, width, height })),
      edges: edges.map((e) => ({ id: e.id, from: e.from, to: e.to })),
      gap: Math.min(170, Math.max(70, ...edges.map((e) => e.verb.length * 6.6 + 36))),
    })
      .then((p) => !stale && setPlaced(p))
      .catch((e: unknown) => !stale && setFailed(e));
    return () => {
      stale = true;
    };
  }, [nodes, edges]);

  const boxes = useMemo<BoxNode[]>(
    () =>
      placed
        ? nodes.flatMap((n) => {
            const position = placed[n.id];
            return position ? [{ id: n.id, type: 'box' as const, position, width, height, data: { node: n, at: n.id === at }, focusable: false }] : [];
          })
        : [],
    [nodes, placed, at],
  );
  const lines = useMemo<Edge[]>(
    () =>
      edges.map((e, i) => ({
        id: e.id,
        source: e.from,
        target: e.to,
        // Of lines that say the same only one is labelled, and those of what is looked at.
        label: e.from === at || e.to === at || edges.findIndex((o) => o.from === e.from && o.verb === e.verb) === i ? e.verb : undefined,
        type: 'default',
        focusable: false,
        className: e.from === at || e.to === at ? classes.edgeOn : classes.edge,
        labelShowBg: true,
        labelBgPadding: [4, 1] as [number, number],
        zIndex: e.from === at || e.to === at ? 1 : 0,
      })),
    [edges, at],
  );

  const act = useCallback(
    (id: string) => {
      const n = nodes.find((x) => x.id === id);
      if (!n) return;
      const to = addressOf(n);
      if (n.type === 'more' || (n.count && !to)) open(n.id);
      else if (to && n.side !== 'center') go(to);
    },
    [nodes, open, go],
  );

  if (failed !== undefined) return <Failed what="The layout of the picture" error={failed} />;
  const current = nodes.find((n) => n.id === at);
  const about = edges.filter((e) => e.from === at || e.to === at);
  return (
    <div className={classes.canvas}>
      <div
        ref={box}
        className={classes.flow}
        style={{ height: canvasHeight(placed) }}
        role="application"
        tabIndex={0}
        aria-label={`What can act as ${name}, and what it can reach. Arrow keys walk it, Enter opens.`}
        aria-describedby="picture-at"
        onKeyDown={(event) => {
          const next = placed && walk(event.key, at, edges, placed);
          if (next) {
            event.preventDefault();
            setAt(next);
            const p = placed[next];
            if (p) void flow.setCenter(p.x + width / 2, p.y + height / 2, { zoom: flow.getZoom(), duration: 0 });
          } else if (event.key === 'Enter') {
            event.preventDefault();
            act(at);
          }
        }}
      >
        {placed ? (
          <ReactFlow
            nodes={boxes}
            edges={lines}
            nodeTypes={nodeTypes}
            fitView
            fitViewOptions={{ maxZoom: 1, minZoom: 0.7, padding: '18px', nodes: nodes.length > 24 ? [{ id: picture.center }] : undefined }}
            minZoom={0.2}
            maxZoom={1.6}
            nodesDraggable={false}
            nodesConnectable={false}
            nodesFocusable={false}
            edgesFocusable={false}
            elementsSelectable={false}
            disableKeyboardA11y
            preventScrolling={false}
            zoomOnScroll={false}
            panOnScroll={false}
            proOptions={{ hideAttribution: true }}
            onNodeClick={(_, n) => (n.id === at ? act(n.id) : setAt(n.id))}
            onEdgeClick={(_, e) => setAt(e.source === picture.center ? e.target : e.source)}
          >
            <Background color="var(--rt-line)" gap={24} size={1} />
            <Controls showInteractive={false} />
          </ReactFlow>
        ) : (
          <Rows count={10} />
        )}
      </div>
      <aside className={classes.about} id="picture-at" aria-live="polite">
        {current && (
          <>
            <div>
              <h2>{current.name}</h2>
              <p className="muted">
                {word(current.kind || current.type)}
                {current.flag && ` · ${current.flag}`}
              </p>
            </div>
            <ul>
              {about.slice(0, 14).map((e) => (
                <li key={e.id}>{e.sentence ? sentence(e.sentence) : `${nameOf(nodes, e.from)} ${e.verb} ${nameOf(nodes, e.to)}`}</li>
              ))}
              {about.length > 14 && <li className="muted">and {about.length - 14} more, in the table</li>}
              {about.length === 0 && <li className="muted">Nothing is known to lead to it or from it.</li>}
            </ul>
            {current.type === 'more' || (current.count && !current.entity) ? (
              <button type="button" className={classes.link} onClick={() => open(current.id)}>
                Show them
              </button>
            ) : (
              addressOf(current) && current.side !== 'center' && <Link to={addressOf(current) ?? ''}>Open its page</Link>
            )}
          </>
        )}
      </aside>
    </div>
  );
}

/** As high as what is drawn, between what is comfortable and most of a screen. */
const canvasHeight = (placed: Placed | undefined) =>
  placed ? Math.min(Math.max(300, Math.max(0, ...Object.values(placed).map((p) => p.y)) + height + 72), 640) : 420;

const nameOf = (nodes: PictureNode[], id: string) => nodes.find((n) => n.id === id)?.name ?? id;

/** The same as rows: who, does what, to what. */
function Twin({ picture, open }: { picture: Picture; open: (id: string) => void }) {
  const nodes = picture.nodes ?? [];
  const cell = (id: string) => {
    const n = nodes.find((x) => x.id === id);
    if (!n) return id;
    const to = addressOf(n);
    if (n.type === 'more')
      return (
        <button type="button" className={classes.link} onClick={() => open(n.id)}>
          {n.name}
        </button>
      );
    return (
      <>
        {to && n.side !== 'center' ? <Link to={to}>{n.name}</Link> : n.name} <span className="muted">{word(n.kind || n.type)}</span>
      </>
    );
  };
  return (
    <SimpleTable
      label="What can act as it, and what it can reach"
      head={['Who or what', 'Does', 'To', 'In words']}
      rows={(picture.edges ?? []).map((e) => [cell(e.from), e.verb, cell(e.to), e.sentence])}
    />
  );
}
