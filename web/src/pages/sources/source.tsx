import { Button, Modal } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'wouter';
import { request } from '@/api/client';
import { useGet } from '@/api/query';
import { useCan } from '@/app/me';
import { Link, useGo } from '@/app/router';
import { Columns, Facts, Marks } from '@/components/Columns';
import { Confirm } from '@/components/Confirm';
import { CopyButton } from '@/components/CopyButton';
import { Key } from '@/components/Name';
import { Page, Section } from '@/components/Page';
import { ShownOnce } from '@/components/ShownOnce';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Failed, Notice } from '@/components/States';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { Mark, State, Tag, Term, Unknown } from '@/components/Words';
import { count, plural } from '@/lib/format';
import { Completeness } from './Completeness';
import { everyWords, origins, type Kind, type MissingRight, type Note, type Scan, type Source, type SourceCheck } from './data';
import { againSources, Running } from './Running';
import { SourceForm } from './SourceForm';
import classes from './sources.module.css';
import { ScanTable } from './scans';

/** One source: how it stands, what it cannot see, and what is done about it. */
export default function SourcePage() {
  const name = decodeURIComponent(useParams<{ name: string }>().name);
  const path = `/sources/${encodeURIComponent(name)}`;
  const { data, error, refetch } = useQuery({
    queryKey: [path],
    queryFn: () => request<Source>('GET', path),
    refetchInterval: (q) => (q.state.data?.data.scan ? 1500 : 30_000),
  });
  if (error && !data) return <Failed what="The source" error={error} retry={() => void refetch()} />;
  if (!data) {
    return (
      <Page title={name}>
        <Block height={400} />
      </Page>
    );
  }
  return <One source={data.data} etag={data.etag} />;
}

type Doing = 'edit' | 'remove' | 'check' | 'hook' | undefined;

function One({ source: s, etag }: { source: Source; etag: string | undefined }) {
  const can = useCan();
  const go = useGo();
  const toasts = useToasts();
  const [doing, setDoing] = useState<Doing>();
  const [checking, setChecking] = useState(false);
  const [checked, setChecked] = useState<SourceCheck>();
  const path = `/sources/${encodeURIComponent(s.name)}`;
  const manages = can('sources.manage') && s.origin === 'api';
  const scannable = can('scans.run') && (s.origin === 'api' || s.origin === 'file');

  async function scan() {
    try {
      await request('POST', `${path}/scan`, { idempotent: true });
      await againSources();
    } catch (error) {
      toasts.fail(`Scanning ${s.name}`, error);
    }
  }
  async function check() {
    setChecking(true);
    try {
      setChecked((await request<SourceCheck>('POST', `${path}/check`)).data);
      await againSources();
    } catch (error) {
      toasts.fail(`Checking ${s.name}`, error);
    } finally {
      setChecking(false);
    }
  }
  async function pause() {
    try {
      await request('PATCH', path, { body: { paused: !s.paused }, ...(etag && { etag }) });
      await againSources();
      toasts.say(s.paused ? `${s.name} is scanned again by schedule.` : `${s.name} is no longer scanned by schedule or webhook.`);
    } catch (error) {
      toasts.fail(s.paused ? 'Going on' : 'Pausing', error);
    }
  }
  return (
    <Page
      title={s.name}
      lead={`${s.kind}${s.realmName ? `: ${s.realmName}` : ''}. Configured ${origins[s.origin] ?? s.origin}.`}
      actions={
        <>
          {scannable && (
            <Button onClick={() => void scan()} disabled={s.scan !== undefined}>
              Scan now
            </Button>
          )}
          {scannable && can('sources.manage') && (
            <Button variant="default" onClick={() => void check()} aria-disabled={checking || undefined}>
              {checking ? 'Checking…' : 'Check access'}
            </Button>
          )}
          {manages && (
            <>
              <Button variant="default" onClick={() => setDoing('edit')}>
                Change
              </Button>
              <Button variant="default" onClick={() => void pause()}>
                {s.paused ? 'Go on' : 'Pause'}
              </Button>
              <Button variant="default" onClick={() => setDoing('remove')}>
                Remove {s.name}…
              </Button>
            </>
          )}
        </>
      }
    >
      <Marks>
        {s.state === 'never_scanned' ? (
          <Mark tone="unknown" sign="hatched" filled>
            never scanned
          </Mark>
        ) : (
          <State value={s.state} filled />
        )}
        {s.paused && <Tag>paused</Tag>}
        <span style={{ minWidth: 180 }}>
          <Completeness of={s.completeness} />
        </span>
        <span className="muted">
          <Term of="scope">scopes</Term> read completely
        </span>
      </Marks>
      {s.last?.error && <Notice tone="critical">The last run ended early: {s.last.error}</Notice>}
      {s.completeness.held > 0 && (
        <Notice>
          {plural(s.completeness.held, ['listing is', 'listings are'])} held: so much would end at once that it waits for a second scan or a person.
        </Notice>
      )}
      {s.scan && <Running scan={s.scan} may={can('scans.run')} />}
      <Columns side={<Side source={s} />}>
        <Missing of={s.missing ?? []} />
        {!!s.problems?.length && (
          <Section title="What the last run could not do" id="problems">
            <ul className={classes.list}>
              {s.problems.map((p, i) => (
                <li key={i}>{p}</li>
              ))}
            </ul>
          </Section>
        )}
        <Section title={<Term of="blind spot">Blind spots</Term>} id="blind">
          <Sentences of={[...(s.notCovered ?? []), ...(s.blindSpots ?? [])]} none="None is known for this kind of source." />
        </Section>
        {!!s.last?.notes?.length && <Notes of={s.last.notes} />}
        <Section title="What is read" id="scopes" aside={plural(s.scopes?.length ?? 0, ['scope', 'scopes'])}>
          <Scopes source={s} />
        </Section>
        {!!s.couldRead?.length && (
          <Section title="What its credentials would allow beyond that" id="could">
            <Sentences of={s.couldRead} />
          </Section>
        )}
        {manages && <Hook source={s} path={path} />}
        <Section title="Scans" id="scans">
          <Scans name={s.name} />
        </Section>
      </Columns>
      {doing === 'edit' && <Edit source={s} etag={etag} close={() => setDoing(undefined)} />}
      <Confirm
        opened={doing === 'remove'}
        onClose={() => setDoing(undefined)}
        title={`Remove ${s.name}`}
        type={s.name}
        run={async () => {
          await request('DELETE', path, { ...(etag && { etag }) });
          await againSources();
          toasts.say(`${s.name} is removed. What it stated stays as history.`);
          go('/sources');
        }}
      >
        It is no longer scanned, and its secrets are destroyed. What it stated stays and grows old; it is not declared gone.
      </Confirm>
      <Modal opened={checked !== undefined} onClose={() => setChecked(undefined)} title={`Access of ${s.name}`} size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
        {checked && <Checked of={checked} />}
      </Modal>
    </Page>
  );
}

const logStates: Record<string, string> = { waiting: 'up to date', reading: 'being read', failing: 'failing', paused: 'paused' };

function Side({ source: s }: { source: Source }) {
  const options = Object.entries(s.options ?? {});
  return (
    <Facts
      rows={[
        ['Last scanned', <Time at={s.last?.finishedAt ?? s.last?.startedAt} none="never" />],
        ['Next', s.paused ? 'paused' : s.next ? <Time at={s.next} /> : 'only when asked'],
        ['Scanned', everyWords(s.interval)],
        !!s.last && [
          'Changed by the last run',
          `${count(s.last.counts.added)} new, ${count(s.last.counts.changed)} changed, ${count(s.last.counts.ended)} ended, of ${count(s.last.counts.facts)} facts`,
        ],
        ...(s.logs
          ? ([
              ['Logs', <Key value={s.logs.target} most={34} />],
              ['Logs read', <>{everyWords(s.logs.interval)}, last <Time at={s.logs.lastRead} none="never" /></>],
              ['Logs are', <Link to="/sources/logs">{logStates[s.logs.state] ?? s.logs.state}</Link>],
            ] as [React.ReactNode, React.ReactNode][])
          : []),
        !!s.target && ['Target', <Key value={s.target} most={34} />],
        !!s.realm && [<Term of="realm">Realm</Term>, <Key value={s.realm} most={34} />],
        !!s.principal && ['Reads as', <Key value={s.principal} most={34} />],
        ...options.map(([name, value]): [React.ReactNode, React.ReactNode] => [name, <span className="mono">{value}</span>]),
        ...(s.secrets ?? []).map((x): [React.ReactNode, React.ReactNode] => [
          x.name,
          x.set ? (
            <>
              set {x.setAt && <Time at={x.setAt} />}
              {x.setBy && ` by ${x.setBy}`}
              {x.from && ` from ${x.from === 'env' ? 'the environment' : 'a file'}`}
            </>
          ) : (
            <Unknown>not set</Unknown>
          ),
        ]),
        !!s.checked && ['Access last checked', <Time at={s.checked.at} />],
        ['Identities', <Link to={`/identities?source=${encodeURIComponent(s.name)}`}>Show those of this source</Link>],
      ]}
    />
  );
}

function Missing({ of }: { of: MissingRight[] }) {
  return (
    <Section title="Privileges missing" id="missing">
      <Simple
        label="Privileges missing"
        rows={of}
        id={(m) => `${m.permission} ${m.scope}`}
        empty={<Unknown>None, as far as the last run or check could tell.</Unknown>}
        columns={[
          {
            name: 'permission',
            head: 'Privilege',
            cell: (m) => (
              <>
                <code className="mono">{m.permission}</code> <CopyButton value={m.permission} what="privilege" />
              </>
            ),
          },
          { name: 'scope', head: 'For', wide: true, cell: (m) => <span className="mono">{m.scope}</span> },
          { name: 'consequence', head: 'What is therefore not known', cell: (m) => m.consequence },
        ]}
      />
    </Section>
  );
}

function Sentences({ of, none }: { of: string[]; none?: string }) {
  if (of.length === 0) return <Unknown>{none}</Unknown>;
  return (
    <ul className={classes.list}>
      {of.map((t) => (
        <li key={t}>{t}</li>
      ))}
    </ul>
  );
}

function Notes({ of }: { of: Note[] }) {
  return (
    <Section title="Worth knowing" id="notes">
      <ul className={classes.list}>
        {of.slice(0, 40).map((n, i) => (
          <li key={i}>
            {n.text}
            {n.command && (
              <>
                {' '}
                <code className="mono">retinue scan {n.command}</code> <CopyButton value={`retinue scan ${n.command}`} what="command" />
              </>
            )}
          </li>
        ))}
        {of.length > 40 && <li className="muted">and {count(of.length - 40)} more</li>}
      </ul>
    </Section>
  );
}

function Scopes({ source: s }: { source: Source }) {
  const [all, setAll] = useState(false);
  const rank = ['failed', 'held', 'partial'];
  const scopes = [...(s.scopes ?? [])].sort((a, b) => (rank.indexOf(b.state) - rank.indexOf(a.state)) || b.facts - a.facts);
  const shown = all ? scopes : scopes.slice(0, 20);
  return (
    <>
      <Simple
        label="What is read"
        rows={shown}
        id={(x) => x.scope}
        empty={<Unknown>Nothing was read yet.</Unknown>}
        columns={[
          {
            name: 'scope',
            head: 'Scope',
            cell: (x) => (
              <>
                <span className="mono">{x.scope}</span>
                {(x.problems ?? []).map((p, i) => (
                  <div key={i} className="muted">
                    {p}
                  </div>
                ))}
              </>
            ),
          },
          {
            name: 'state',
            head: 'State',
            cell: (x) => (
              <>
                <State value={x.state} />
                {!!x.heldEnds && <div className="muted">{count(x.heldEnds)} would end</div>}
              </>
            ),
          },
          { name: 'facts', head: 'Facts', right: true, wide: true, cell: (x) => count(x.facts) },
          { name: 'at', head: 'Last whole', wide: true, cell: (x) => <Time at={x.completedAt} none="never" /> },
        ]}
      />
      {scopes.length > 20 && !all && (
        <Button variant="subtle" mt={8} onClick={() => setAll(true)}>
          Show all {count(scopes.length)}
        </Button>
      )}
    </>
  );
}

function Scans({ name }: { name: string }) {
  const { data, error, refetch } = useGet<{ items: Scan[] | null }>('/scans', { source: name, limit: 10 });
  if (error) return <Failed what="Its scans" error={error} retry={() => void refetch()} />;
  if (!data) return <Block height={120} />;
  return <ScanTable scans={data.items ?? []} of={name} />;
}

function Checked({ of: c }: { of: SourceCheck }) {
  return (
    <>
      <Notice tone={c.ok && !c.missing?.length ? 'low' : c.ok ? 'medium' : 'critical'}>
        {c.ok ? `It can be read${c.principal ? ` as ${c.principal}` : ''}.` : `It cannot be read: ${c.error ?? 'the system did not say why'}`}
      </Notice>
      {!!c.calls && (
        <p className="muted">
          A scan makes about {count(c.calls)} calls{c.seconds ? ` and takes about ${Math.max(1, Math.round(c.seconds))} s` : ''}.
        </p>
      )}
      <Missing of={c.missing ?? []} />
      {!!c.notCovered?.length && (
        <Section title="What it never contains" id="never">
          <Sentences of={c.notCovered} />
        </Section>
      )}
      {!!c.couldRead?.length && (
        <Section title="What the credentials would allow beyond that" id="beyond">
          <Sentences of={c.couldRead} />
        </Section>
      )}
    </>
  );
}

function Edit({ source: s, etag, close }: { source: Source; etag: string | undefined; close: () => void }) {
  const [read] = useState(etag); // the form shows what was read when it was opened
  const toasts = useToasts();
  const { data, error, refetch } = useGet<{ items: Kind[] | null }>('/connectors', {}, { staleTime: Infinity });
  const kind = data?.items?.find((k) => k.kind === s.kind);
  const path = `/sources/${encodeURIComponent(s.name)}`;
  return (
    <Modal opened onClose={close} title={`Change ${s.name}`} size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      {error ? (
        <Failed what="Its kind" error={error} retry={() => void refetch()} />
      ) : !kind ? (
        <Block height={300} />
      ) : (
        <SourceForm
          kind={kind}
          source={s}
          onCancel={close}
          send={async (v) => {
            await request('PATCH', path, { body: { target: v.target, options: v.options, interval: v.interval, ...(v.logs && { logs: v.logs }) }, ...(read && { etag: read }) });
            for (const [name, value] of Object.entries(v.secrets)) await request('PUT', `${path}/secrets/${encodeURIComponent(name)}`, { body: { value } });
            await againSources();
            toasts.say(`${s.name} is changed.`);
            close();
          }}
        />
      )}
    </Modal>
  );
}

function Hook({ source: s, path }: { source: Source; path: string }) {
  const toasts = useToasts();
  const [made, setMade] = useState<{ secret: string; path: string }>();
  const [ending, setEnding] = useState(false);
  async function make() {
    try {
      setMade((await request<{ secret: string; path: string }>('POST', `${path}/hook`)).data);
      await againSources();
    } catch (error) {
      toasts.fail('Making the webhook', error);
    }
  }
  return (
    <Section title="Scan after a deployment" id="hook">
      <p style={{ marginTop: 0 }} className="muted">
        A signed POST to its address starts a scan, so that what a deployment changed is known at once.
      </p>
      {s.hook ? (
        <div style={{ display: 'flex', gap: 8, flexWrap: 'wrap', alignItems: 'center' }}>
          <Key value={`${window.location.origin}${s.hook.path}`} />
          <span className="muted">
            last used <Time at={s.hook.lastUsed} none="never" />
          </span>
          <Button size="compact-xs" variant="default" onClick={() => setEnding(true)}>
            Remove the webhook
          </Button>
        </div>
      ) : (
        <Button variant="default" onClick={() => void make()}>
          Make a webhook
        </Button>
      )}
      <Modal opened={made !== undefined} onClose={() => setMade(undefined)} title="Webhook" closeOnClickOutside={false} closeButtonProps={{ 'aria-label': 'Close' }}>
        {made && (
          <ShownOnce what="secret" value={made.secret} onDone={() => setMade(undefined)}>
            <p className="muted">
              Give it to the pipeline together with the address <code className="mono">{window.location.origin}{made.path}</code>. GitHub and GitLab take
              it as their webhook secret.
            </p>
          </ShownOnce>
        )}
      </Modal>
      <Confirm
        opened={ending}
        onClose={() => setEnding(false)}
        title={`Remove the webhook of ${s.name}`}
        run={async () => {
          await request('DELETE', `${path}/hook`);
          await againSources();
        }}
      >
        Whatever calls it is refused from now on.
      </Confirm>
    </Section>
  );
}
