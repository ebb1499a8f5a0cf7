import { useGet } from '@/api/query';
import type { IdentityDetail, Items, StoredFact } from '@/api/types';
import { CopyButton } from '@/components/CopyButton';
import { Key } from '@/components/Name';
import { exact, word } from '@/lib/format';
import classes from './identity.module.css';
import { Failed, Rows, Section } from './parts';

/** What sources state of it, verbatim. */
export function Raw({ path, identity }: { path: string; identity: IdentityDetail }) {
  const q = useGet<Items<StoredFact>>(`${path}/facts`);
  return (
    <>
      <Section title="Known as">
        <ul className={classes.plain}>
          {(identity.refs ?? []).map((r) => (
            <li key={`${r.realm}${r.kind}${r.key}`}>
              <span className="muted">
                {r.realm} · {word(r.kind)}
              </span>{' '}
              <Key value={r.key} most={110} />
            </li>
          ))}
        </ul>
      </Section>
      {!q.data ? (
        q.error ? (
          <Failed what="The list of facts" error={q.error} retry={() => void q.refetch()} />
        ) : (
          <Rows count={6} />
        )
      ) : (
        (q.data.items ?? []).map((f, i) => {
          const text = JSON.stringify(f.body, null, 2);
          return (
            <Section
              key={i}
              title={`${word(f.type)} by ${f.source ?? 'a source'}`}
              aside={
                <>
                  {f.scope.path || f.scope.realm} · observed {exact(f.observedFrom)}
                  {f.observedTo ? ` to ${exact(f.observedTo)}` : ' until now'} <CopyButton value={text} what="fact" />
                </>
              }
            >
              <pre className={classes.raw} tabIndex={0} aria-label={`Fact of ${f.source ?? 'a source'}`}>
                {text}
              </pre>
            </Section>
          );
        })
      )}
    </>
  );
}
