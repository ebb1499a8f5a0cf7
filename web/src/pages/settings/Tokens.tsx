import { Button, Checkbox, Modal, SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { request } from '@/api/client';
import { queries, useGet } from '@/api/query';
import { useCan } from '@/app/me';
import { Confirm } from '@/components/Confirm';
import { ChoiceField, Form, TextField, useFields } from '@/components/Form';
import { Section } from '@/components/Page';
import { ScopeField, scopeEmpty, scopeWords, type RowScope } from '@/components/Scope';
import { ShownOnce } from '@/components/ShownOnce';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed } from '@/components/States';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { Mark } from '@/components/Words';
import { permissions, type Listed, type Token } from './data';
import classes from './settings.module.css';

/** API tokens: the caller's own, or everybody's for who may see them. */
export default function Tokens() {
  const can = useCan();
  const [whose, setWhose] = useState<'mine' | 'all'>('mine');
  const [making, setMaking] = useState(false);
  const [ending, setEnding] = useState<Token>();
  const { data, error, refetch } = useGet<Listed<Token>>('/tokens', { all: whose === 'all' ? true : undefined, limit: 200 });
  const toasts = useToasts();
  const button = <Button onClick={() => setMaking(true)}>Create token</Button>;
  return (
    <Section
      title={whose === 'all' ? 'Tokens of everybody' : 'Your tokens'}
      id="tokens"
      aside={
        <div className={classes.row}>
          {can('tokens.manage') && (
            <SegmentedControl
              size="xs"
              aria-label="Whose tokens"
              value={whose}
              onChange={(v) => setWhose(v as 'mine' | 'all')}
              data={[
                { value: 'mine', label: 'Yours' },
                { value: 'all', label: "Everybody's" },
              ]}
            />
          )}
          {!!data?.items?.length && button}
        </div>
      }
    >
      {error ? (
        <Failed what="The tokens" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Block height={160} />
      ) : (
        <Simple
          label="Tokens"
          rows={data.items ?? []}
          id={(t) => t.id}
          empty={
            <Empty title="No tokens" action={<Button onClick={() => setMaking(true)}>Create token</Button>}>
              Create one for each program that calls the API, with no more rights than it needs.
            </Empty>
          }
          columns={[
            {
              name: 'name',
              head: 'Token',
              cell: (t) => (
                <>
                  <strong>{t.name}</strong> <code className="mono muted">…{t.hint}</code>
                  <br />
                  <span className="muted">
                    {(t.permissions ?? []).join(', ') || t.kind}, on {scopeWords(t.scope)}
                  </span>
                </>
              ),
            },
            { name: 'created', head: 'Created', wide: true, cell: (t) => <Time at={t.createdAt} /> },
            { name: 'used', head: 'Last used', wide: true, cell: (t) => <Time at={t.lastUsed} none="never" /> },
            { name: 'expires', head: 'Ends', cell: (t) => (t.revokedAt ? <Mark tone="unknown" sign="ring">revoked</Mark> : <Time at={t.expiresAt} />) },
            {
              name: 'do',
              head: <span className="muted">Action</span>,
              right: true,
              cell: (t) =>
                !t.revokedAt && (
                  <Button size="compact-xs" variant="default" onClick={() => setEnding(t)} aria-label={`Revoke ${t.name}`}>
                    Revoke
                  </Button>
                ),
            },
          ]}
        />
      )}
      {making && <Make close={() => setMaking(false)} />}
      <Confirm
        opened={ending !== undefined}
        onClose={() => setEnding(undefined)}
        title={`Revoke ${ending?.name ?? ''}`}
        run={async () => {
          await request('DELETE', `/tokens/${ending?.id ?? ''}`);
          await queries.invalidateQueries({ queryKey: ['/tokens'] });
          toasts.say(`${ending?.name ?? 'The token'} is revoked.`);
        }}
      >
        Whatever uses it is refused from now on. This cannot be taken back; a new token takes its place.
        {ending?.lastUsed && (
          <>
            {' '}
            It was last used <Time at={ending.lastUsed} />.
          </>
        )}
      </Confirm>
    </Section>
  );
}

interface Values {
  name: string;
  days: string;
  permissions: string[];
  scope: RowScope;
}

const lifetimes = [
  { value: '7', label: '7 days' },
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: '1 year' },
];

function Make({ close }: { close: () => void }) {
  const can = useCan();
  const [token, setToken] = useState<string>();
  const mine = Object.keys(permissions).filter((p) => can(p));
  const form = useFields<Values>({
    initial: { name: '', days: '90', permissions: mine.includes('inventory.read') ? ['inventory.read'] : [], scope: { all: true } },
    check: (v) => ({
      ...(!v.name.trim() && { name: 'Name the program that will use it, such as nightly-export.' }),
      ...(v.permissions.length === 0 && { permissions: 'Choose at least one thing that it may do.' }),
      ...(scopeEmpty(v.scope) && { scope: 'Name at least one part of the inventory, or choose the whole.' }),
    }),
    send: async (v) => {
      const { data } = await request<{ secret: string }>('POST', '/tokens', {
        body: {
          name: v.name.trim(),
          permissions: v.permissions,
          scope: v.scope,
          expiresAt: new Date(Date.now() + Number(v.days) * 86_400_000).toISOString(),
        },
      });
      setToken(data.secret);
      await queries.invalidateQueries({ queryKey: ['/tokens'] });
    },
  });
  return (
    <Modal
      opened
      onClose={close}
      title={token ? `Token ${form.values.name}` : 'Create token'}
      closeOnClickOutside={!token}
      closeButtonProps={{ 'aria-label': 'Close' }}
      size="lg"
    >
      {token ? (
        <ShownOnce what="token" value={token} onDone={close} />
      ) : (
        <Form of={form} button="Create token" doing="Creating…" onCancel={close}>
          <TextField of={form} name="name" label="Name" why="What uses it. It stands in the audit log beside everything that it does." autoFocus />
          <ChoiceField of={form} name="days" label="Ends after" data={lifetimes} why="A token without an end is what this product finds in others." />
          <Checkbox.Group
            label="What it may do"
            description="You can give no more than you have yourself."
            error={form.wrong('permissions')}
            value={form.values.permissions}
            onChange={(v) => form.set('permissions', v)}
          >
            <div style={{ display: 'flex', flexDirection: 'column', gap: 8, marginTop: 8 }}>
              {mine.map((p) => (
                <Checkbox key={p} value={p} label={permissions[p]} />
              ))}
            </div>
          </Checkbox.Group>
          <ScopeField label="Where" value={form.values.scope} onChange={(s) => form.set('scope', s)} error={form.wrong('scope')} />
        </Form>
      )}
    </Modal>
  );
}
