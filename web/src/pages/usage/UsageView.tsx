import { useState } from 'react';
import { useSearchParams } from 'wouter';
import { TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useGet } from '@/api/query';
import type { UsageAction, UsageAnswer, UsageBlindSpot, UsageConsumer, UsageSharing, UsageWindow, UsedTouch } from '@/api/types';
import { useAsOf } from '@/app/asof';
import { Link } from '@/app/router';
import { CopyButton } from '@/components/CopyButton';
import { Section } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Rows } from '@/components/Skeletons';
import { Empty, Failed, Notice } from '@/components/States';
import { Time } from '@/components/Time';
import { evidence, Tag, Term, Unknown, Usage, Word } from '@/components/Words';
import { count, date, middle, plural, sentence, share, toDate } from '@/lib/format';
import { Days } from './Days';
import { Heat } from './Heat';
import { Lane } from './Lane';
import { Some, useMore, Who } from './parts';
import { Proposal } from './Proposal';
import { Signals } from './Signals';
import { Simulation } from './Simulation';
import { Spots } from './Spots';
import { Unused } from './Unused';
import classes from './usage.module.css';
import { changeWords, dormantBy, grades, importOf, windowText } from './words';

/** What an identity or credential has really done, whether it is still used, and how sure that is. */
export default function UsageView({ path }: { path: string }) {
  const { asOf } = useAsOf();
  const [params] = useSearchParams();
  const q = useGet<UsageAnswer>(`${path}/usage`, {}, { retry: false });
  if (q.error && !q.data) return <Failed what="Its use" error={q.error} retry={() => void q.refetch()} />;
  if (!q.data) return <Rows count={10} />;
  const u = q.data;
  const seen = (u.days ?? []).length > 0 || (u.consumers ?? []).length > 0;
  const unread = !seen && (u.grade === 'D' || (u.raises ?? []).some((r) => r.code === 'log.connect'));
  return (
    <>
      {params.has('simulate') && <Simulation path={path} name={u.name} />}
      {params.has('propose') && <Proposal path={path} name={u.name} />}
      {asOf && <Notice tone="unknown">Use is told as of now, whichever date is chosen.</Notice>}
      <Verdict of={u} />
      {unread ? (
        <NoLog of={u} />
      ) : (
        <>
          <Section title="By weekday and hour">
            <Heat week={u.week ?? []} window={u.window} />
          </Section>
          <Section title="Day by day" aside={windowText(u.window) && `the evidence rests on ${windowText(u.window) ?? ''}`}>
            <Days days={u.days ?? []} window={u.window} label="Uses a day" />
          </Section>
          {(u.signals ?? []).length > 0 && <Signals of={u.signals ?? []} path={path} />}
          {u.shared && <Sharers title="Shared" of={u.shared} />}
          {u.possiblyShared && <Sharers title="Possibly shared" of={u.possiblyShared} />}
          <Consumers of={u.consumers ?? []} window={u.window} />
          <Actions of={u.actions ?? []} window={u.window} id={u.id} />
        </>
      )}
      {path.startsWith('/identities/') && <Unused path={path} proposable={!unread && canPropose(u)} />}
      <Raises of={u} />
      <BlindSpots of={u.blindSpots ?? []} untouched={u.untouched ?? []} />
      {(u.touches ?? []).length > 0 && <Touches of={u.touches ?? []} />}
    </>
  );
}

/** Only policies of AWS are right-sized, and only from uses. */
function canPropose(u: UsageAnswer): boolean {
  return u.ref.realm.startsWith('aws:') && (u.ref.kind === 'user' || u.ref.kind === 'role') && (u.actions ?? []).length > 0;
}

function Verdict({ of: u }: { of: UsageAnswer }) {
  const gaps = u.window.gaps ?? [];
  return (
    <>
      <dl className={classes.facts}>
        <Fact name="Usage status">
          <Usage value={u.verdict} />
        </Fact>
        <Fact name={<Term of="evidence of use">Evidence</Term>}>{evidence(u.grade)}</Fact>
        <Fact name="Last used">
          <Time at={u.lastUsed} none={u.verdict === 'never_used' ? 'never' : 'not known'} />
          {u.lastUsed && u.basis && <span className="muted"> by {u.basis === 'log' ? 'a log' : 'a field of its system'}</span>}
        </Fact>
        <Fact name="Rhythm">{u.rhythm.words && u.rhythm.class !== 'none' ? sentence(u.rhythm.words).replace(/\.$/, '') : <Unknown />}</Fact>
        <Fact name="Window">{windowText(u.window) ?? <Unknown>no log</Unknown>}</Fact>
        {toDate(u.rhythm.due) && (
          <Fact name={Date.parse(u.rhythm.due ?? '') < Date.now() ? 'Was due' : 'Due next'}>
            <Time at={u.rhythm.due} />
          </Fact>
        )}
        {toDate(u.silentSince) && u.verdict !== 'active' && (
          <Fact name="Silent since">
            <Time at={u.silentSince} />
          </Fact>
        )}
        {!!u.confidence && <Fact name="Sure that it has stopped">{share(u.confidence, 1)}</Fact>}
        {toDate(u.dormantOn) && (
          <Fact name="Dormant if silent">
            <Time at={u.dormantOn} />
            <span className="muted"> {dormantBy(u)}</span>
          </Fact>
        )}
        {toDate(u.lastDenied) && (
          <Fact name="Last denied">
            <Time at={u.lastDenied} />
          </Fact>
        )}
      </dl>
      {u.reason && <p className={classes.reason}>{sentence(u.reason)}</p>}
      {(u.caveats ?? []).map((c) => (
        <p key={c} className={classes.small}>
          {sentence(c)}
        </p>
      ))}
      {gaps.length > 0 && (
        <p className={classes.small}>
          Nothing is known of {gaps.slice(0, 6).map((g) => windowText(g)).join('; ')}
          {gaps.length > 6 && ` and ${plural(gaps.length - 6, ['more gap', 'more gaps'])}`}.
        </p>
      )}
    </>
  );
}

function Fact({ name, children }: { name: React.ReactNode; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function NoLog({ of: u }: { of: UsageAnswer }) {
  const command = importOf(u.ref.realm);
  return (
    <Empty title="No log says what it did">
      <p>
        Hand in a log of {u.ref.realm} to see when it acts, what uses it and on what: <code className="mono">{command}</code>{' '}
        <CopyButton value={command} what="command" />
      </p>
    </Empty>
  );
}

/** What would raise the evidence, by the grade that is reached with all of a group. */
function Raises({ of: u }: { of: UsageAnswer }) {
  const raises = u.raises ?? [];
  if (raises.length === 0) return null;
  return (
    <Section title="What would raise the evidence">
      {grades.map((g) => (
        <RaisesTo key={g} grade={g} of={raises.filter((r) => r.grade === g)} />
      ))}
    </Section>
  );
}

function RaisesTo({ grade, of }: { grade: string; of: NonNullable<UsageAnswer['raises']> }) {
  const [shown, more] = useMore(of, 4);
  if (of.length === 0) return null;
  return (
    <>
      <p className={classes.small}>
        {of.length === 1 ? 'With this' : `With all ${count(of.length)} of these`} the evidence would be {evidence(grade)}.
      </p>
      <ul className={classes.list}>
        {shown.map((r) => (
          <li key={`${r.code} ${r.text}`}>
            {sentence(r.text)}
            {r.cost && <div className={classes.small}>cost: {`${r.cost.charAt(0).toLowerCase()}${r.cost.slice(1)}`}</div>}
          </li>
        ))}
      </ul>
      {more}
    </>
  );
}

function BlindSpots({ of, untouched }: { of: UsageBlindSpot[]; untouched: UsageBlindSpot[] }) {
  if (of.length === 0 && untouched.length === 0) return null;
  return (
    <Section title={<Term of="blind spot">Blind spots</Term>} aside={of.length > 0 ? plural(of.length, ['concerns it', 'concern it']) : undefined}>
      {of.length > 0 && <Spots of={of} />}
      {untouched.length > 0 && (
        <details className={classes.small}>
          <summary>{plural(untouched.length, ['other does', 'others do'])} not touch what it is granted</summary>
          <Spots of={untouched} />
        </details>
      )}
    </Section>
  );
}

function Consumers({ of, window: w }: { of: UsageConsumer[]; window: UsageWindow }) {
  const [shown, more] = useMore(of, 20);
  return (
    <Section title="Who would notice" aside={of.length > 0 ? plural(of.length, ['consumer', 'consumers']) : undefined}>
      <Simple
        label="Who would notice"
        rows={shown}
        id={(c) => `${c.kind} ${c.name}`}
        empty={<p className="muted">Nobody, as far as the log shows.</p>}
        columns={[
          {
            name: 'name',
            head: 'Consumer',
            cell: (c) => (
              <>
                <Who of={c} />
                {changeWords(c.changes) && <div className={classes.small}>{changeWords(c.changes)}</div>}
              </>
            ),
          },
          { name: 'networks', head: 'From', wide: true, cell: (c) => <Some of={c.networks} /> },
          { name: 'agents', head: 'Client programs', wide: true, cell: (c) => <Some of={c.agents} /> },
          { name: 'uses', head: 'Uses', right: true, cell: (c) => count(c.uses) },
          { name: 'denied', head: 'Denied', right: true, wide: true, cell: (c) => count(c.denied ?? 0) },
          { name: 'when', head: 'When', wide: true, cell: (c) => <Lane first={c.first} last={c.last} window={w} /> },
          { name: 'first', head: 'First', wide: true, cell: (c) => <Time at={c.first} /> },
          { name: 'last', head: 'Last', cell: (c) => <Time at={c.last} /> },
        ]}
      />
      {more}
    </Section>
  );
}

/** Who shares it, where several consumers do. */
function Sharers({ title, of }: { title: string; of: UsageSharing }) {
  return (
    <Section title={title} aside={`side by side ${date(of.from)} to ${date(of.to)}`}>
      <Simple
        label={title}
        rows={of.consumers ?? []}
        id={(c) => `${c.kind} ${c.name}`}
        columns={[
          { name: 'name', head: 'Consumer', cell: (c) => <Who of={c} /> },
          { name: 'networks', head: 'From', wide: true, cell: (c) => <Some of={c.networks} /> },
          { name: 'days', head: 'Days', right: true, cell: (c) => count(c.days) },
          { name: 'first', head: 'First', wide: true, cell: (c) => <Time at={c.first} /> },
          { name: 'last', head: 'Last', cell: (c) => <Time at={c.last} /> },
        ]}
      />
    </Section>
  );
}

function Actions({ of, window: w, id }: { of: UsageAction[]; window: UsageWindow; id: string }) {
  const [text, setText] = useState('');
  const wanted = text.trim().toLowerCase();
  const found = wanted ? of.filter((a) => `${a.action ?? ''} ${a.operation ?? ''} ${a.resource ?? ''} ${a.log}`.toLowerCase().includes(wanted)) : of;
  const [shown, more] = useMore(found, 30);
  return (
    <Section
      title="What it did"
      aside={
        <>
          {of.length > 0 && `${plural(of.length, ['action on a resource', 'actions on resources'])} · `}
          <Link to={`/usage/events?identity=${encodeURIComponent(id)}`}>Events one by one</Link>
        </>
      }
    >
      {of.length > 5 && (
        <div className={classes.tools}>
          <TextInput
            type="search"
            aria-label="Search what it did"
            placeholder="Action or resource"
            leftSection={<IconSearch size={14} aria-hidden="true" />}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <span className="muted" role="status">
            {wanted && `${count(found.length)} of ${count(of.length)}`}
          </span>
        </div>
      )}
      <Simple
        label="What it did"
        rows={shown}
        id={(a) => `${a.action ?? ''} ${a.operation ?? ''} ${a.resource ?? ''} ${a.log}`}
        empty={<p className="muted">{wanted ? 'Nothing that it did matches.' : 'Nothing, as far as the log shows.'}</p>}
        columns={[
          {
            name: 'action',
            head: 'Action',
            cell: (a) => (
              <>
                {a.action || a.operation || <Unknown />}
                {a.resource && (
                  <>
                    <br />
                    <span className="muted" title={a.resource}>
                      {middle(a.resource, 72)}
                    </span>
                  </>
                )}
              </>
            ),
          },
          { name: 'log', head: 'Log', wide: true, cell: (a) => <span className="muted">{a.log}</span> },
          { name: 'uses', head: 'Uses', right: true, cell: (a) => count(a.uses) },
          { name: 'denied', head: 'Denied', right: true, wide: true, cell: (a) => count(a.denied ?? 0) },
          { name: 'when', head: 'When', wide: true, cell: (a) => <Lane first={a.first} last={a.last} window={w} /> },
          { name: 'first', head: 'First', wide: true, cell: (a) => <Time at={a.first} /> },
          { name: 'last', head: 'Last', cell: (a) => <Time at={a.last} /> },
        ]}
      />
      {more}
    </Section>
  );
}

const touched: Record<string, string> = {
  create: 'made it',
  issue: 'made a credential of it',
  read: 'read a secret of it',
  rotate: 'replaced a value',
  edit: 'changed what it may do',
  disable: 'disabled it',
  enable: 'enabled it',
  delete: 'deleted it',
  silence: 'silenced a log',
  expose: 'opened it to others',
  run: 'ran something as it',
};

function Touches({ of }: { of: UsedTouch[] }) {
  const [shown, more] = useMore(of, 20);
  return (
    <Section title="Who touched it">
      <Simple
        label="Who touched it"
        rows={shown}
        id={(t) => `${t.kind} ${t.by.realm} ${t.by.kind} ${t.by.key} ${t.action}`}
        columns={[
          {
            name: 'by',
            head: 'Who',
            cell: (t) => (
              <>
                <span title={t.by.key}>{middle(t.by.key || 'not known', 56)}</span> {t.person && <Tag title="People are shown by pseudonyms.">person</Tag>}
                <br />
                <span className="muted">{t.by.realm}</span>
              </>
            ),
          },
          {
            name: 'what',
            head: 'What',
            cell: (t) => (
              <>
                {touched[t.kind] ?? Word(t.kind)}
                <br />
                <span className="muted">{t.action}</span>
              </>
            ),
          },
          { name: 'n', head: 'Times', right: true, wide: true, cell: (t) => count(t.n) },
          { name: 'first', head: 'First', wide: true, cell: (t) => <Time at={t.first} /> },
          { name: 'last', head: 'Last', cell: (t) => <Time at={t.last} /> },
        ]}
      />
      {more}
    </Section>
  );
}
