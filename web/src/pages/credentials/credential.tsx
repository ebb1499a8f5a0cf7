import { Button, Tabs } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { useParams, useSearchParams } from 'wouter';
import { useGet } from '@/api/query';
import { Link } from '@/app/router';
import { Columns, Facts, Marks } from '@/components/Columns';
import { CopyButton } from '@/components/CopyButton';
import { Evidence } from '@/components/Evidence';
import { Key } from '@/components/Name';
import { Page, Section } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Block, Rows } from '@/components/Skeletons';
import { Failed, Notice } from '@/components/States';
import { Time } from '@/components/Time';
import { evidence, Priority, Severity, State, Tag, Term, Unknown, Word, word } from '@/components/Words';
import { exact, plural } from '@/lib/format';
import { placeWords, type Finding } from '@/pages/findings/data';
import type { CredentialDetail, Placement } from './data';
import { Expiry } from './Expiry';
import { Timeline } from './Timeline';

const UsageView = lazy(() => import('@/pages/usage/UsageView'));

/** One credential: who acts with it, where it lies, its life, and what is wrong with it. */
export default function CredentialPage() {
  const { id } = useParams<{ id: string }>();
  const { data, error, refetch } = useGet<CredentialDetail>(`/credentials/${id}`);
  if (error) return <Failed what="The credential" error={error} retry={() => void refetch()} />;
  if (!data) {
    return (
      <Page title="Credential">
        <Block height={360} />
      </Page>
    );
  }
  return <One credential={data} />;
}

function One({ credential: c }: { credential: CredentialDetail }) {
  const title = c.name || c.key;
  const holders = c.holders ?? [];
  const [params, setParams] = useSearchParams();
  const tab = params.get('tab') === 'usage' ? 'usage' : 'about';
  const choose = (value: string | null) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        if (value === 'usage') next.set('tab', value);
        else next.delete('tab');
        return next;
      },
      { replace: true },
    );
  return (
    <Page title={title} tab={`${title}, credential`} lead={`${Word(c.kind)}${c.subtype ? `, ${word(c.subtype)}` : ''} in ${c.source}`}>
      <Marks>
        <State value={c.state ?? 'unknown'} filled />
        {!!c.priority && (
          <span>
            <Term of="priority">priority</Term> <Priority value={c.priority} />
          </span>
        )}
        {c.environment && <Tag>{c.environment}</Tag>}
        {c.fact.shortLived && <Tag>short-lived, renews itself</Tag>}
      </Marks>
      {c.goneAt && <Notice tone="unknown">Its source no longer lists it since {exact(c.goneAt)}. This is how it last stood.</Notice>}
      {holders.length > 1 && (
        <Notice tone="medium">{plural(holders.length, ['identity holds', 'identities hold'])} this value: who did what cannot be told apart.</Notice>
      )}
      <Tabs value={tab} onChange={choose}>
        <Tabs.List>
          <Tabs.Tab value="about">About</Tabs.Tab>
          <Tabs.Tab value="usage">Usage</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value={tab} pt={12}>
          {tab === 'usage' ? (
            <Suspense fallback={<Rows count={10} />}>
              {!params.has('simulate') && (
                <p>
                  <Button component={Link} to={`/credentials/${encodeURIComponent(c.id)}?tab=usage&simulate=disable`} variant="default">
                    Simulate disabling
                  </Button>
                </p>
              )}
              <UsageView path={`/credentials/${encodeURIComponent(c.id)}`} />
            </Suspense>
          ) : (
            <About credential={c} />
          )}
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

/** Its life, who acts with it, where it lies and what is wrong with it. */
function About({ credential: c }: { credential: CredentialDetail }) {
  const holders = c.holders ?? [];
  return (
    <Columns side={<Side credential={c} />}>
      <Section title="Life" id="life">
        <Timeline
          created={c.createdAt}
          rotated={c.fact.rotatedAt}
          lastUsed={c.use.lastUsed ?? c.lastUsed}
          expires={c.expiresAt}
          seen={c.firstSeen}
        />
        <p className="muted" style={{ margin: '10px 0 0', fontSize: 13 }}>
          {c.use.reason}
        </p>
      </Section>
      <Section title="Who acts with it" id="holders" aside={holders.length > 1 ? plural(holders.length, ['identity', 'identities']) : undefined}>
        {holders.length === 0 ? (
          <Unknown>No source says whose it is. It was found lying somewhere; scan the system that issued it to learn more.</Unknown>
        ) : (
          <ul style={{ margin: 0, padding: 0, listStyle: 'none' }}>
            {holders.map((h) => (
              <li key={h.id ?? h.name}>
                {h.id ? <Link to={`/identities/${h.id}`}>{h.name}</Link> : h.name} <span className="muted">{word(h.kind)}</span>
              </li>
            ))}
          </ul>
        )}
      </Section>
      <Section title={<Term of="placement">Where it lies</Term>} id="places" aside={c.placements?.length ? plural(c.placements.length, ['place', 'places']) : undefined}>
        <Places of={c.placements ?? []} />
      </Section>
      <Section title="Findings" id="findings">
        <Findings id={c.id} />
      </Section>
      {(c.fact.attrs || c.fact.labels) && (
        <Section title="What its source says" id="attrs">
          <Evidence of={{ ...c.fact.labels, ...c.fact.attrs }} />
        </Section>
      )}
    </Columns>
  );
}

function Places({ of }: { of: Placement[] }) {
  return (
    <Simple
      label="Where it lies"
      rows={of}
      id={(p) => JSON.stringify(p.place)}
      empty={<Unknown>It was seen in no file, variable or secret manager that is scanned.</Unknown>}
      columns={[
        {
          name: 'place',
          head: 'Place',
          cell: (p) => (
            <>
              <code className="mono">{placeWords(p.place as never)}</code> <CopyButton value={placeWords(p.place as never)} what="place" />
              <br />
              <span className="muted">
                {word(p.place.kind)} in {p.place.realm}
              </span>
            </>
          ),
        },
        {
          name: 'what',
          head: 'What stands there',
          wide: true,
          cell: (p) => (p.reference ? 'its name only' : p.historic ? 'its value, in history only' : 'its value'),
        },
        { name: 'exposure', head: 'Who can read it', cell: (p) => (p.exposure ? readers[p.exposure] : <Unknown />) },
        { name: 'at', head: 'Changed', wide: true, cell: (p) => <Time at={p.at} /> },
      ]}
    />
  );
}

const readers: Record<string, string> = {
  owner: 'who uses it',
  group: 'a group',
  world: 'everyone on the system',
  public: 'anyone',
};

function Findings({ id }: { id: string }) {
  const { data, error, refetch } = useGet<{ items: Finding[] | null }>('/findings', { entity: id, limit: 50 });
  if (error) return <Failed what="Its findings" error={error} retry={() => void refetch()} />;
  if (!data) return <Block height={80} />;
  return (
    <Simple
      label="Findings"
      rows={data.items ?? []}
      id={(f) => f.id}
      empty={<Unknown>Nothing is wrong with it that a rule knows.</Unknown>}
      columns={[
        { name: 'priority', head: 'Priority', cell: (f) => <Priority value={f.priority} /> },
        { name: 'message', head: 'Finding', cell: (f) => <Link to={`/findings/${f.id}`}>{f.message}</Link> },
        { name: 'severity', head: 'Severity', wide: true, cell: (f) => <Severity value={f.severity} /> },
        { name: 'state', head: 'State', wide: true, cell: (f) => <State value={f.state} /> },
      ]}
    />
  );
}

function Side({ credential: c }: { credential: CredentialDetail }) {
  const f = c.fact;
  const cert = f.certificate;
  return (
    <Facts
      rows={[
        ['Last used', <Time at={c.use.lastUsed ?? c.lastUsed} none={c.use.status === 'never_used' ? 'never, as far as was seen' : 'not known'} />],
        [<Term of="evidence of use">Evidence</Term>, evidence(c.use.grade)],
        ['Expires', <Expiry at={c.expiresAt} never={f.neverExpires} />],
        ['Created', <Time at={c.createdAt} />],
        !!f.rotatedAt && ['Rotated', <Time at={f.rotatedAt} />],
        [<Term of="owner">Owner</Term>, c.owner || <Unknown>nobody yet</Unknown>],
        !!f.scopes?.length && ['Scopes', <span className="mono">{f.scopes.join(' ')}</span>],
        !!f.algorithm && ['Key', `${f.algorithm}${f.bits ? ` ${f.bits}` : ''}`],
        c.samePublicKey > 0 && ['Same public key', plural(c.samePublicKey, ['other credential', 'other credentials'])],
        !!cert?.issuer && ['Issuer', cert.issuer],
        !!cert?.sans?.length && ['Names', cert.sans.join(', ')],
        !!cert?.selfSigned && ['Signed by', 'itself'],
        !!f.token?.issuer && ['Token issuer', f.token.issuer],
        ['Container', c.containerName || c.realm],
        ['First seen', <Time at={c.firstSeen} />],
        ['Key in its system', <Key value={c.key} most={34} />],
        ['Id', <Key value={c.id} most={34} />],
      ]}
    />
  );
}
