import { ActionIcon, Button, Modal, Select, Switch, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { request } from '@/api/client';
import { queries, useGet } from '@/api/query';
import { Confirm } from '@/components/Confirm';
import { CheckField, ChoiceField, ChoicesField, Form, Refused, TextField, useFields, WordsField } from '@/components/Form';
import { Section } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed } from '@/components/States';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { Unknown, word } from '@/components/Words';
import { Word } from '@/lib/format';
import type { Listed } from './data';
import type { Outlet } from './Outlets';
import classes from './settings.module.css';

interface Target {
  channel: string;
  address?: string;
}

interface Match {
  severity?: string;
  kinds?: string[];
  owners?: string[];
  unowned?: boolean;
  tags?: string[];
  sources?: string[];
  environments?: string[];
}

interface Route {
  id: string;
  name: string;
  position: number;
  enabled: boolean;
  match: Match;
  to: Target[] | null;
  continue?: boolean;
  windowMinutes?: number;
  escalate?: { afterMinutes: number; to: Target[] }[];
}

const kinds: [string, string][] = [
  ['finding.opened', 'A finding opened'],
  ['finding.reopened', 'A finding came back'],
  ['acceptance.ending', 'An accepted risk ends soon'],
  ['credential.expiring', 'A credential expires soon'],
  ['identity.idle', 'An identity is idle'],
  ['identity.unused', 'Identities are not in use (once a period)'],
  ['privilege.granted', 'A privilege was granted'],
  ['administrator.gained', 'Somebody became an administrator'],
  ['administrator.lost', 'Somebody is no administrator any more'],
  ['trust.widened', 'A trust was widened'],
  ['production.reached', 'New reach to production'],
  ['scan.failed', 'A scan failed'],
  ['scan.overdue', 'A scan is overdue'],
  ['source.partial', 'A source was read in part'],
  ['population.missed', 'A day of the population was missed'],
  ['checkpoint.failed', 'A checkpoint could not be put away'],
];

const again = () => queries.invalidateQueries({ predicate: (q) => String(q.queryKey[0]).startsWith('/routes') });

/** Who is told what: the first route that takes a notice decides, unless it says to go on. */
export function Routes() {
  const { data, error, refetch } = useGet<Listed<Route>>('/routes');
  const channels = useGet<Listed<Outlet>>('/channels');
  const [editing, setEditing] = useState<string>();
  const [removing, setRemoving] = useState<Route>();
  const [asking, setAsking] = useState(false);
  const toasts = useToasts();
  const known = channels.data?.items ?? [];
  const nameOf = (id: string) => known.find((c) => c.id === id)?.name ?? id;
  const routes = [...(data?.items ?? [])].sort((a, b) => a.position - b.position);
  return (
    <Section
      title="Routes"
      id="routes"
      aside={
        known.length > 0 && (
          <span className={classes.actions}>
            {routes.length > 0 && (
              <Button variant="default" onClick={() => setAsking(true)}>
                Who would be told
              </Button>
            )}
            <Button onClick={() => setEditing('new')}>Add route</Button>
          </span>
        )
      }
    >
      {error ? (
        <Failed what="The routes" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Block height={120} />
      ) : (
        <Simple
          label="Routes"
          rows={routes}
          id={(r) => r.id}
          empty={<Empty title="Nobody is told anything yet">{known.length === 0 ? 'Add a channel first; then a route says what goes there.' : 'Add a route: what it takes, and where it goes.'}</Empty>}
          columns={[
            {
              name: 'name',
              head: 'Route',
              cell: (r) => (
                <>
                  <strong>{r.name}</strong>
                  <br />
                  <span className="muted">{matchWords(r.match)}</span>
                </>
              ),
            },
            {
              name: 'to',
              head: 'Goes to',
              cell: (r) => (
                <>
                  {(r.to ?? []).map((t, i) => (
                    <div key={i}>
                      {nameOf(t.channel)}
                      {t.address && <span className="muted"> {t.address}</span>}
                    </div>
                  ))}
                  {r.escalate?.map((s, i) => (
                    <div key={i} className="muted">
                      after {s.afterMinutes} min: {s.to.map((t) => nameOf(t.channel)).join(', ')}
                    </div>
                  ))}
                </>
              ),
            },
            { name: 'on', head: 'On', wide: true, cell: (r) => (r.enabled ? 'yes' : <Unknown>no</Unknown>) },
            {
              name: 'do',
              head: <span className="muted">Action</span>,
              right: true,
              cell: (r) => (
                <span className={classes.actions}>
                  <Button size="compact-xs" variant="default" onClick={() => setEditing(r.id)} aria-label={`Change ${r.name}`}>
                    Change
                  </Button>
                  <Button size="compact-xs" variant="default" onClick={() => setRemoving(r)} aria-label={`Remove ${r.name}`}>
                    Remove
                  </Button>
                </span>
              ),
            },
          ]}
        />
      )}
      <Modal opened={editing !== undefined} onClose={() => setEditing(undefined)} title={editing === 'new' ? 'Add route' : 'Change route'} size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
        {editing === 'new' && <Edit channels={known} close={() => setEditing(undefined)} />}
        {editing !== undefined && editing !== 'new' && <Load id={editing} channels={known} close={() => setEditing(undefined)} />}
      </Modal>
      <Modal opened={asking} onClose={() => setAsking(false)} title="Who would be told" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
        {asking && <Ask />}
      </Modal>
      <Confirm
        opened={removing !== undefined}
        onClose={() => setRemoving(undefined)}
        title={`Remove ${removing?.name ?? ''}`}
        run={async () => {
          await request('DELETE', `/routes/${removing?.id ?? ''}`);
          await again();
          toasts.say(`${removing?.name ?? 'The route'} is removed.`);
        }}
      >
        What it took goes to the routes after it, or to nobody.
      </Confirm>
    </Section>
  );
}

function matchWords(m: Match): string {
  const words = [
    m.severity && `at least ${m.severity}`,
    m.kinds?.length && m.kinds.map((k) => kinds.find(([v]) => v === k)?.[1].toLowerCase() ?? k).join(' or '),
    m.unowned && 'without an owner',
    m.owners?.length && `owner ${m.owners.join(' or ')}`,
    m.tags?.length && `tag ${m.tags.join(' or ')}`,
    m.sources?.length && `source ${m.sources.join(' or ')}`,
    m.environments?.length && m.environments.join(' or '),
  ].filter(Boolean);
  return words.length ? words.join('; ') : 'everything';
}

function Load({ id, channels, close }: { id: string; channels: Outlet[]; close: () => void }) {
  const path = `/routes/${id}`;
  const { data, error, refetch } = useQuery({ queryKey: [path], queryFn: () => request<Route>('GET', path), gcTime: 0 });
  if (error) return <Failed what="The route" error={error} retry={() => void refetch()} />;
  if (!data) return <Block height={300} />;
  return <Edit route={data.data} etag={data.etag} channels={channels} close={close} />;
}

interface Step {
  after: string;
  to: Target[];
}

interface Values {
  name: string;
  severity: string;
  kinds: string[];
  owners: string[];
  unowned: boolean;
  tags: string[];
  sources: string[];
  environments: string[];
  to: Target[];
  steps: Step[];
  continue: boolean;
  enabled: boolean;
}

function Edit({ route: r, etag, channels, close }: { route?: Route; etag?: string | undefined; channels: Outlet[]; close: () => void }) {
  const toasts = useToasts();
  const first = channels[0]?.id ?? '';
  const form = useFields<Values>({
    initial: {
      name: r?.name ?? '',
      severity: r?.match.severity ?? (r ? '' : 'high'),
      kinds: r?.match.kinds ?? [],
      owners: r?.match.owners ?? [],
      unowned: r?.match.unowned ?? false,
      tags: r?.match.tags ?? [],
      sources: r?.match.sources ?? [],
      environments: r?.match.environments ?? [],
      to: r?.to ?? [{ channel: first }],
      steps: (r?.escalate ?? []).map((x) => ({ after: String(x.afterMinutes), to: x.to })),
      continue: r?.continue ?? false,
      enabled: r?.enabled ?? true,
    },
    check: (v) => ({
      ...(!v.name.trim() && { name: 'Give it a name, such as “Critical to the on-call room”.' }),
      ...(v.to.length === 0 && { to: 'Add at least one channel.' }),
      ...(wrongSteps(v.steps) && { steps: wrongSteps(v.steps) }),
    }),
    send: async (v) => {
      const match = {
        ...(v.severity && { severity: v.severity }),
        ...(v.kinds.length > 0 && { kinds: v.kinds }),
        ...(v.owners.length > 0 && { owners: v.owners }),
        ...(v.unowned && { unowned: true }),
        ...(v.tags.length > 0 && { tags: v.tags }),
        ...(v.sources.length > 0 && { sources: v.sources }),
        ...(v.environments.length > 0 && { environments: v.environments }),
      };
      const escalate = v.steps.map((x) => ({ afterMinutes: Number(x.after), to: x.to }));
      const body = {
        name: v.name.trim(),
        enabled: v.enabled,
        match,
        to: v.to,
        ...(v.continue && { continue: true }),
        ...(r?.windowMinutes && { windowMinutes: r.windowMinutes }),
        ...(escalate.length > 0 && { escalate }),
      };
      if (r) await request('PUT', `/routes/${r.id}`, { body, ...(etag && { etag }) });
      else await request('POST', '/routes', { body, idempotent: true });
      await again();
      toasts.say(`${body.name} is saved.`);
      close();
    },
  });
  return (
    <Form of={form} button={r ? `Save ${r.name}` : 'Add route'} onCancel={close}>
      <TextField of={form} name="name" label="Name" autoFocus />
      <ChoiceField of={form} name="severity" label="Severity of at least" optional clearable data={['critical', 'high', 'medium', 'low', 'info'].map((value) => ({ value, label: Word(value) }))} />
      <ChoicesField of={form} name="kinds" label="Only these occasions" optional data={kinds.map(([value, label]) => ({ value, label }))} placeholder="Every occasion" />
      <ChoicesField of={form} name="environments" label="Only in" optional data={['production', 'staging', 'test', 'development', 'sandbox', 'shared']} placeholder="Every environment" />
      <WordsField of={form} name="owners" label="Only of these owners" optional placeholder="@payments" />
      <CheckField of={form} name="unowned" label="Only what nobody answers for" />
      <WordsField of={form} name="tags" label="Only with these tags" optional placeholder="team=payments" />
      <WordsField of={form} name="sources" label="Only of these sources" optional placeholder="aws-prod" />
      <Targets label="Goes to" value={form.values.to} channels={channels} onChange={(to) => form.set('to', to)} error={form.wrong('to')} />
      <Steps value={form.values.steps} channels={channels} onChange={(steps) => form.set('steps', steps)} error={form.wrong('steps')} />
      <CheckField of={form} name="continue" label="Ask the routes after this one too" />
      <Switch size="xs" label="On" checked={form.values.enabled} onChange={(event) => form.set('enabled', event.currentTarget.checked)} />
    </Form>
  );
}

/** What is wrong with the steps of an escalation, if anything. */
function wrongSteps(steps: Step[]): string | undefined {
  for (const [i, s] of steps.entries()) {
    if (!/^[1-9]\d*$/.test(s.after)) return `Step ${i + 1}: write whole minutes.`;
    if (i > 0 && Number(s.after) <= Number(steps[i - 1]?.after)) return `Step ${i + 1}: it comes later than the one before.`;
    if (s.to.length === 0) return `Step ${i + 1}: add somebody who is told.`;
  }
  return undefined;
}

const mostSteps = 10;

/** The steps of an escalation: each after its time without anybody acting, counted from when it was raised. */
function Steps({ value, channels, onChange, error }: { value: Step[]; channels: Outlet[]; onChange: (steps: Step[]) => void; error?: string | undefined }) {
  const set = (i: number, s: Step) => onChange(value.map((x, j) => (j === i ? s : x)));
  return (
    <fieldset style={{ margin: 0, padding: 0, border: 0 }}>
      <legend style={{ padding: 0, fontSize: 13, fontWeight: 500 }}>If nobody acknowledges it</legend>
      {value.map((s, i) => (
        <div key={i} role="group" aria-label={`Step ${i + 1}`} style={{ margin: '8px 0 0', padding: '0 0 0 12px', borderLeft: '2px solid var(--rt-line)' }}>
          <div style={{ display: 'flex', gap: 8, alignItems: 'flex-end', marginBottom: 8 }}>
            <TextInput
              label="Minutes after it was raised"
              inputMode="numeric"
              value={s.after}
              onChange={(event) => set(i, { ...s, after: event.currentTarget.value })}
              style={{ flex: 1 }}
            />
            <ActionIcon aria-label={`Take step ${i + 1} out`} onClick={() => onChange(value.filter((_, j) => j !== i))}>
              <IconTrash size={15} />
            </ActionIcon>
          </div>
          <Targets label="Tell as well" value={s.to} channels={channels} onChange={(to) => set(i, { ...s, to })} />
        </div>
      ))}
      {value.length < mostSteps && (
        <Button size="compact-xs" variant="default" mt={8} onClick={() => onChange([...value, { after: String(Number(value.at(-1)?.after ?? 0) + 60), to: [{ channel: channels[0]?.id ?? '' }] }])}>
          Add a step
        </Button>
      )}
      {error && <p style={{ margin: '4px 0 0', fontSize: 12.5, color: 'var(--rt-critical)' }}>{error}</p>}
    </fieldset>
  );
}

function Targets({ label, value, channels, onChange, error }: { label: string; value: Target[]; channels: Outlet[]; onChange: (to: Target[]) => void; error?: string | undefined }) {
  const set = (i: number, t: Target) => onChange(value.map((x, j) => (j === i ? t : x)));
  return (
    <fieldset style={{ margin: 0, padding: 0, border: 0 }}>
      <legend style={{ padding: 0, fontSize: 13, fontWeight: 500 }}>{label}</legend>
      {value.map((t, i) => (
        <div key={i} style={{ display: 'flex', gap: 8, marginTop: 6, alignItems: 'center' }}>
          <Select
            aria-label="Channel"
            data={channels.map((c) => ({ value: c.id, label: c.name }))}
            value={t.channel}
            allowDeselect={false}
            onChange={(channel) => channel && set(i, { ...t, channel })}
            style={{ flex: 1 }}
          />
          <TextInput
            aria-label="Address in the channel"
            placeholder="owner, or an address"
            value={t.address ?? ''}
            onChange={(event) => {
              const address = event.currentTarget.value;
              set(i, address ? { channel: t.channel, address } : { channel: t.channel });
            }}
            style={{ flex: 1 }}
          />
          <ActionIcon aria-label={`Take receiver ${i + 1} out`} onClick={() => onChange(value.filter((_, j) => j !== i))}>
            <IconTrash size={15} />
          </ActionIcon>
        </div>
      ))}
      <Button size="compact-xs" variant="default" mt={8} onClick={() => onChange([...value, { channel: channels[0]?.id ?? '' }])}>
        Add a receiver
      </Button>
      <p className="muted" style={{ margin: '6px 0 0', fontSize: 12.5 }}>
        The address may be empty for the channel's own receiver, or owner, backup-owner or team-lead for whoever answers for it.
      </p>
      {error && <p style={{ margin: '4px 0 0', fontSize: 12.5, color: 'var(--rt-critical)' }}>{error}</p>}
    </fieldset>
  );
}

interface Told {
  channelName: string;
  routeName: string;
  address?: string;
  dueAt: string;
}

interface Previewed {
  told: Told[] | null;
  escalation: { afterMinutes: number; told: Told[] | null }[] | null;
  skipped: { target: Target; reason: string }[] | null;
}

function Ask() {
  const [result, setResult] = useState<Previewed>();
  const [problem, setProblem] = useState<unknown>();
  const form = useFields({
    initial: { kind: 'finding.opened', severity: 'critical', owner: '', source: '' },
    send: async (v) => {
      setProblem(undefined);
      try {
        const { data } = await request<Previewed>('POST', '/routes/preview', {
          body: { kind: v.kind, severity: v.severity, ...(v.owner.trim() && { owner: v.owner.trim() }), ...(v.source.trim() && { source: v.source.trim() }) },
        });
        setResult(data);
      } catch (error) {
        setProblem(error);
      }
    },
  });
  return (
    <>
      <Form of={form} button="Show" doing="Asking…">
        <ChoiceField of={form} name="kind" label="Occasion" data={kinds.map(([value, label]) => ({ value, label }))} />
        <ChoiceField of={form} name="severity" label="Severity" data={['critical', 'high', 'medium', 'low', 'info'].map((value) => ({ value, label: word(value) }))} />
        <TextField of={form} name="owner" label="Owner" optional />
        <TextField of={form} name="source" label="Source" optional />
      </Form>
      {problem !== undefined && <Refused problem={problem} />}
      {result && (
        <div className={classes.box} role="status">
          {(result.told ?? []).length === 0 && <p style={{ margin: 0 }}>Nobody would be told.</p>}
          <ul style={{ margin: 0, paddingLeft: 18 }}>
            {(result.told ?? []).map((t, i) => (
              <li key={i}>
                {t.channelName} {t.address} by {t.routeName}, <Time at={t.dueAt} />
              </li>
            ))}
            {(result.escalation ?? []).flatMap((s) =>
              (s.told ?? []).map((t, i) => (
                <li key={`${s.afterMinutes}-${i}`} className="muted">
                  after {s.afterMinutes} minutes: {t.channelName} {t.address}
                </li>
              )),
            )}
            {(result.skipped ?? []).map((s, i) => (
              <li key={`s${i}`} className="muted">
                nobody at {s.target.address}: {s.reason}
              </li>
            ))}
          </ul>
          <p className="muted" style={{ margin: '8px 0 0', fontSize: 13 }}>
            Nobody was told now.
          </p>
        </div>
      )}
    </>
  );
}
