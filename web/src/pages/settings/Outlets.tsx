import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { request } from '@/api/client';
import { queries, useGet } from '@/api/query';
import { Confirm } from '@/components/Confirm';
import { CheckField, ChoiceField, Form, Refused, SecretField, TextField, useFields, type Fields } from '@/components/Form';
import { Section } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed, Notice } from '@/components/States';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { Mark } from '@/components/Words';
import { exact } from '@/lib/format';
import type { Listed } from './data';
import classes from './settings.module.css';

/** What an outlet of one purpose is called. */
export interface Purpose {
  path: string;
  /** "channel", "channels". */
  one: string;
  many: string;
  /** Why there is none yet, and what one does. */
  empty: string;
  channel?: boolean;
}

interface Field {
  name: string;
  says: string;
  required?: boolean;
  secret?: boolean;
  default?: string;
  oneOf?: string[];
}

interface Kind {
  kind: string;
  title: string;
  says: string;
  fields: Field[] | null;
  addressed?: string;
  tickets?: boolean;
}

interface Timetable {
  zone?: string;
  digest?: string;
  digestAt?: string;
  quiet?: { days?: string[]; from: string; to: string }[];
  criticalPasses?: boolean;
}

export interface Outlet {
  id: string;
  kind: string;
  name: string;
  enabled: boolean;
  options: Record<string, string> | null;
  timetable?: Timetable;
  closing?: boolean;
  secrets: string[] | null;
  version: number;
  health: { failures: number; nextTry?: string; lastOk?: string; lastError?: string; lastErrorAt?: string };
}

interface Tested {
  ok: boolean;
  at: string;
  receipt?: string;
  error?: string;
}

/** Ways out of the installation of one purpose, with their forms made from what the server says of each kind. */
export function Outlets({ purpose: p }: { purpose: Purpose }) {
  const { data, error, refetch } = useGet<Listed<Outlet>>(p.path);
  const kinds = useGet<Listed<Kind>>(`${p.path}/kinds`, {}, { staleTime: Infinity });
  const [editing, setEditing] = useState<Outlet | 'new'>();
  const [removing, setRemoving] = useState<Outlet>();
  const [tested, setTested] = useState<{ outlet: Outlet; result?: Tested; problem?: unknown }>();
  const toasts = useToasts();
  const again = () => queries.invalidateQueries({ queryKey: [p.path] });
  const add = <Button onClick={() => setEditing('new')}>Add {p.one}</Button>;
  const titleOf = (kind: string) => kinds.data?.items?.find((k) => k.kind === kind)?.title ?? kind;

  async function test(outlet: Outlet) {
    setTested({ outlet });
    try {
      setTested({ outlet, result: (await request<Tested>('POST', `${p.path}/${outlet.id}/test`)).data });
      await again();
    } catch (problem) {
      setTested({ outlet, problem });
    }
  }

  return (
    <Section title={p.many.charAt(0).toUpperCase() + p.many.slice(1)} id={p.path.slice(1)} aside={data?.items?.length ? add : undefined}>
      {error ? (
        <Failed what={`The ${p.many}`} error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Block height={160} />
      ) : (
        <Simple
          label={p.many}
          rows={data.items ?? []}
          id={(o) => o.id}
          empty={
            <Empty title={`No ${p.many} yet`} action={<Button onClick={() => setEditing('new')}>Add {p.one}</Button>}>
              {p.empty}
            </Empty>
          }
          columns={[
            {
              name: 'name',
              head: 'Name',
              cell: (o) => (
                <>
                  <strong>{o.name}</strong>
                  <br />
                  <span className="muted">{titleOf(o.kind)}</span>
                </>
              ),
            },
            { name: 'state', head: 'State', cell: (o) => <Health of={o} /> },
            { name: 'ok', head: 'Last worked', wide: true, cell: (o) => <Time at={o.health.lastOk} none="never" /> },
            {
              name: 'do',
              head: <span className="muted">Action</span>,
              right: true,
              cell: (o) => (
                <span className={classes.actions}>
                  <Button size="compact-xs" variant="default" onClick={() => void test(o)} aria-label={`Test ${o.name}`}>
                    Test
                  </Button>
                  <Button size="compact-xs" variant="default" onClick={() => setEditing(o)} aria-label={`Change ${o.name}`}>
                    Change
                  </Button>
                  <Button size="compact-xs" variant="default" onClick={() => setRemoving(o)} aria-label={`Remove ${o.name}`}>
                    Remove
                  </Button>
                </span>
              ),
            },
          ]}
        />
      )}
      <Modal
        opened={editing !== undefined}
        onClose={() => setEditing(undefined)}
        title={editing === 'new' ? `Add ${p.one}` : `Change ${editing?.name ?? ''}`}
        size="lg"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {editing && kinds.error && <Failed what="The kinds" error={kinds.error} retry={() => void kinds.refetch()} />}
        {editing && kinds.data && (
          <Edit
            purpose={p}
            kinds={kinds.data.items ?? []}
            outlet={editing === 'new' ? undefined : editing}
            close={() => setEditing(undefined)}
            done={async (name) => {
              await again();
              setEditing(undefined);
              toasts.say(`${name} is saved. Test it to see that it works.`);
            }}
          />
        )}
      </Modal>
      <Modal opened={tested !== undefined} onClose={() => setTested(undefined)} title={`Test of ${tested?.outlet.name ?? ''}`} closeButtonProps={{ 'aria-label': 'Close' }}>
        {tested?.problem !== undefined ? (
          <Refused problem={tested.problem} what="The test could not be made" />
        ) : tested?.result ? (
          <>
            <Notice tone={tested.result.ok ? 'low' : 'critical'}>{tested.result.ok ? 'It arrived.' : `It did not arrive: ${tested.result.error ?? 'the other side did not say why'}`}</Notice>
            <p className="muted" style={{ margin: 0, fontSize: 13 }}>
              {exact(tested.result.at)}. {tested.result.receipt && `The other side answered: ${tested.result.receipt}`}
            </p>
          </>
        ) : (
          <p role="status">Sending a test…</p>
        )}
      </Modal>
      <Confirm
        opened={removing !== undefined}
        onClose={() => setRemoving(undefined)}
        title={`Remove ${removing?.name ?? ''}`}
        run={async () => {
          await request('DELETE', `${p.path}/${removing?.id ?? ''}`);
          await again();
          toasts.say(`${removing?.name ?? 'It'} is removed.`);
        }}
      >
        Nothing is sent by it any more, and its secrets are destroyed. What was sent stays on record.
      </Confirm>
    </Section>
  );
}

function Health({ of: o }: { of: Outlet }) {
  if (!o.enabled) {
    return (
      <Mark tone="unknown" sign="ring">
        off
      </Mark>
    );
  }
  if (o.health.failures > 0) {
    return (
      <>
        <Mark tone="critical" sign="cross">
          failing
        </Mark>
        <br />
        <span className="muted">
          {o.health.lastError}
          {o.health.nextTry && (
            <>
              {' '}
              Tried again <Time at={o.health.nextTry} />.
            </>
          )}
        </span>
      </>
    );
  }
  return (
    <Mark tone="good" sign="full">
      on
    </Mark>
  );
}

/** The fields of every outlet beside those that its kind has: texts, and yes or no. */
type Values = Record<string, unknown>;

const text = (v: Values, name: string) => (typeof v[name] === 'string' ? v[name].trim() : '');

interface EditProps {
  purpose: Purpose;
  kinds: Kind[];
  outlet: Outlet | undefined;
  close: () => void;
  done: (name: string) => Promise<void>;
}

const field = (f: Field) => `${f.secret ? 'secrets' : 'options'}.${f.name}`;

function Edit({ purpose: p, kinds, outlet: o, close, done }: EditProps) {
  const [kind, setKind] = useState(o?.kind ?? '');
  const chosen = kinds.find((k) => k.kind === kind);
  if (!chosen) {
    return (
      <div className={classes.kinds}>
        {kinds.map((k) => (
          <button key={k.kind} type="button" onClick={() => setKind(k.kind)}>
            <strong>{k.title}</strong>
            <span>{k.says}</span>
          </button>
        ))}
      </div>
    );
  }
  return <Details key={kind} purpose={p} kind={chosen} outlet={o} close={close} done={done} />;
}

function Details({ purpose: p, kind, outlet: o, close, done }: Omit<EditProps, 'kinds'> & { kind: Kind }) {
  const fields = kind.fields ?? [];
  const t = o?.timetable;
  const quiet = t?.quiet?.[0];
  const form = useFields<Values>({
    initial: {
      name: o?.name ?? kind.title,
      kind: kind.kind,
      enabled: o?.enabled ?? true,
      closing: o?.closing ?? false,
      digest: t?.digest ?? '',
      digestAt: t?.digestAt ?? '',
      zone: t?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
      quietFrom: quiet?.from ?? '',
      quietTo: quiet?.to ?? '',
      critical: t?.criticalPasses ?? true,
      ...Object.fromEntries(fields.map((f) => [field(f), f.secret ? '' : (o?.options?.[f.name] ?? '')])),
    },
    check: (v) => ({
      ...(!text(v, 'name') && { name: 'Give it a name.' }),
      ...(Boolean(text(v, 'quietFrom')) !== Boolean(text(v, 'quietTo')) && { quietTo: 'Give both ends, or neither.' }),
      ...Object.fromEntries(
        fields.filter((f) => f.required && !text(v, field(f)) && !(f.secret && o?.secrets?.includes(f.name))).map((f) => [field(f), `${f.says}: it is needed.`]),
      ),
    }),
    send: async (v) => {
      const options = Object.fromEntries(fields.filter((f) => !f.secret && text(v, field(f))).map((f) => [f.name, text(v, field(f))]));
      const secrets = Object.fromEntries(fields.filter((f) => f.secret && text(v, field(f))).map((f) => [f.name, text(v, field(f))]));
      const body = {
        kind: kind.kind,
        name: text(v, 'name'),
        enabled: v['enabled'] === true,
        options,
        ...(Object.keys(secrets).length > 0 && { secrets }),
        ...(p.channel && { closing: v['closing'] === true, timetable: timetableOf(v, t) }),
      };
      if (o) await request('PUT', `${p.path}/${o.id}`, { body });
      else await request('POST', p.path, { body });
      await done(body.name);
    },
  });
  return (
    <Form of={form} button={o ? `Save ${o.name}` : `Add ${p.one}`} onCancel={close}>
      <p className="muted" style={{ margin: 0 }}>
        {kind.says}
      </p>
      <TextField of={form} name="name" label="Name" autoFocus />
      {fields.map((f) => (
        <OutletField key={f.name} form={form} field={f} set={o?.secrets?.includes(f.name) ?? false} />
      ))}
      {p.channel && !kind.tickets && <Times form={form} />}
      {p.channel && <CheckField of={form} name={'closing' as never} label="Tell too when something is acknowledged or resolved" />}
      <CheckField of={form} name={'enabled' as never} label="On" why="Off, nothing is sent and nothing is lost: what waits is sent once it is on again." />
    </Form>
  );
}

function OutletField({ form, field: f, set }: { form: Fields<Values>; field: Field; set: boolean }) {
  const label = f.name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').replaceAll('-', ' ').toLowerCase().replace(/^./, (c) => c.toUpperCase());
  const why = `${f.says}${f.default ? ` Without a value: ${f.default}.` : ''}`;
  if (f.secret) {
    return (
      <SecretField
        of={form}
        name={field(f)}
        label={label}
        optional={!f.required}
        why={`${why} Sealed, and never shown again.`}
        placeholder={set ? 'Set; leave empty to keep it' : undefined}
        autoComplete="new-password"
      />
    );
  }
  if (f.oneOf?.length) return <ChoiceField of={form} name={field(f)} label={label} optional={!f.required} clearable={!f.required} data={f.oneOf} why={why} placeholder={f.default} />;
  return <TextField of={form} name={field(f)} label={label} optional={!f.required} why={why} />;
}

function Times({ form }: { form: Fields<Values> }) {
  return (
    <>
      <ChoiceField
        of={form}
        name="digest"
        label="When it sends"
        data={[
          { value: '', label: 'At once' },
          { value: 'hourly', label: 'Once an hour, together' },
          { value: 'daily', label: 'Once a day, together' },
        ]}
      />
      {text(form.values, 'digest') === 'daily' && <TextField of={form} name="digestAt" label="At what time" type="time" optional why="09:00 where empty." />}
      <TextField of={form} name="quietFrom" label="Quiet from" type="time" optional why="Nothing is sent then; it is sent at the end." />
      <TextField of={form} name="quietTo" label="Quiet to" type="time" optional />
      <TextField of={form} name="zone" label="Time zone" optional why="Such as Europe/Berlin; UTC where empty." />
      <CheckField of={form} name={'critical' as never} label="What is critical is sent at once all the same" />
    </>
  );
}

function timetableOf(v: Values, before: Timetable | undefined): Timetable {
  const from = text(v, 'quietFrom');
  const to = text(v, 'quietTo');
  // Further quiet times that were set by the API are kept as they are.
  const further = before?.quiet?.slice(1) ?? [];
  const first = before?.quiet?.[0];
  const quiet = from && to ? [{ ...(first?.days && { days: first.days }), from, to }, ...further] : further;
  return {
    ...(text(v, 'zone') && { zone: text(v, 'zone') }),
    ...(text(v, 'digest') && { digest: text(v, 'digest') }),
    ...(text(v, 'digest') === 'daily' && text(v, 'digestAt') && { digestAt: text(v, 'digestAt') }),
    ...(quiet.length > 0 && { quiet }),
    ...(v['critical'] === true && { criticalPasses: true }),
  };
}
