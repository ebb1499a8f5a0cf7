import { useGet } from '@/api/query';
import type { FieldChange, Items, Version } from '@/api/types';
import { exact, word } from '@/lib/format';
import classes from './identity.module.css';
import { Empty, Failed, Mark, Rows, Tag, Time } from './parts';

const changes: Record<string, { tone: 'good' | 'low' | 'unknown'; sign: 'full' | 'half' | 'cross' | 'check'; words: string }> = {
  added: { tone: 'good', sign: 'full', words: 'appeared' },
  changed: { tone: 'low', sign: 'half', words: 'changed' },
  ended: { tone: 'unknown', sign: 'cross', words: 'ended' },
  judged: { tone: 'low', sign: 'half', words: 'use judged' },
  registered: { tone: 'low', sign: 'check', words: 'registered' },
};

/** Every version of it, with what changed, and who or what changed it. */
export function History({ path }: { path: string }) {
  const q = useGet<Items<Version>>(`${path}/history`);
  if (!q.data) return q.error ? <Failed what="The history" error={q.error} retry={() => void q.refetch()} /> : <Rows count={6} />;
  const rows = q.data.items ?? [];
  if (rows.length === 0) return <Empty title="No history yet.">It has not changed since it was first seen.</Empty>;
  return (
    <ol className={classes.history}>
      {rows.map((v, i) => {
        const c = changes[v.change];
        return (
          <li key={i}>
            <div className={classes.when}>
              <Time at={v.at} />
              <span className="muted">{exact(v.at)}</span>
            </div>
            <div className={classes.what}>
              <div className={classes.whatHead}>
                {c && (
                  <Mark tone={c.tone} sign={c.sign}>
                    {c.words}
                  </Mark>
                )}
                <span>{v.summary}</span>
                {v.type && v.type !== 'identity' && <Tag>{word(v.type)}</Tag>}
              </div>
              <p className="muted">
                {v.by ? `by ${v.by.name}` : v.source ? `seen by ${v.source}` : ''}
                {v.scope && !v.by ? ` in ${v.scope}` : ''}
              </p>
              <Diff fields={v.fields ?? []} />
            </div>
          </li>
        );
      })}
    </ol>
  );
}

const show = (value: unknown): string =>
  value === undefined || value === null || value === '' ? '' : typeof value === 'string' ? value : JSON.stringify(value);

/** Fields before and after, the old struck and the new marked, told apart without colour as well. */
export function Diff({ fields }: { fields: FieldChange[] }) {
  if (fields.length === 0) return null;
  return (
    <table className={classes.diff}>
      <caption>What changed</caption>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
        </tr>
      </thead>
      <tbody>
        {fields.map((f) => (
          <tr key={f.field}>
            <th scope="row">{f.field}</th>
            <td>{show(f.before) ? <del>{show(f.before)}</del> : <span className="muted">nothing</span>}</td>
            <td>{show(f.after) ? <ins>{show(f.after)}</ins> : <span className="muted">nothing</span>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
