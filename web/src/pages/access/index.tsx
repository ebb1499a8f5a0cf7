import { Button, Checkbox, TextInput } from '@mantine/core';
import { useState, type FormEvent, type ReactNode } from 'react';
import { useSearchParams } from 'wouter';
import { useGet } from '@/api/query';
import type { AccessWays, BlastRadius, CanAnswer, ChokePoints, Cut, Escalations, WhoCanAnswer } from '@/api/types';
import { Link } from '@/app/router';
import { Page, Section } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed } from '@/components/States';
import { Mark } from '@/components/Words';
import { count, plural } from '@/lib/format';
import classes from './access.module.css';
import { Hops, Surely } from './Hops';
import { Reach } from './Reach';
import { Decision, Gaps, Reasons, Row, Thing } from './words';

const tabs = [
  { id: 'escalations', label: 'Ways to an administrator' },
  { id: 'who', label: 'Who can' },
  { id: 'can', label: 'Can it' },
  { id: 'ways', label: 'Ways from' },
  { id: 'reach', label: 'Reach' },
  { id: 'cuts', label: 'Choke points and cuts' },
] as const;

/** Who can do what to what: every question is an address that can be kept and sent. */
export default function AccessPage() {
  const [params] = useSearchParams();
  const at = tabs.find((t) => t.id === params.get('ask')) ?? tabs[0];
  return (
    <Page title="Access" lead="What identities can really do, with boundaries, denies, conditions and trusts in force, and whom they can become.">
      <nav className={classes.tabs} aria-label="Questions">
        {tabs.map((t) => (
          <Link key={t.id} to={t.id === 'escalations' ? '/access' : `/access?ask=${t.id}`} aria-current={t === at ? 'page' : undefined}>
            {t.label}
          </Link>
        ))}
      </nav>
      {at.id === 'escalations' && <EscalationsTab />}
      {at.id === 'who' && <WhoTab />}
      {at.id === 'can' && <CanTab />}
      {at.id === 'ways' && <WaysTab />}
      {at.id === 'reach' && <ReachTab />}
      {at.id === 'cuts' && <CutsTab />}
    </Page>
  );
}

interface Field {
  name: string;
  label: string;
  placeholder: string;
  needed?: boolean;
}

/** A question as a form. What is asked stands in the address. */
function Ask({ fields, children, button = 'Ask' }: { fields: Field[]; children?: ReactNode; button?: string }) {
  const [params, setParams] = useSearchParams();
  const [missing, setMissing] = useState<string>();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const lacks = fields.find((f) => f.needed && !String(given.get(f.name) ?? '').trim());
    setMissing(lacks?.name);
    if (lacks) return;
    setParams((old) => {
      const q = new URLSearchParams(old);
      for (const f of fields) {
        const value = String(given.get(f.name) ?? '').trim();
        if (value) q.set(f.name, value);
        else q.delete(f.name);
      }
      return q;
    });
  };
  return (
    <form className={classes.form} onSubmit={submit} key={fields.map((f) => params.get(f.name) ?? '').join('\n')}>
      {fields.map((f) => (
        <TextInput
          key={f.name}
          className={classes.field}
          name={f.name}
          label={f.label}
          placeholder={f.placeholder}
          defaultValue={params.get(f.name) ?? ''}
          error={missing === f.name ? `Say ${f.label.toLowerCase()}` : undefined}
          autoComplete="off"
          spellCheck={false}
        />
      ))}
      <Button type="submit">{button}</Button>
      {children}
    </form>
  );
}

const useAsked = (name: string) => useSearchParams()[0].get(name) ?? '';

/** Parts of a page that wait for an answer. */
function Answer<T>({ what, answer, children }: { what: string; answer: { data?: T; error: unknown; refetch: () => unknown }; children: (data: T) => ReactNode }) {
  if (answer.error) return <Failed what={what} error={answer.error} retry={() => void answer.refetch()} />;
  if (!answer.data) return <Block height={280} />;
  return <>{children(answer.data)}</>;
}

function EscalationsTab() {
  const [params, setParams] = useSearchParams();
  const to = params.get('to') ?? 'admin';
  const already = params.get('already') === 'true';
  const answer = useGet<Escalations>('/access/escalations', { to, language: params.get('language') ?? undefined, realm: params.get('realm') ?? undefined, already: already || undefined }, { retry: false });
  return (
    <>
      <Ask
        fields={[
          { name: 'to', label: 'To', placeholder: 'admin: every administrator' },
          { name: 'realm', label: 'From system', placeholder: 'all, or aws:111111111111' },
        ]}
        button="Show"
      >
        <Checkbox
          label="Those too who are there already"
          checked={already}
          onChange={(event) => {
            const on = event.currentTarget.checked;
            setParams((old) => {
              const q = new URLSearchParams(old);
              if (on) q.set('already', 'true');
              else q.delete('already');
              return q;
            });
          }}
        />
      </Ask>
      <Answer what="The ways" answer={answer}>
        {(d) => (
          <>
            <Gaps of={d.gaps} />
            <p>
              {plural(d.total - (already ? d.already : 0), ['identity comes', 'identities come'])} to {to === 'admin' ? 'an administrator' : to} by at least one step;{' '}
              {count(d.already)} {d.already === 1 ? 'is' : 'are'} there already.
            </p>
            {(d.items ?? []).length === 0 && (
              <Empty title="Nobody comes there.">
                As far as was read. Scan more systems, or connect what joins them (secrets, pipelines), and ask again.
              </Empty>
            )}
            <ul className={classes.answers}>
              {(d.items ?? []).map((e) => (
                <Row
                  key={`${e.realm ?? ''} ${e.identity}`}
                  of={e.thing ?? { kind: 'principal', key: e.identity, realm: e.realm }}
                  marks={
                    e.already ? (
                      <Mark tone="critical" sign="octagon">administrator already</Mark>
                    ) : (
                      <>
                        <Surely possible={e.possible} />
                        <span>{plural((e.hops ?? []).length, ['step', 'steps'])}</span>
                      </>
                    )
                  }
                >
                  {(e.hops ?? []).length > 0 && <Hops hops={e.hops ?? []} label={`Steps from ${e.identity}`} />}
                </Row>
              ))}
            </ul>
            {d.total > (d.items ?? []).length && <p className="muted">The first {count((d.items ?? []).length)} of {count(d.total)} are shown.</p>}
          </>
        )}
      </Answer>
    </>
  );
}

const examples = (
  <>
    In the words of the system: <code className="mono">s3:GetObject</code> on <code className="mono">arn:aws:s3:::invoices/x</code>, <code className="mono">get</code> on{' '}
    <code className="mono">pay/secrets</code>, <code className="mono">SELECT</code> on <code className="mono">table shop.public.orders</code>,{' '}
    <code className="mono">storage.objects.get</code> on a bucket.
  </>
);

function WhoTab() {
  const action = useAsked('action');
  const resource = useAsked('resource');
  const realm = useAsked('realm');
  const answer = useGet<WhoCanAnswer>(action ? '/access/who-can' : undefined, { action, resource: resource || undefined, realm: realm || undefined }, { retry: false });
  return (
    <>
      <Ask
        fields={[
          { name: 'action', label: 'Action', placeholder: 's3:GetObject', needed: true },
          { name: 'resource', label: 'Resource', placeholder: 'any' },
          { name: 'realm', label: 'System', placeholder: 'all' },
        ]}
      />
      {!action ? (
        <Empty title="Ask who can do a thing.">{examples}</Empty>
      ) : (
        <Answer what="Who can" answer={answer}>
          {(d) => (
            <>
              <Gaps of={d.gaps} />
              <p>
                {plural(d.total || (d.holders ?? []).length, ['can', 'can'])} do <code className="mono">{d.action}</code>
                {d.resource && (
                  <>
                    {' '}
                    on <code className="mono">{d.resource}</code>
                  </>
                )}
                .{d.hidden && ' There are others that you may not see.'}
              </p>
              <ul className={classes.answers}>
                {(d.holders ?? []).map((h, i) => (
                  <Row key={`${h.identity.key} ${i}`} of={h.identity} marks={<Decision value={h.decision} />}>
                    <Reasons of={h.because} remains={h.remains} unread={h.unread} />
                  </Row>
                ))}
              </ul>
            </>
          )}
        </Answer>
      )}
    </>
  );
}

function CanTab() {
  const identity = useAsked('identity');
  const action = useAsked('action');
  const resource = useAsked('resource');
  const answer = useGet<CanAnswer>(identity && action ? '/access/can' : undefined, { identity, action, resource: resource || undefined }, { retry: false });
  return (
    <>
      <Ask
        fields={[
          { name: 'identity', label: 'Identity', placeholder: 'name, ARN, namespace/name or idn_…', needed: true },
          { name: 'action', label: 'Action', placeholder: 's3:GetObject', needed: true },
          { name: 'resource', label: 'Resource', placeholder: 'any' },
        ]}
      />
      {!identity || !action ? (
        <Empty title="Ask whether an identity can do a thing.">{examples}</Empty>
      ) : (
        <Answer what="The answer" answer={answer}>
          {(d) => (
            <>
              <Gaps of={d.gaps} />
              <p>
                <Thing of={d.identity} />
              </p>
              {(d.answers ?? []).map((a) => (
                <Section key={a.language} title={<Decision value={a.decision} />} aside={a.language}>
                  <Reasons of={a.because} remains={a.remains} unread={a.unread} />
                </Section>
              ))}
            </>
          )}
        </Answer>
      )}
    </>
  );
}

function WaysTab() {
  const from = useAsked('from');
  const to = useAsked('to');
  const answer = useGet<AccessWays>(from ? '/access/paths' : undefined, { from, to: to || undefined }, { retry: false });
  return (
    <>
      <Ask
        fields={[
          { name: 'from', label: 'From', placeholder: 'an identity, credential or place', needed: true },
          { name: 'to', label: 'To', placeholder: 'every identity' },
        ]}
      />
      {!from ? (
        <Empty title="Ask whom the holder of a thing comes to act as.">Name an identity, a credential, a pipeline or a place where secrets lie.</Empty>
      ) : (
        <Answer what="The ways" answer={answer}>
          {(d) => (
            <>
              <Gaps of={d.gaps} />
              {(d.items ?? []).length === 0 && <Empty title="It comes to nobody else.">As far as was read.</Empty>}
              <ul className={classes.answers}>
                {(d.items ?? []).map((w) => (
                  <Row
                    key={`${w.thing.realm ?? ''} ${w.identity}`}
                    of={w.thing}
                    open={(d.items ?? []).length === 1}
                    marks={
                      <>
                        <Surely possible={w.possible} />
                        <span>{plural((w.hops ?? []).length, ['step', 'steps'])}</span>
                      </>
                    }
                  >
                    <Hops hops={w.hops ?? []} label={`Steps to ${w.identity}`} />
                  </Row>
                ))}
              </ul>
              {d.total > (d.items ?? []).length && <p className="muted">The nearest {count((d.items ?? []).length)} of {count(d.total)} are shown.</p>}
            </>
          )}
        </Answer>
      )}
    </>
  );
}

function ReachTab() {
  const [params, setParams] = useSearchParams();
  const of = params.get('of') ?? '';
  const inverse = params.get('inverse') === 'true';
  const answer = useGet<BlastRadius>(of ? '/access/reach' : undefined, { of, inverse: inverse || undefined }, { retry: false });
  return (
    <>
      <Ask fields={[{ name: 'of', label: 'Of', placeholder: 'an identity, credential, secret or resource', needed: true }]} button="Show">
        <Checkbox
          label="Who comes to it, rather than what it comes to"
          checked={inverse}
          onChange={(event) => {
            const on = event.currentTarget.checked;
            setParams((old) => {
              const q = new URLSearchParams(old);
              if (on) q.set('inverse', 'true');
              else q.delete('inverse');
              return q;
            });
          }}
        />
      </Ask>
      {!of ? (
        <Empty title="Ask how far a thing reaches.">What would an attacker have who holds it? Or, the other way round, who comes to it?</Empty>
      ) : (
        <Answer what="The reach" answer={answer}>
          {(d) => (
            <>
              <Gaps of={d.gaps} />
              <Reach of={d} />
            </>
          )}
        </Answer>
      )}
    </>
  );
}

function CutsTab() {
  const target = useAsked('target') || 'admin';
  const realm = useAsked('realm');
  const query = { target, realm: realm || undefined };
  const chokes = useGet<ChokePoints>('/access/choke-points', query, { retry: false });
  const cut = useGet<Cut>('/access/cuts', query, { retry: false });
  return (
    <>
      <Ask
        fields={[
          { name: 'target', label: 'Out of reach shall be', placeholder: 'admin: every administrator' },
          { name: 'realm', label: 'In system', placeholder: 'all' },
        ]}
        button="Show"
      />
      <Answer what="The choke points" answer={chokes.error || cut.data || cut.error ? chokes : { ...chokes, data: undefined }}>
        {(d) => (
          <>
            <Gaps of={d.gaps} />
            <p>
              {plural(d.sources, ['other comes', 'others come'])} to {target === 'admin' ? 'an administrator' : target}.
            </p>
            {d.sources > 0 && (
              <Section title="What most ways lead through" aside={d.exact ? undefined : 'there may be more'}>
                <Simple
                  label="Choke points"
                  columns={[
                    { name: 'thing', head: 'Without', cell: (t) => <Thing of={t} /> },
                    { name: 'loses', head: 'Lose every way', right: true, cell: (t) => count(t.loses) },
                  ]}
                  rows={d.things ?? []}
                  id={(t) => `${t.realm ?? ''} ${t.kind} ${t.key}`}
                  empty={<p className="muted">There is no one thing on which another depends.</p>}
                />
              </Section>
            )}
          </>
        )}
      </Answer>
      {(cut.error || (chokes.data && cut.data)) && (
      <Answer what="The smallest cut" answer={cut}>
        {(d) =>
          d.before === 0 ? null : (
            <Section
              title={`Take ${plural((d.remove ?? []).length, ['grant', 'grants'])} away, and nobody else comes there`}
              aside={d.exact ? 'no fewer would do' : `at least ${count(d.atLeast)} are needed`}
            >
              <ol className={classes.answers}>
                {(d.remove ?? []).map((g, i) => (
                  <li key={i}>
                    <Thing of={g.subject} />
                    <Reasons of={[g.reason]} />
                    <p className="muted">
                      {g.alone !== undefined && g.alone !== null && `Alone it takes the way of ${count(g.alone)}. `}
                      {g.used === undefined || g.used === null ? 'Whether it is used is not known.' : g.used ? 'It is used.' : 'No use of it is on record.'}
                    </p>
                  </li>
                ))}
              </ol>
              {(d.open ?? []).length > 0 && (
                <>
                  <p>{plural((d.open ?? []).length, ['keeps', 'keep'])} a way whatever is taken away:</p>
                  <ul className={classes.answers}>
                    {(d.open ?? []).map((w) => (
                      <li key={`${w.thing.realm ?? ''} ${w.identity}`}>
                        <Thing of={w.thing} />
                        <Hops hops={w.hops ?? []} label={`Steps from ${w.identity}`} />
                      </li>
                    ))}
                  </ul>
                </>
              )}
            </Section>
          )
        }
      </Answer>
      )}
    </>
  );
}
