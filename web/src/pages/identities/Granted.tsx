import { useState } from 'react';
import type { Grant, GrantedAccess, GrantSentence } from '@/api/types';
import { word } from '@/lib/format';
import classes from './identity.module.css';
import { Empty, Failed, Notice, Rows, Section, SimpleTable, Tag } from './parts';

/** What single documents grant it, in sentences grouped by consequence, each with the path that it comes by. */
export function Granted({ access, error, retry }: { access: GrantedAccess | undefined; error: unknown; retry: () => void }) {
  if (!access) return error ? <Failed what="What it may do" error={error} retry={retry} /> : <Rows count={8} />;
  const consequences = (access.consequences ?? []).filter((c) => (c.sentences ?? []).length > 0);
  const grants = access.grants ?? [];
  const limited = access.limited ?? [];
  return (
    <>
      <p className="muted">{access.note}</p>
      {access.missing > 0 && (
        <Notice tone="unknown">
          {access.missing === 1 ? 'The document of one policy was' : `The documents of ${access.missing} policies were`} not seen. What
          they allow is not known and not listed here.
        </Notice>
      )}
      {consequences.length === 0 && grants.length === 0 && (
        <Empty title="Nothing is granted to it.">No source states a grant, a policy or a membership of it.</Empty>
      )}
      {consequences.map((c) => (
        <Section key={c.kind} title={c.title} aside={String(c.sentences?.length ?? 0)}>
          <Sentences sentences={c.sentences ?? []} />
        </Section>
      ))}
      {limited.length > 0 && (
        <Section title="What limits it and is not applied above">
          <ul className={classes.plain}>
            {limited.map((l) => (
              <li key={l}>{l}</li>
            ))}
          </ul>
        </Section>
      )}
      {grants.length > 0 && (
        <Section title="The statements that grant it" aside={`${grants.length} in all`}>
          <SimpleTable
            label="Grants"
            head={['Policy or grant', 'As', 'Comes through', 'Where', 'Marks']}
            rows={grants.map((g) => [<GrantName key="n" grant={g} />, word(g.kind), (g.path ?? []).join(' → ') || g.via || 'directly', g.within ?? g.resource ?? '', <Marks key="m" grant={g} />])}
          />
        </Section>
      )}
    </>
  );
}

function Sentences({ sentences }: { sentences: GrantSentence[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? sentences : sentences.slice(0, 12);
  return (
    <>
      <ul className={classes.sentences}>
        {shown.map((s, i) => (
          <li key={i}>
            <details>
              <summary>
                {s.text}
                {s.within && <span className="muted"> in {s.within}</span>}
              </summary>
              <p className={classes.path}>
                {s.policy ? (
                  <>
                    granted by <code className="mono">{s.policy}</code>
                  </>
                ) : (
                  'granted directly'
                )}
                {(s.path ?? []).length > 0 && <> · through {(s.path ?? []).join(' → ')}</>}
              </p>
            </details>
          </li>
        ))}
      </ul>
      {sentences.length > shown.length && (
        <button type="button" className={classes.more} onClick={() => setAll(true)}>
          and {sentences.length - shown.length} more
        </button>
      )}
    </>
  );
}

function GrantName({ grant: g }: { grant: Grant }) {
  const text = g.policy || (g.privileges ?? []).join(', ');
  return <span title={g.policyKey}>{text}</span>;
}

function Marks({ grant: g }: { grant: Grant }) {
  return (
    <span className={classes.marks}>
      {g.admin && <Tag>administers</Tag>}
      {g.conditional && <Tag>conditional</Tag>}
      {g.hasDeny && <Tag>has a deny</Tag>}
      {!g.documentSeen && <Tag>document not seen</Tag>}
    </span>
  );
}
