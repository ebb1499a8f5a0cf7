import { Button, Select } from '@mantine/core';
import { useEffect, useRef, type ReactNode } from 'react';
import { useSearchParams } from 'wouter';
import { useGet } from '@/api/query';
import type { Simulated, SimulatedLine, SimulatedShare } from '@/api/types';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed, Notice } from '@/components/States';
import { Time } from '@/components/Time';
import { evidence, Mark, Term, word } from '@/components/Words';
import { count, plural, sentence, share } from '@/lib/format';
import { Did, Some, useMore, Who } from './parts';
import { Spots } from './Spots';
import classes from './usage.module.css';
import { fateWord, simulationText, uses, windowText } from './words';

const environments = ['production', 'staging', 'development', 'test'];

/** What a change would have refused of what was really done. Which change stands in the address. */
export function Simulation({ path, name }: { path: string; name: string }) {
  const [params, setParams] = useSearchParams();
  const change = params.get('simulate') ?? 'disable';
  const environment = params.get('environment') ?? 'production';
  const grants = params.getAll('grant');
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    heading.current?.scrollIntoView({ block: 'nearest' });
  }, [change]);
  const set = (to: Record<string, string | undefined>) =>
    setParams((old) => {
      const next = new URLSearchParams(old);
      for (const key of ['simulate', 'environment', 'grant']) next.delete(key);
      for (const [key, value] of Object.entries(to)) if (value) next.set(key, value);
      return next;
    });
  const q = useGet<Simulated>(
    `${path}/simulations/${encodeURIComponent(change)}`,
    { ...(change === 'deny' && { environment }), ...(change === 'revoke' && { grant: grants }) },
    { retry: false },
  );
  return (
    <section className={classes.simulation} aria-label="Simulation">
      <h2 ref={heading} tabIndex={-1}>
        {titleOf(change, name, environment, grants)}
      </h2>
      <p className={classes.small}>Nothing is changed by looking: what is on record is replayed as if the change had been made before it.</p>
      <div className={classes.tools}>
        <Select
          aria-label="Change"
          allowDeselect={false}
          data={[
            { value: 'disable', label: 'Disable it' },
            { value: 'split', label: 'Split it by consumer' },
            { value: 'deny', label: 'Close an environment to it' },
            ...(change === 'revoke' ? [{ value: 'revoke', label: 'Take grants away' }] : []),
          ]}
          value={change}
          onChange={(v) => set({ simulate: v ?? 'disable' })}
        />
        {change === 'deny' && (
          <Select aria-label="Environment" allowDeselect={false} data={environments.map((e) => ({ value: e, label: word(e) }))} value={environment} onChange={(v) => set({ simulate: 'deny', environment: v ?? undefined })} />
        )}
        <Button variant="default" onClick={() => set({})}>
          Close the simulation
        </Button>
      </div>
      <div className={classes.outcome}>
        {q.error ? (
          <Failed what="The simulation" error={q.error} retry={() => void q.refetch()} />
        ) : !q.data ? (
          <div role="status" aria-label="Replaying what is on record">
            <Block height={300} />
          </div>
        ) : (
          <Result of={q.data} split={change === 'split'} />
        )}
      </div>
    </section>
  );
}

function titleOf(change: string, name: string, environment: string, grants: string[]): string {
  switch (change) {
    case 'split':
      return `If each consumer of ${name} had an identity of its own`;
    case 'deny':
      return `If ${word(environment)} were closed to ${name}`;
    case 'revoke':
      return `If ${name} lost ${grants.length === 1 ? (grants[0] ?? '') : plural(grants.length, ['grant', 'grants'])}`;
  }
  return `If ${name} were disabled`;
}

/** What came of a simulation. */
export function Result({ of: s, split }: { of: Simulated; split: boolean }) {
  const c = s.coverage;
  const none = c.uses === 0;
  const covers = windowText(s.window);
  return (
    <>
      {none ? (
        <Empty title="No use is on record">
          Nothing can be said of what it would refuse{covers ? `: the log covers ${covers} and shows no use` : ', since no log covers it'}. That is no promise that nothing would break.
        </Empty>
      ) : (
        <p className={classes.lead}>
          {(s.counts.refused ?? 0) > 0 && (
            <>
              <Mark tone="high" sign="triangle">
                would be noticed
              </Mark>
              {': '}
            </>
          )}
          {simulationText(s)}
        </p>
      )}
      <dl className={classes.facts}>
        <Fact name="Judged">
          {none ? 'nothing to judge' : `${count(c.judged)} of ${uses(c.uses)} (${share(c.judged, c.uses)})`}
        </Fact>
        {c.behaviours > 0 && <Fact name="Kinds of use">{`${count(c.judgedBehaviours)} of ${count(c.behaviours)} judged`}</Fact>}
        <Fact name={<Term of="evidence of use">Evidence</Term>}>{evidence(s.grade)}</Fact>
        <Fact name="The log covers">{covers ?? 'nothing'}</Fact>
        {(s.allowedThen ?? 0) > 0 && <Fact name="By grants that have gone since">{uses(s.allowedThen ?? 0)}</Fact>}
        {(c.denied ?? 0) > 0 && <Fact name="Denied already then">{`${plural(c.denied ?? 0, ['attempt', 'attempts'])}, no uses`}</Fact>}
      </dl>
      {!none && (s.grade === 'C' || s.grade === 'D') && (
        <Notice tone="unknown">The evidence is {evidence(s.grade)}: uses may be missing, so that what would break may be more than is listed.</Notice>
      )}
      {split ? <Shares of={s.shares ?? []} /> : <RefusedBy of={s} />}
      <Lines of={s} fate="unjudged" title="Cannot be judged" />
      <Lines of={s} fate="unexplained" title="Not explained by what is known of access" />
      <Lines of={s} fate="goes_on" title="Would go on" closed />
      {(s.missing ?? []).length > 0 && (
        <details className={classes.small}>
          <summary>Why uses may be missing: {plural((s.missing ?? []).length, ['blind spot', 'blind spots'])}</summary>
          <Spots of={s.missing ?? []} />
        </details>
      )}
      {(s.gaps ?? []).length > 0 && (
        <details className={classes.small}>
          <summary>Not all of access was read: {plural((s.gaps ?? []).length, ['gap', 'gaps'])}</summary>
          <ul className={classes.list}>
            {(s.gaps ?? []).slice(0, 20).map((g) => (
              <li key={g}>{sentence(g)}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Fact({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function RefusedBy({ of: s }: { of: Simulated }) {
  const [shown, more] = useMore(s.refusedBy ?? [], 20);
  if (shown.length === 0) return null;
  return (
    <>
      <h3>Who would be refused</h3>
      <Simple
        label="Who would be refused"
        rows={shown}
        id={(a) => `${a.kind} ${a.name ?? ''}`}
        columns={[
          { name: 'who', head: 'Consumer', cell: (a) => <Who of={a} /> },
          { name: 'what', head: 'What', wide: true, cell: (a) => <Some of={a.actions} /> },
          { name: 'uses', head: 'Uses', right: true, cell: (a) => count(a.uses) },
          { name: 'first', head: 'First', wide: true, cell: (a) => <Time at={a.first} /> },
          { name: 'last', head: 'Last', cell: (a) => <Time at={a.last} /> },
        ]}
      />
      {more}
    </>
  );
}

function Lines({ of: s, fate, title, closed }: { of: Simulated; fate: string; title: string; closed?: boolean }) {
  const [shown, more] = useMore((s.lines ?? []).filter((l) => l.fate === fate), 12);
  const n = s.counts[fate] ?? 0;
  if (n === 0) return null;
  const table = (
    <>
      <Simple<SimulatedLine>
        label={title}
        rows={shown}
        id={(l) => `${l.fate} ${l.log} ${l.action ?? ''} ${l.operation ?? ''} ${l.resource ?? ''} ${l.consumer.kind} ${l.consumer.name ?? ''} ${l.why ?? ''}`}
        columns={[
          {
            name: 'what',
            head: 'What',
            cell: (l) => (
              <>
                <Did of={l} />
                {fate !== 'goes_on' && <span className={classes.narrow}>{sentence(l.why ?? fateWord(fate))}</span>}
              </>
            ),
          },
          { name: 'who', head: 'Consumer', wide: true, cell: (l) => <Who of={l.consumer} /> },
          ...(fate === 'goes_on' ? [] : [{ name: 'why', head: 'Why', wide: true, cell: (l: SimulatedLine) => sentence(l.why ?? fateWord(fate)) }]),
          { name: 'uses', head: 'Uses', right: true, wide: true, cell: (l) => count(l.uses) },
          { name: 'last', head: 'Last', cell: (l) => <Time at={l.last} /> },
        ]}
      />
      {more}
      {shown.length === 0 && <p className={classes.small}>They are not among the {count((s.lines ?? []).length)} kinds that are listed here.</p>}
    </>
  );
  if (closed)
    return (
      <details className={classes.small}>
        <summary>
          {title}: {uses(n)}
        </summary>
        {table}
      </details>
    );
  return (
    <>
      <h3>
        {title} <span className="muted">{uses(n)}</span>
      </h3>
      {table}
    </>
  );
}

function Shares({ of }: { of: SimulatedShare[] }) {
  const [shown, more] = useMore(of, 20);
  if (of.length === 0) return null;
  return (
    <>
      <h3>Who would go with what</h3>
      <Simple
        label="Who would go with what"
        rows={shown}
        id={(x) => `${x.kind} ${x.name ?? ''}`}
        columns={[
          { name: 'who', head: 'Consumer', cell: (x) => <Who of={x} /> },
          { name: 'needs', head: 'Would need', cell: (x) => <Some of={(x.needs ?? []).map((n) => [n.action || n.operation, n.resource && `on ${n.resource}`].filter(Boolean).join(' '))} /> },
          { name: 'alone', head: 'Shares it', wide: true, cell: (x) => (x.alone ? 'with nobody' : 'with others') },
          { name: 'uses', head: 'Uses', right: true, cell: (x) => count(x.uses) },
          { name: 'last', head: 'Last', wide: true, cell: (x) => <Time at={x.last} /> },
        ]}
      />
      {more}
    </>
  );
}
