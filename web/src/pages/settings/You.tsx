import { Button, Modal } from '@mantine/core';
import { use, useState } from 'react';
import { request } from '@/api/client';
import { queries, useGet } from '@/api/query';
import { MeContext } from '@/app/me';
import { Facts } from '@/components/Columns';
import { Confirm } from '@/components/Confirm';
import { Form, SecretField, useFields } from '@/components/Form';
import { Section } from '@/components/Page';
import { scopeWords } from '@/components/Scope';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Failed } from '@/components/States';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { Mark, Tag, Unknown, word } from '@/components/Words';
import { EnrolPasskey, EnrolTotp, RecoveryCodes } from '@/pages/signin/Enrol';
import type { Factors } from '@/pages/signin/api';
import { passkeysSupported } from '@/pages/signin/webauthn';
import { agentWords, type Listed, type Passkey, type Session } from './data';
import classes from './settings.module.css';


/** The own account: who one is here, by what one signs in, and where one is signed in. */
export default function You() {
  const me = use(MeContext);
  return (
    <>
      <Section title="Who you are" id="who">
        <Facts
          rows={[
            ['Name', me?.name],
            [
              'Roles',
              me?.roles?.length ? (
                <ul style={{ margin: 0, padding: 0, listStyle: 'none' }}>
                  {me.roles.map((r, i) => (
                    <li key={i}>
                      {word(r.role)}, on {scopeWords(r.scope as never)}
                    </li>
                  ))}
                </ul>
              ) : (
                <Unknown>none yet: ask an administrator</Unknown>
              ),
            ],
            !!me?.owners?.length && ['Yours is what is registered to', me.owners.filter((o) => !o.startsWith('acc_')).join(', ')],
          ]}
        />
      </Section>
      <SignIn />
      <Sessions />
    </>
  );
}

type Open = 'totp' | 'passkey' | 'password' | undefined;

function SignIn() {
  const { data, error, refetch } = useGet<Factors>('/auth/factors');
  const [open, setOpen] = useState<Open>();
  const [codes, setCodes] = useState<string[]>();
  const [removing, setRemoving] = useState<Passkey | 'totp'>();
  const [renewing, setRenewing] = useState(false);
  const toasts = useToasts();
  const close = () => setOpen(undefined);

  async function changed(made?: string[]) {
    close();
    if (made?.length) setCodes(made);
    await queries.invalidateQueries({ queryKey: ['/auth/factors'] });
  }

  if (error) return <Failed what="How you sign in" error={error} retry={() => void refetch()} />;
  if (!data) return <Block height={240} />;
  const passkeys = data.passkeys ?? [];
  return (
    <>
      <Section
        title="Passkeys"
        id="passkeys"
        aside={passkeysSupported() && <Button onClick={() => setOpen('passkey')}>Add passkey</Button>}
      >
        <Simple
          label="Passkeys"
          rows={passkeys}
          id={(p) => p.id}
          empty={<p className={classes.note}>None yet. A passkey cannot be phished and needs no password.</p>}
          columns={[
            { name: 'name', head: 'Name', cell: (p) => <strong>{p.name}</strong> },
            { name: 'created', head: 'Added', cell: (p) => <Time at={p.createdAt} /> },
            { name: 'used', head: 'Last used', wide: true, cell: (p) => <Time at={p.lastUsed} none="never" /> },
            {
              name: 'do',
              head: <span className="muted">Action</span>,
              right: true,
              cell: (p) => (
                <Button size="compact-xs" variant="default" onClick={() => setRemoving(p)} aria-label={`Remove ${p.name}`}>
                  Remove
                </Button>
              ),
            },
          ]}
        />
      </Section>
      <Section title="Password and code" id="password">
        <div className={classes.row}>
          <div className={classes.grow}>
            Password {data.hasPassword ? <Mark tone="good" sign="check">set</Mark> : <Unknown>none</Unknown>}
          </div>
          <Button variant="default" onClick={() => setOpen('password')}>
            {data.hasPassword ? 'Change password' : 'Set a password'}
          </Button>
        </div>
        <div className={classes.row} style={{ marginTop: 12 }}>
          <div className={classes.grow}>
            Authenticator app {data.hasTotp ? <Mark tone="good" sign="check">set up</Mark> : <Unknown>none</Unknown>}
          </div>
          {data.hasTotp ? (
            <Button variant="default" onClick={() => setRemoving('totp')}>
              Remove authenticator app
            </Button>
          ) : (
            <Button variant="default" onClick={() => setOpen('totp')}>
              Set up an authenticator app
            </Button>
          )}
        </div>
        <div className={classes.row} style={{ marginTop: 12 }}>
          <div className={classes.grow}>
            Recovery codes <span className="muted">{data.recoveryCodes} left</span>
          </div>
          <Button variant="default" onClick={() => setRenewing(true)}>
            Make new recovery codes
          </Button>
        </div>
      </Section>
      <Modal opened={open === 'passkey'} onClose={close} title="Add passkey" closeButtonProps={{ 'aria-label': 'Close' }}>
        <EnrolPasskey onDone={(c) => void changed(c)} onCancel={close} />
      </Modal>
      <Modal opened={open === 'totp'} onClose={close} title="Authenticator app" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
        <EnrolTotp onDone={(c) => void changed(c)} onCancel={close} />
      </Modal>
      <Modal opened={open === 'password'} onClose={close} title="Password" closeButtonProps={{ 'aria-label': 'Close' }}>
        <Password has={data.hasPassword} onDone={() => void changed()} onCancel={close} />
      </Modal>
      <Modal opened={codes !== undefined} onClose={() => undefined} withCloseButton={false} title="Recovery codes">
        {codes && <RecoveryCodes codes={codes} onDone={() => setCodes(undefined)} />}
      </Modal>
      <Confirm
        opened={removing !== undefined}
        onClose={() => setRemoving(undefined)}
        title={removing === 'totp' ? 'Remove the authenticator app' : `Remove passkey ${removing?.name ?? ''}`}
        run={async () => {
          if (removing === 'totp') await request('DELETE', '/auth/totp');
          else await request('DELETE', `/auth/passkeys/${removing?.id ?? ''}`);
          await changed();
          toasts.say('Removed.');
        }}
      >
        You can no longer sign in with it. Somebody without any second factor has to set one up at the next sign-in.
      </Confirm>
      <Confirm
        opened={renewing}
        onClose={() => setRenewing(false)}
        title="Make new recovery codes"
        danger={false}
        run={async () => {
          const { data: made } = await request<{ codes: string[] }>('POST', '/auth/recovery-codes');
          await changed(made.codes);
        }}
      >
        The codes that you have now stop working.
      </Confirm>
    </>
  );
}

function Password({ has, onDone, onCancel }: { has: boolean; onDone: () => void; onCancel: () => void }) {
  const toasts = useToasts();
  const form = useFields({
    initial: { present: '', password: '', again: '' },
    check: (v) => ({
      ...(has && !v.present && { present: 'Write the password that you have now.' }),
      ...(v.password.length < 12 && { password: 'Use at least 12 characters; a few unrelated words do well.' }),
      ...(v.again !== v.password && { again: 'The two are not the same.' }),
    }),
    send: async (v) => {
      await request('PUT', '/auth/password', { body: { ...(has && { present: v.present }), password: v.password } });
      toasts.say('Your password is changed. Other sessions of yours have ended.');
      onDone();
    },
  });
  return (
    <Form of={form} button="Change password" onCancel={onCancel} label="Password">
      {has && <SecretField of={form} name="present" label="Present password" autoComplete="current-password" />}
      <SecretField of={form} name="password" label="New password" autoComplete="new-password" why="At least 12 characters." />
      <SecretField of={form} name="again" label="Once more" autoComplete="new-password" />
    </Form>
  );
}

function Sessions() {
  const { data, error, refetch } = useGet<Listed<Session>>('/sessions');
  const [ending, setEnding] = useState<Session | 'others'>();
  const toasts = useToasts();
  const all = data?.items ?? [];
  const others = all.filter((s) => !s.current);
  return (
    <Section
      title="Where you are signed in"
      id="sessions"
      aside={
        others.length > 0 && (
          <Button variant="default" onClick={() => setEnding('others')}>
            Sign out everywhere else
          </Button>
        )
      }
    >
      {error ? (
        <Failed what="Your sessions" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Block height={120} />
      ) : (
        <Simple
          label="Sessions"
          rows={all}
          id={(s) => s.id}
          columns={[
            {
              name: 'agent',
              head: 'Browser',
              cell: (s) => (
                <>
                  {agentWords(s.agent)} {s.current && <Tag>this one</Tag>}
                  <br />
                  <span className="muted">
                    from {s.origin}, by {word(s.method)}
                  </span>
                </>
              ),
            },
            { name: 'begun', head: 'Begun', wide: true, cell: (s) => <Time at={s.createdAt} /> },
            { name: 'seen', head: 'Last seen', cell: (s) => <Time at={s.seenAt} /> },
            {
              name: 'do',
              head: <span className="muted">Action</span>,
              right: true,
              cell: (s) =>
                !s.current && (
                  <Button size="compact-xs" variant="default" onClick={() => setEnding(s)} aria-label={`End the session on ${agentWords(s.agent)}`}>
                    End
                  </Button>
                ),
            },
          ]}
        />
      )}
      <Confirm
        opened={ending !== undefined}
        onClose={() => setEnding(undefined)}
        title={ending === 'others' ? 'Sign out everywhere else' : `End the session on ${ending ? agentWords(ending.agent) : ''}`}
        run={async () => {
          if (ending === 'others') await request('DELETE', '/sessions');
          else await request('DELETE', `/sessions/${ending?.id ?? ''}`);
          await queries.invalidateQueries({ queryKey: ['/sessions'] });
          toasts.say('Signed out.');
        }}
      >
        Whoever works there has to sign in again. Nothing that was saved is lost.
      </Confirm>
    </Section>
  );
}
