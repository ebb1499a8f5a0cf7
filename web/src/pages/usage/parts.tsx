import { useState } from 'react';
import { Tag, word } from '@/components/Words';
import { count, middle } from '@/lib/format';
import classes from './usage.module.css';

/** A list that begins short and opens. */
export function useMore<T>(all: T[], first: number) {
  const [most, setMost] = useState(first);
  const rest = all.length - most;
  const more = rest > 0 && (
    <p className={classes.note}>
      <button type="button" className={classes.more} onClick={() => setMost((n) => n + 200)}>
        and {count(rest)} more
      </button>
    </p>
  );
  return [all.slice(0, most), more] as const;
}

/** A consumer: what it is called, and what it is called by. */
export function Who({ of: c }: { of: { kind: string; name?: string; person?: boolean } }) {
  return (
    <>
      <span title={c.name}>{middle(c.name || 'not named by the log', 56)}</span> {c.person && <Tag title="People are shown by pseudonyms.">person</Tag>}
      <br />
      <span className="muted">{c.kind ? word(c.kind) : 'kind not known'}</span>
    </>
  );
}

/** What was done, and on what. */
export function Did({ of: a }: { of: { action?: string; operation?: string; resource?: string } }) {
  return (
    <>
      {a.action || a.operation || <span className="muted">an entry that was not understood</span>}
      {a.resource && (
        <>
          <br />
          <span className="muted" title={a.resource}>
            {middle(a.resource, 64)}
          </span>
        </>
      )}
    </>
  );
}

/** The first few of a list, all on hover. */
export function Some({ of, most = 3 }: { of: string[] | null | undefined; most?: number }) {
  const l = of ?? [];
  if (l.length === 0) return <span className="muted">–</span>;
  return (
    <span title={l.join('\n')}>
      {l.slice(0, most).map((t) => middle(t, 64)).join(', ')}
      {l.length > most && ` and ${count(l.length - most)} more`}
    </span>
  );
}
