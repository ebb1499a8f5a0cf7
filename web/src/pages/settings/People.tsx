import { Button, Menu, Modal } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import { request } from '@/api/client';
import { queries, useGet } from '@/api/query';
import { Confirm } from '@/components/Confirm';
import { ChoiceField, Form, TextField, useFields } from '@/components/Form';
import { Section } from '@/components/Page';
import { ScopeField, scopeEmpty, scopeWords, type RowScope } from '@/components/Scope';
import { ShownOnce } from '@/components/ShownOnce';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Failed } from '@/components/States';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { Mark, Tag, Unknown, word } from '@/components/Words';
import { count } from '@/lib/format';
import { roles, type Account, type Binding, type Group, type Invitation, type Listed } from './data';
import classes from './settings.module.css';

type Doing =
  | { do: 'roles'; account: Account }
  | { do: 'reset'; account: Account }
  | { do: 'deactivate'; account: Account }
  | { do: 'activate'; account: Account }
  | { do: 'group'; group: Group }
  | { do: 'invite' }
  | { do: 'withdraw'; invitation: Invitation };

const again = () => queries.invalidateQueries({ predicate: (q) => /^\/(accounts|account-groups|invitations|role-bindings)/.test(String(q.queryKey[0])) });

/** Who is in a group. */
function Members({ group }: { group: Group }) {
  const { data, error, refetch } = useGet<Group & { accounts: Account[] | null }>(`/account-groups/${group.id}`);
  if (error) return <Failed what="The members" error={error} retry={() => void refetch()} />;
  if (!data) return <Block height={80} />;
  return (
    <>
      {group.origin !== 'local' && <p className={classes.note}>The directory says who is in it: change that there.</p>}
      <Simple
        label="Members"
        rows={data.accounts ?? []}
        id={(a) => a.id}
        empty={<p className={classes.note}>Nobody is in it.</p>}
        columns={[
          { name: 'name', head: 'Member', cell: (a) => a.name || a.login },
          { name: 'login', head: 'Login', cell: (a) => a.login },
          { name: 'state', head: 'State', cell: (a) => (a.active ? <Mark tone="good" sign="full">active</Mark> : <Mark tone="unknown" sign="ring">inactive</Mark>) },
        ]}
      />
    </>
  );
}

/** Who may sign in and what each may do: accounts, invitations and the roles bound to them. */
export default function People() {
  const accounts = useGet<Listed<Account>>('/accounts', { limit: 200 });
  const bindings = useGet<Listed<Binding>>('/role-bindings', { limit: 500 });
  const invitations = useGet<Listed<Invitation>>('/invitations', { limit: 200 });
  const groups = useGet<Listed<Group>>('/account-groups', { limit: 500 });
  const [doing, setDoing] = useState<Doing>();
  const close = () => setDoing(undefined);

  if (accounts.error) return <Failed what="The accounts" error={accounts.error} retry={() => void accounts.refetch()} />;
  if (!accounts.data) return <Block height={320} />;
  const of = (a: Account) => (bindings.data?.items ?? []).filter((b) => b.account === a.id);
  const ofGroup = (g: Group) => (bindings.data?.items ?? []).filter((b) => b.group === g.id);
  const open = invitations.data?.items ?? [];
  return (
    <>
      <Section title="Accounts" id="accounts" aside={<Button onClick={() => setDoing({ do: 'invite' })}>Invite somebody</Button>}>
        <Simple
          label="Accounts"
          rows={accounts.data.items ?? []}
          id={(a) => a.id}
          columns={[
            {
              name: 'name',
              head: 'Person',
              cell: (a) => (
                <>
                  <strong>{a.name || a.login}</strong> {a.origin !== 'local' && <Tag>{a.origin.toUpperCase()}</Tag>}
                  <br />
                  <span className="muted">{a.login}</span>
                </>
              ),
            },
            {
              name: 'roles',
              head: 'May do',
              cell: (a) => {
                const mine = of(a);
                if (mine.length === 0) return <Unknown>nothing yet</Unknown>;
                return mine.map((b) => (
                  <div key={b.id}>
                    {word(b.role)} <span className="muted">on {scopeWords(b.scope, b.own)}</span>
                  </div>
                ));
              },
            },
            { name: 'by', head: 'Signs in by', wide: true, cell: (a) => factorWords(a) },
            { name: 'last', head: 'Last sign-in', wide: true, cell: (a) => <Time at={a.lastSignIn} none="never" /> },
            {
              name: 'state',
              head: 'State',
              cell: (a) => (a.active ? <Mark tone="good" sign="full">active</Mark> : <Mark tone="unknown" sign="ring">inactive</Mark>),
            },
            {
              name: 'do',
              head: <span className="muted">Action</span>,
              right: true,
              cell: (a) => (
                <Menu position="bottom-end">
                  <Menu.Target>
                    <Button size="compact-xs" variant="default" aria-label={`Change ${a.name || a.login}`}>
                      <IconDots size={14} />
                    </Button>
                  </Menu.Target>
                  <Menu.Dropdown>
                    <Menu.Item onClick={() => setDoing({ do: 'roles', account: a })}>Roles…</Menu.Item>
                    <Menu.Item onClick={() => setDoing({ do: 'reset', account: a })}>Reset how they sign in…</Menu.Item>
                    <Menu.Item onClick={() => setDoing({ do: a.active ? 'deactivate' : 'activate', account: a })}>
                      {a.active ? `Deactivate ${a.name || a.login}…` : `Activate ${a.name || a.login}…`}
                    </Menu.Item>
                  </Menu.Dropdown>
                </Menu>
              ),
            },
          ]}
        />
      </Section>
      <Section title="Groups" id="groups">
        {groups.error ? (
          <Failed what="The groups" error={groups.error} retry={() => void groups.refetch()} />
        ) : (
          <Simple
            label="Groups"
            rows={groups.data?.items ?? []}
            id={(g) => g.id}
            empty={
              <p className={classes.note}>
                No group yet. A directory that provisions by SCIM brings its groups with it; each is given roles here, and its members have them at once.
              </p>
            }
            columns={[
              {
                name: 'name',
                head: 'Group',
                cell: (g) => (
                  <>
                    <strong>{g.name}</strong> {g.origin !== 'local' && <Tag>{g.origin.toUpperCase()}</Tag>}
                  </>
                ),
              },
              { name: 'members', head: 'Members', right: true, cell: (g) => count(g.members) },
              {
                name: 'roles',
                head: 'Members may do',
                cell: (g) => {
                  const mine = ofGroup(g);
                  if (mine.length === 0) return <Unknown>nothing by it</Unknown>;
                  return mine.map((b) => (
                    <div key={b.id}>
                      {word(b.role)} <span className="muted">on {scopeWords(b.scope, b.own)}</span>
                    </div>
                  ));
                },
              },
              { name: 'changed', head: 'Changed', wide: true, cell: (g) => <Time at={g.updatedAt} /> },
              {
                name: 'do',
                head: <span className="muted">Action</span>,
                right: true,
                cell: (g) => (
                  <Button size="compact-xs" variant="default" onClick={() => setDoing({ do: 'group', group: g })} aria-label={`Members and roles of ${g.name}`}>
                    Members and roles
                  </Button>
                ),
              },
            ]}
          />
        )}
      </Section>
      <Section title="Invitations" id="invitations">
        <Simple
          label="Invitations"
          rows={open}
          id={(i) => i.id}
          empty={<p className={classes.note}>Nobody is invited who has not signed in yet.</p>}
          columns={[
            { name: 'who', head: 'Who', cell: (i) => <strong>{i.name || i.login}</strong> },
            { name: 'login', head: 'Login', wide: true, cell: (i) => i.login },
            { name: 'at', head: 'Invited', wide: true, cell: (i) => <Time at={i.createdAt} /> },
            { name: 'ends', head: 'Link ends', cell: (i) => <Time at={i.expiresAt} /> },
            {
              name: 'do',
              head: <span className="muted">Action</span>,
              right: true,
              cell: (i) => (
                <Button
                  size="compact-xs"
                  variant="default"
                  onClick={() => setDoing({ do: 'withdraw', invitation: i })}
                  aria-label={`Withdraw the invitation of ${i.login}`}
                >
                  Withdraw
                </Button>
              ),
            },
          ]}
        />
      </Section>
      {doing?.do === 'invite' && <Invite close={close} />}
      {doing?.do === 'roles' && (
        <Roles holder={{ name: doing.account.name || doing.account.login, of: { account: doing.account.id } }} bindings={of(doing.account)} close={close} />
      )}
      {doing?.do === 'group' && (
        <Roles
          holder={{ name: doing.group.name, of: { group: doing.group.id }, members: <Members group={doing.group} /> }}
          bindings={ofGroup(doing.group)}
          close={close}
        />
      )}
      <Ask doing={doing} close={close} />
    </>
  );
}

function Ask({ doing, close }: { doing: Doing | undefined; close: () => void }) {
  const toasts = useToasts();
  const [link, setLink] = useState<{ url: string; name: string }>();
  if (link) {
    return (
      <Modal opened onClose={() => setLink(undefined)} title={`A new link for ${link.name}`} closeOnClickOutside={false} closeButtonProps={{ 'aria-label': 'Close' }}>
        <ShownOnce what="link" value={link.url} onDone={() => setLink(undefined)} />
      </Modal>
    );
  }
  if (!doing || doing.do === 'invite' || doing.do === 'roles' || doing.do === 'group') return null;
  if (doing.do === 'withdraw') {
    const { invitation: i } = doing;
    return (
      <Confirm
        opened
        onClose={close}
        title={`Withdraw the invitation of ${i.login}`}
        run={async () => {
          await request('DELETE', `/invitations/${i.id}`);
          await again();
          toasts.say('The link no longer works.');
        }}
      >
        The link that they were sent stops working. They can be invited again.
      </Confirm>
    );
  }
  const { account: a } = doing;
  const name = a.name || a.login;
  if (doing.do === 'reset') {
    return (
      <Confirm
        opened
        onClose={close}
        title={`Reset how ${name} signs in`}
        run={async () => {
          const { data } = await request<{ url: string }>('POST', `/accounts/${a.id}/reset`, { idempotent: true });
          await again();
          setLink({ url: data.url, name });
        }}
      >
        Their password, passkeys, authenticator app and sessions end. They set them up again with a link that you pass on yourself.
      </Confirm>
    );
  }
  const activate = doing.do === 'activate';
  return (
    <Confirm
      opened
      onClose={close}
      danger={!activate}
      title={`${activate ? 'Activate' : 'Deactivate'} ${name}`}
      run={async () => {
        await request('PATCH', `/accounts/${a.id}`, { body: { active: activate } });
        await again();
        toasts.say(`${name} is ${activate ? 'active' : 'deactivated'}.`);
      }}
    >
      {activate
        ? 'They can sign in again, with the roles that they had.'
        : 'Their sessions end at once and their tokens are refused. What they did stays in the audit log. They can be activated again.'}
    </Confirm>
  );
}

interface InviteValues {
  login: string;
  name: string;
  role: string;
  scope: RowScope;
  own: boolean;
}

const roleChoices = roles.map((value) => ({ value, label: word(value).replace(/^./, (c) => c.toUpperCase()) }));

function Invite({ close }: { close: () => void }) {
  const [link, setLink] = useState<string>();
  const form = useFields<InviteValues>({
    initial: { login: '', name: '', role: 'viewer', scope: { all: true }, own: false },
    check: (v) => ({
      ...(!/^\S+@\S+\.\S+$/.test(v.login.trim()) && { login: 'Write an e-mail address, such as ana@example.com.' }),
      ...(!v.name.trim() && { name: 'Write how they are called.' }),
      ...(scopeEmpty(v.scope) && !v.own && { scope: 'Name at least one part of the inventory, or choose the whole.' }),
    }),
    send: async (v) => {
      const { data } = await request<{ url: string }>('POST', '/invitations', {
        body: { login: v.login.trim(), name: v.name.trim(), role: v.role, scope: v.scope, own: v.own },
      });
      setLink(data.url);
      await again();
    },
  });
  return (
    <Modal opened onClose={close} title={link ? `The link for ${form.values.name}` : 'Invite somebody'} size="lg" closeOnClickOutside={!link} closeButtonProps={{ 'aria-label': 'Close' }}>
      {link ? (
        <ShownOnce what="link" value={link} onDone={close}>
          <p className="muted">Pass it on yourself. It works once, until they have set up how they sign in.</p>
        </ShownOnce>
      ) : (
        <Form of={form} button="Make the link" doing="Inviting…" onCancel={close}>
          <TextField of={form} name="login" label="E-mail address" type="email" why="Their login, and what identities may be registered to." autoFocus />
          <TextField of={form} name="name" label="Name" />
          <ChoiceField of={form} name="role" label="Role" data={roleChoices} why={rolePurpose[form.values.role]} />
          <ScopeField
            label="Where"
            value={form.values.scope}
            onChange={(s) => form.set('scope', s)}
            own={form.values.own}
            onOwn={(own) => form.set('own', own)}
            error={form.wrong('scope')}
          />
        </Form>
      )}
    </Modal>
  );
}

const rolePurpose: Record<string, string> = {
  viewer: 'Reads the inventory.',
  'identity-owner': 'Sees and edits the identities that they answer for.',
  reviewer: 'Reads the inventory and decides about findings.',
  auditor: 'Reads everything, the audit log included, and exports evidence.',
  operator: 'Runs the discovery: sources, scans, collectors, channels.',
  admin: 'Does everything, accounts and settings included.',
};

interface Holder {
  name: string;
  /** What a new binding names it by. */
  of: { account: string } | { group: string };
  /** Who is a member, of a group. */
  members?: ReactNode;
}

function Roles({ holder, bindings, close }: { holder: Holder; bindings: Binding[]; close: () => void }) {
  const toasts = useToasts();
  const [ending, setEnding] = useState<Binding>();
  const name = holder.name;
  const form = useFields<{ role: string; scope: RowScope; own: boolean }>({
    initial: { role: 'viewer', scope: { all: true }, own: false },
    check: (v) => (scopeEmpty(v.scope) && !v.own ? { scope: 'Name at least one part of the inventory, or choose the whole.' } : {}),
    send: async (v) => {
      await request('POST', '/role-bindings', { body: { ...holder.of, role: v.role, scope: v.scope, own: v.own } });
      await again();
      form.reset();
      toasts.say(`${name} has the role ${word(v.role)}.`);
    },
  });
  return (
    <Modal opened onClose={close} title={`Roles of ${name}`} size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      {holder.members}
      <Simple
        label="Roles"
        rows={bindings}
        id={(b) => b.id}
        empty={<p className={classes.note}>They may do nothing yet.</p>}
        columns={[
          { name: 'role', head: 'Role', cell: (b) => word(b.role) },
          { name: 'scope', head: 'On', cell: (b) => scopeWords(b.scope, b.own) },
          { name: 'by', head: 'Given', wide: true, cell: (b) => (b.origin === 'manual' ? <Time at={b.createdAt} /> : `by ${b.origin}`) },
          {
            name: 'do',
            head: <span className="muted">Action</span>,
            right: true,
            cell: (b) => (
              <Button size="compact-xs" variant="default" onClick={() => setEnding(b)} aria-label={`Take ${word(b.role)} away`}>
                Take away
              </Button>
            ),
          },
        ]}
      />
      <div className={classes.box}>
        <Form of={form} button={`Give ${name} this role`}>
          <ChoiceField of={form} name="role" label="Another role" data={roleChoices} why={rolePurpose[form.values.role]} />
          <ScopeField
            label="Where"
            value={form.values.scope}
            onChange={(s) => form.set('scope', s)}
            own={form.values.own}
            onOwn={(own) => form.set('own', own)}
            error={form.wrong('scope')}
          />
        </Form>
      </div>
      <Confirm
        opened={ending !== undefined}
        onClose={() => setEnding(undefined)}
        title={`Take ${word(ending?.role ?? '')} away from ${name}`}
        run={async () => {
          await request('DELETE', `/role-bindings/${ending?.id ?? ''}`);
          await again();
        }}
      >
        It takes effect with their next request. It can be given again.
      </Confirm>
    </Modal>
  );
}

function factorWords(a: Account) {
  const by = [a.passkeys > 0 && 'passkey', a.hasPassword && 'password', a.hasTotp && 'code'].filter(Boolean);
  return by.length ? by.join(', ') : a.origin === 'local' ? <Unknown>not set up</Unknown> : 'single sign-on';
}
