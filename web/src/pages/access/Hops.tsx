import { useRef } from 'react';
import type { AccessHop } from '@/api/types';
import { Mark } from '@/components/Words';
import { middle } from '@/lib/format';
import classes from './access.module.css';
import { Reasons, Thing } from './words';

const short = (key: string) => middle(key.includes(':') ? (key.split(/[:/]/).pop() ?? key) : key, 32);

/** A way from one thing to another: a picture of its steps, each of which opens to the statements that allow it. Arrow keys walk it. */
export function Hops({ hops, label }: { hops: AccessHop[]; label: string }) {
  const list = useRef<HTMLOListElement>(null);
  const walk = (event: React.KeyboardEvent) => {
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!way || !list.current) return;
    const stops = Array.from(list.current.querySelectorAll<HTMLElement>('summary'));
    const at = stops.indexOf(document.activeElement as HTMLElement);
    if (at < 0) return;
    event.preventDefault();
    stops[Math.max(0, Math.min(stops.length - 1, at + way))]?.focus();
  };
  return (
    <ol className={classes.hops} aria-label={label} ref={list} onKeyDown={walk}>
      {hops.map((h, i) => (
        <li key={i}>
          {i === 0 && <span className={classes.stop} title={h.from}>{h.fromThing?.name || short(h.from)}</span>}
          <details className={classes.hop}>
            <summary>
              <span className={classes.verb}>{h.verb || 'uses'}</span>
              <span className={classes.technique}>{h.technique}</span>
            </summary>
            <div className={classes.hopBody}>
              {(h.with ?? []).length > 0 && <p>Together with {(h.with ?? []).map(short).join(', ')}.</p>}
              {h.through && (
                <p>
                  Through <code className="mono">{middle(h.through, 72)}</code>.
                </p>
              )}
              {h.assumes && <p>Taken to be there: {h.assumes}.</p>}
              <Reasons of={h.because} remains={h.remains} unread={h.unread} />
            </div>
          </details>
          <span className={classes.stop} data-admin={h.toThing?.administrator || undefined} title={h.to}>
            {h.toThing ? <Thing of={h.toThing} /> : short(h.to)}
          </span>
        </li>
      ))}
    </ol>
  );
}

/** Says of a way that it is possible and not certain. */
export function Surely({ possible }: { possible?: boolean }) {
  return possible ? <Mark tone="low" sign="dashed">possible</Mark> : <Mark tone="high" sign="full">certain</Mark>;
}
