import { Button, Select } from '@mantine/core';
import { useEffect, useRef, type ReactNode } from 'react';
import { useSearchParams } from 'wouter';
import { useGet } from '@/api/query';
import type { Proposed, ProposedKept } from '@/api/types';
import { CopyButton } from '@/components/CopyButton';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed, Notice } from '@/components/States';
import { count, plural, sentence } from '@/lib/format';
import { Some, useMore } from './parts';
import { Result } from './Simulation';
import classes from './usage.module.css';

const forms = [
  { value: 'managed', label: 'As a managed policy' },
  { value: 'role', label: 'As an inline policy of a role' },
  { value: 'user', label: 'As an inline policy of a user' },
];

/** The smallest policy for what an AWS identity really did: first what is on record replayed under it, then the policy. */
export function Proposal({ path, name }: { path: string; name: string }) {
  const [params, setParams] = useSearchParams();
  const as = forms.find((f) => f.value === params.get('propose'))?.value ?? 'managed';
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    heading.current?.scrollIntoView({ block: 'nearest' });
  }, []);
  const set = (value?: string) =>
    setParams((old) => {
      const next = new URLSearchParams(old);
      next.delete('propose');
      if (value) next.set('propose', value);
      return next;
    });
  const q = useGet<Proposed>(`${path}/right-size`, { as }, { retry: false });
  return (
    <section className={classes.simulation} aria-label="Smaller policy">
      <h2 ref={heading} tabIndex={-1}>
        A smaller policy for {name}
      </h2>
      <p className={classes.small}>Nothing is changed in AWS: this is a proposal from what is on record, for you to read and to put in place.</p>
      <div className={classes.tools}>
        <Select aria-label="Form of the policy" allowDeselect={false} data={forms} value={as} onChange={(v) => set(v ?? 'managed')} />
        <Button variant="default" onClick={() => set()}>
          Close the proposal
        </Button>
      </div>
      <div className={classes.outcome}>
        {q.error ? (
          <Failed what="The smaller policy" error={q.error} retry={() => void q.refetch()} />
        ) : !q.data ? (
          <div role="status" aria-label="Writing the smaller policy and replaying what is on record under it">
            <Block height={300} />
          </div>
        ) : (
          <Answer of={q.data} name={name} />
        )}
      </div>
    </section>
  );
}

function Answer({ of: p, name }: { of: Proposed; name: string }) {
  const taken = (p.takenAway ?? []).reduce((n, t) => n + t.actions, 0);
  const nothing = p.lostAccess === false;
  return (
    <>
      {nothing && <Notice tone="low">There is no smaller policy: all that its policies allow was used, or has to stay because the log cannot show it. What is below allows the same.</Notice>}
      <p className={classes.lead}>
        {p.uses.allowed === p.uses.total
          ? `${p.uses.total === 1 ? 'Its one use on record comes' : `All ${count(p.uses.total)} different uses on record come`} out as before`
          : `${count(p.uses.allowed)} of ${count(p.uses.total)} different uses on record come out as before; the others were refused by its policies already`}
        , and nothing is newly allowed: both are proven.{' '}
        {nothing ? 'It takes nothing away.' : taken > 0 ? `It takes away ${plural(taken, ['action', 'actions'])} of ${plural((p.takenAway ?? []).length, ['service', 'services'])}.` : ''}
      </p>
      {p.history && (
        <>
          <h3>What is on record, replayed under it</h3>
          <Result of={p.history.simulation} split={false} />
          {(p.history.unmapped ?? []).length > 0 && (
            <Notice tone="unknown">
              Of these calls the permission is not known, so that the policy may lack it: <Some of={p.history.unmapped} />
            </Notice>
          )}
        </>
      )}
      <h3>
        The policy <span className="muted">{count(p.size.new)} characters, {count(p.size.old)} before</span>
      </h3>
      <p className={classes.small}>
        In place of <Some of={p.replaces} />.
      </p>
      {!p.size.fits && <Notice tone="medium">That is more than can be attached in this form.</Notice>}
      {(p.documents ?? []).length === 0 ? (
        <Empty title="No policy is needed">Nothing is left to allow.</Empty>
      ) : (
        (p.documents ?? []).map((d, i) => <Document key={i} of={d.policy} name={`${fileName(name)}${(p.documents ?? []).length > 1 ? `-${i + 1}` : ''}.json`} />)
      )}
      <Kept of={p.kept ?? []} title="Kept, although no use is on record" text="The log cannot show these and something suggests that they are needed, or they were granted too lately. Take out what you know is not." />
      <Kept of={p.dropped ?? []} title="Left out, although a log may not show it" text="Put back what you know is needed." />
      {(p.overGrant ?? []).length > 0 && (
        <Folded title={`Allowed beyond the uses: ${plural((p.overGrant ?? []).length, ['pattern', 'patterns'])}`}>
          <Simple
            label="Allowed beyond the uses"
            rows={(p.overGrant ?? []).map((o, i) => ({ ...o, i }))}
            id={(o) => String(o.i)}
            columns={[
              { name: 'what', head: 'Actions', cell: (o) => <Some of={o.actions} /> },
              { name: 'on', head: 'On', cell: (o) => o.resource },
              { name: 'uses', head: 'Stands for', right: true, wide: true, cell: (o) => (o.uses > 0 ? plural(o.uses, ['resource', 'resources']) : 'no use') },
            ]}
          />
        </Folded>
      )}
      {(p.takenAway ?? []).length > 0 && (
        <Folded title={`Taken away: ${plural(taken, ['action', 'actions'])}`}>
          <ul className={classes.list}>
            {(p.takenAway ?? []).slice(0, 40).map((t) => (
              <li key={t.service}>
                {t.service}: {count(t.actions)} of {count(t.of)}
              </li>
            ))}
          </ul>
        </Folded>
      )}
      <Names title="Ways to further rights that are closed" of={[...(p.escalationsLost ?? []), ...(p.pathsLost ?? [])]} />
      <Names title="Ways to further rights that stay open" of={[...(p.escalationsLeft ?? []), ...(p.pathsLeft ?? [])]} />
      <Names title="What was not read" of={p.gaps ?? []} />
    </>
  );
}

function Document({ of, name }: { of: unknown; name: string }) {
  const text = JSON.stringify(of, null, 2);
  return (
    <div className={classes.document}>
      <div className={classes.tools}>
        <span className="mono">{name}</span>
        <CopyButton value={text} what="policy" />
        <a href={`data:application/json;charset=utf-8,${encodeURIComponent(text)}`} download={name}>
          Download
        </a>
      </div>
      {/* It scrolls: whoever uses the keyboard reaches it. */}
      <pre className="mono" tabIndex={0} role="region" aria-label={`Policy ${name}`}>
        {text}
      </pre>
    </div>
  );
}

function Kept({ of, title, text }: { of: ProposedKept[]; title: string; text: string }) {
  const [shown, more] = useMore(of, 8);
  if (of.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <p className={classes.small}>{text}</p>
      <Simple
        label={title}
        rows={shown.map((k, i) => ({ ...k, i }))}
        id={(k) => String(k.i)}
        columns={[
          { name: 'what', head: 'Actions', cell: (k) => <Some of={k.actions} /> },
          { name: 'on', head: 'On', wide: true, cell: (k) => <Some of={k.resources} /> },
          { name: 'why', head: 'Why', cell: (k) => sentence(k.because) },
        ]}
      />
      {more}
    </>
  );
}

function Names({ title, of }: { title: string; of: string[] }) {
  if (of.length === 0) return null;
  return (
    <Folded title={`${title}: ${count(of.length)}`}>
      <ul className={classes.list}>
        {of.slice(0, 40).map((g) => (
          <li key={g}>{sentence(g)}</li>
        ))}
      </ul>
    </Folded>
  );
}

function Folded({ title, children }: { title: string; children: ReactNode }) {
  return (
    <details className={classes.small}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}

/** A name as the name of a file. */
function fileName(name: string): string {
  return name.replace(/[^\w.-]+/g, '-').slice(0, 60) || 'policy';
}
