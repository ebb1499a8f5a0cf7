import { ActionIcon, Button, Modal } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { request } from '@/api/client';
import { queries, useGet } from '@/api/query';
import { Confirm } from '@/components/Confirm';
import { CopyButton } from '@/components/CopyButton';
import { CheckField, ChoiceField, Form, SecretField, TextField, useFields, WordsField } from '@/components/Form';
import { Section } from '@/components/Page';
import { ScopeField, scopeEmpty, scopeWords, type RowScope } from '@/components/Scope';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed } from '@/components/States';
import { useToasts } from '@/components/Toasts';
import { Mark, word } from '@/components/Words';
import { plural } from '@/lib/format';
import { roles, type Listed } from './data';
import classes from './settings.module.css';

interface Mapping {
  group: string;
  role: string;
  scope: RowScope;
  own: boolean;
}

interface Provider {
  id: string;
  name: string;
  issuer: string;
  clientId: string;
  hasSecret: boolean;
  enabled: boolean;
  scopes: string[] | null;
  groupsClaim: string;
  trustEmail: boolean;
  mappings: Mapping[] | null;
  callback: string;
}

const again = () => queries.invalidateQueries({ predicate: (q) => String(q.queryKey[0]).startsWith('/sso') });

/** Single sign-on by OpenID Connect: the providers, and the roles of their groups. */
export default function Sso() {
  const { data, error, refetch } = useGet<Listed<Provider>>('/sso/providers');
  const [open, setOpen] = useState<string>();
  const [removing, setRemoving] = useState<Provider>();
  const toasts = useToasts();
  const add = <Button onClick={() => setOpen('new')}>Add provider</Button>;
  return (
    <Section title="Providers" id="providers" aside={data?.items?.length ? add : undefined}>
      {error ? (
        <Failed what="The providers" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Block height={160} />
      ) : (
        <Simple
          label="Providers"
          rows={data.items ?? []}
          id={(p) => p.id}
          empty={
            <Empty title="Nobody signs in by a provider yet" action={<Button onClick={() => setOpen('new')}>Add provider</Button>}>
              With a provider, people sign in with the account of your organisation, and its groups decide what they may do here.
            </Empty>
          }
          columns={[
            {
              name: 'name',
              head: 'Provider',
              cell: (p) => (
                <>
                  <strong>{p.name}</strong>
                  <br />
                  <span className="muted">{p.issuer}</span>
                </>
              ),
            },
            {
              name: 'on',
              head: 'State',
              cell: (p) => (p.enabled ? <Mark tone="good" sign="full">on</Mark> : <Mark tone="unknown" sign="ring">off</Mark>),
            },
            { name: 'groups', head: 'Roles', wide: true, cell: (p) => plural(p.mappings?.length ?? 0, ['group has one', 'groups have one']) },
            {
              name: 'do',
              head: <span className="muted">Action</span>,
              right: true,
              cell: (p) => (
                <span className={classes.actions}>
                  <Button size="compact-xs" variant="default" onClick={() => setOpen(p.id)} aria-label={`Change ${p.name}`}>
                    Change
                  </Button>
                  <Button size="compact-xs" variant="default" onClick={() => setRemoving(p)} aria-label={`Remove ${p.name}`}>
                    Remove
                  </Button>
                </span>
              ),
            },
          ]}
        />
      )}
      <Modal opened={open !== undefined} onClose={() => setOpen(undefined)} title={open === 'new' ? 'Add provider' : 'Change provider'} size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
        {open === 'new' && <Edit close={() => setOpen(undefined)} />}
        {open !== undefined && open !== 'new' && <Load id={open} close={() => setOpen(undefined)} />}
      </Modal>
      <Confirm
        opened={removing !== undefined}
        onClose={() => setRemoving(undefined)}
        title={`Remove ${removing?.name ?? ''}`}
        run={async () => {
          await request('DELETE', `/sso/providers/${removing?.id ?? ''}`);
          await again();
          toasts.say(`${removing?.name ?? 'The provider'} is removed.`);
        }}
      >
        Nobody signs in by it any more, and the roles that it gave are taken away. The accounts stay.
      </Confirm>
    </Section>
  );
}

function Load({ id, close }: { id: string; close: () => void }) {
  const path = `/sso/providers/${id}`;
  const { data, error, refetch } = useQuery({ queryKey: [path], queryFn: () => request<Provider>('GET', path), gcTime: 0 });
  if (error) return <Failed what="The provider" error={error} retry={() => void refetch()} />;
  if (!data) return <Block height={300} />;
  return <Edit provider={data.data} etag={data.etag} close={close} />;
}

interface Values {
  name: string;
  issuer: string;
  clientId: string;
  clientSecret: string;
  enabled: boolean;
  scopes: string[];
  groupsClaim: string;
  trustEmail: boolean;
  mappings: Mapping[];
}

function Edit({ provider: p, etag, close }: { provider?: Provider; etag?: string | undefined; close: () => void }) {
  const toasts = useToasts();
  const [adding, setAdding] = useState(false);
  const form = useFields<Values>({
    initial: {
      name: p?.name ?? '',
      issuer: p?.issuer ?? '',
      clientId: p?.clientId ?? '',
      clientSecret: '',
      enabled: p?.enabled ?? true,
      scopes: p?.scopes ?? [],
      groupsClaim: p?.groupsClaim ?? '',
      trustEmail: p?.trustEmail ?? false,
      mappings: p?.mappings ?? [],
    },
    check: (v) => ({
      ...(!v.name.trim() && { name: 'Write what the button says, such as Okta.' }),
      ...(!/^https?:\/\/\S+$/.test(v.issuer.trim()) && { issuer: 'Write its address, beginning with https://.' }),
      ...(!v.clientId.trim() && { clientId: 'Write the client id that the provider gave.' }),
    }),
    send: async (v) => {
      const body = {
        name: v.name.trim(),
        issuer: v.issuer.trim(),
        clientId: v.clientId.trim(),
        ...(v.clientSecret && { clientSecret: v.clientSecret }),
        enabled: v.enabled,
        scopes: v.scopes,
        ...(v.groupsClaim.trim() && { groupsClaim: v.groupsClaim.trim() }),
        trustEmail: v.trustEmail,
        mappings: v.mappings,
      };
      if (p) await request('PUT', `/sso/providers/${p.id}`, { body, ...(etag && { etag }) });
      else await request('POST', '/sso/providers', { body });
      await again();
      toasts.say(`${body.name} is saved.`);
      close();
    },
  });
  return (
    <>
      <Form of={form} button={p ? `Save ${p.name}` : 'Add provider'} onCancel={close}>
        <TextField of={form} name="name" label="Name" why="As the button on the sign-in page says it." autoFocus />
        <TextField of={form} name="issuer" label="Issuer" type="url" mono why="Its OpenID configuration is read from there." placeholder="https://login.example.com" />
        <TextField of={form} name="clientId" label="Client id" mono />
        <SecretField
          of={form}
          name="clientSecret"
          label="Client secret"
          optional
          autoComplete="new-password"
          placeholder={p?.hasSecret ? 'Set; leave empty to keep it' : undefined}
          why="Sealed, and never shown again."
        />
        {p && (
          <p style={{ margin: 0, fontSize: 13 }}>
            Redirect address to register there: <code className="mono">{p.callback}</code> <CopyButton value={p.callback} what="redirect address" />
          </p>
        )}
        <WordsField of={form} name="scopes" label="Further scopes" optional why="Beside openid, profile and email; some providers need one for groups." />
        <TextField of={form} name="groupsClaim" label="Claim that lists groups" optional placeholder="groups" mono />
        <CheckField of={form} name="trustEmail" label="A verified e-mail address is that of the account with this login" why="Only for a provider that you trust to verify them." />
        <div>
          <p style={{ margin: '0 0 6px', fontWeight: 500, fontSize: 13 }}>Roles of its groups</p>
          <Simple
            label="Roles of its groups"
            rows={form.values.mappings}
            id={(m) => `${m.group} ${m.role} ${scopeWords(m.scope, m.own)}`}
            empty={<p className={classes.note}>None: nobody gets in by it who has no account already.</p>}
            columns={[
              { name: 'group', head: 'Group', cell: (m) => <span className="mono">{m.group}</span> },
              { name: 'role', head: 'Role', cell: (m) => word(m.role) },
              { name: 'scope', head: 'On', cell: (m) => scopeWords(m.scope, m.own) },
              {
                name: 'do',
                head: <span className="muted">Action</span>,
                right: true,
                cell: (m) => (
                  <ActionIcon aria-label={`Take the role of ${m.group} away`} onClick={() => form.set('mappings', form.values.mappings.filter((x) => x !== m))}>
                    <IconTrash size={15} />
                  </ActionIcon>
                ),
              },
            ]}
          />
          <Button variant="default" size="compact-xs" mt={8} onClick={() => setAdding(true)}>
            Add a group
          </Button>
        </div>
        <CheckField of={form} name="enabled" label="People can sign in by it" />
      </Form>
      <Modal opened={adding} onClose={() => setAdding(false)} title="Role of a group" zIndex={300} closeButtonProps={{ 'aria-label': 'Close' }}>
        <AddMapping
          onCancel={() => setAdding(false)}
          onDone={(m) => {
            form.set('mappings', [...form.values.mappings, m]);
            setAdding(false);
          }}
        />
      </Modal>
    </>
  );
}

function AddMapping({ onDone, onCancel }: { onDone: (m: Mapping) => void; onCancel: () => void }) {
  const form = useFields<Mapping>({
    initial: { group: '', role: 'viewer', scope: { all: true }, own: false },
    check: (v) => ({
      ...(!v.group.trim() && { group: 'Write the group as the provider sends it.' }),
      ...(scopeEmpty(v.scope) && !v.own && { scope: 'Name at least one part of the inventory, or choose the whole.' }),
    }),
    send: async (v) => onDone({ ...v, group: v.group.trim() }),
  });
  return (
    <Form of={form} button="Add the group" onCancel={onCancel}>
      <TextField of={form} name="group" label="Group" mono autoFocus />
      <ChoiceField of={form} name="role" label="Role" data={roles.map((value) => ({ value, label: word(value) }))} />
      <ScopeField label="Where" value={form.values.scope} onChange={(s) => form.set('scope', s)} own={form.values.own} onOwn={(own) => form.set('own', own)} error={form.wrong('scope')} />
    </Form>
  );
}
