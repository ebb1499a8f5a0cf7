import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { request } from '@/api/client';
import { queries, useGet } from '@/api/query';
import { Confirm } from '@/components/Confirm';
import { CopyButton } from '@/components/CopyButton';
import { CheckField, ChoiceField, Form, TextField, useFields, WordsField } from '@/components/Form';
import { Page } from '@/components/Page';
import { ShownOnce } from '@/components/ShownOnce';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed } from '@/components/States';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { Mark, Term } from '@/components/Words';
import { plural } from '@/lib/format';
import { SourceTabs } from './Tabs';
import classes from './sources.module.css';

interface Collector {
  id: string;
  name: string;
  realms: string[] | null;
  sources: string[] | null;
  fingerprints: 'none' | 'allowed' | 'done';
  keyCurrent: boolean;
  createdAt: string;
  createdBy: string;
  tokenHint?: string;
  expiresAt?: string;
  lastPush?: string;
  version?: string;
  host?: string;
  revokedAt?: string;
}

interface Made {
  collector: Collector;
  token: string;
}

const again = () => queries.invalidateQueries({ queryKey: ['/collectors'] });

/** The places from which scans are handed in, where the server itself cannot reach a system. */
export default function CollectorsPage() {
  const { data, error, refetch } = useGet<{ items: Collector[] | null }>('/collectors');
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Made>();
  const [doing, setDoing] = useState<{ do: 'revoke' | 'renew'; collector: Collector }>();
  const toasts = useToasts();
  const button = <Button onClick={() => setMaking(true)}>Add collector</Button>;
  return (
    <Page title="Collectors" lead="Programs that scan where a system can be reached, and hand in what they found. They only call out." actions={data?.items?.length ? button : undefined}>
      <SourceTabs at="/sources/collectors" />
      {error ? (
        <Failed what="The collectors" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Block height={240} />
      ) : (
        <Simple
          label="Collectors"
          rows={data.items ?? []}
          id={(c) => c.id}
          empty={
            <Empty title="No collectors" action={<Button onClick={() => setMaking(true)}>Add collector</Button>}>
              Add one for each network or machine that the server cannot reach. It gets a token that is bound to what it may state.
            </Empty>
          }
          columns={[
            {
              name: 'name',
              head: 'Collector',
              cell: (c) => (
                <>
                  <strong>{c.name}</strong>
                  <br />
                  <span className="muted">{[c.host, c.version].filter(Boolean).join(', ') || 'has not handed anything in yet'}</span>
                </>
              ),
            },
            { name: 'realms', head: <Term of="realm">May state</Term>, cell: (c) => <span className="mono">{(c.realms ?? []).join(' ')}</span> },
            { name: 'sources', head: 'Sources', right: true, wide: true, cell: (c) => (c.sources ?? []).length },
            {
              name: 'fingerprints',
              head: <Term of="fingerprint">Fingerprints</Term>,
              wide: true,
              cell: (c) => (c.fingerprints === 'done' ? (c.keyCurrent ? 'has the key' : 'has an old key') : c.fingerprints === 'allowed' ? 'may fetch the key' : 'none'),
            },
            { name: 'push', head: 'Last handed in', cell: (c) => <Time at={c.lastPush} none="never" /> },
            {
              name: 'ends',
              head: 'Token ends',
              wide: true,
              cell: (c) =>
                c.revokedAt ? (
                  <Mark tone="unknown" sign="ring">
                    revoked
                  </Mark>
                ) : (
                  <Time at={c.expiresAt} />
                ),
            },
            {
              name: 'do',
              head: <span className="muted">Action</span>,
              right: true,
              cell: (c) =>
                !c.revokedAt && (
                  <span style={{ display: 'inline-flex', gap: 6 }}>
                    <Button size="compact-xs" variant="default" onClick={() => setDoing({ do: 'renew', collector: c })} aria-label={`New token for ${c.name}`}>
                      New token
                    </Button>
                    <Button size="compact-xs" variant="default" onClick={() => setDoing({ do: 'revoke', collector: c })} aria-label={`Revoke ${c.name}`}>
                      Revoke
                    </Button>
                  </span>
                ),
            },
          ]}
        />
      )}
      <Modal opened={making} onClose={() => setMaking(false)} title="Add collector" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
        {making && (
          <Make
            onCancel={() => setMaking(false)}
            onMade={(m) => {
              setMaking(false);
              setMade(m);
              void again();
            }}
          />
        )}
      </Modal>
      <Modal
        opened={made !== undefined}
        onClose={() => setMade(undefined)}
        title={`Token of ${made?.collector.name ?? ''}`}
        size="lg"
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {made && (
          <ShownOnce what="token" value={made.token} onDone={() => setMade(undefined)}>
            <Command />
          </ShownOnce>
        )}
      </Modal>
      <Confirm
        opened={doing !== undefined}
        onClose={() => setDoing(undefined)}
        danger={doing?.do === 'revoke'}
        title={doing?.do === 'renew' ? `Give ${doing.collector.name} a new token` : `Revoke ${doing?.collector.name ?? ''}`}
        run={async () => {
          if (!doing) return;
          if (doing.do === 'renew') setMade((await request<Made>('POST', `/collectors/${doing.collector.id}/token`)).data);
          else {
            await request('DELETE', `/collectors/${doing.collector.id}`);
            toasts.say(`${doing.collector.name} is revoked. What it handed in stays.`);
          }
          await again();
        }}
      >
        {doing?.do === 'renew'
          ? 'The token that it has now stops working at once.'
          : `It is refused from now on. What it handed in (${plural(doing?.collector.sources?.length ?? 0, ['source', 'sources'])}) stays and grows old.`}
      </Confirm>
    </Page>
  );
}

function Command() {
  const text = `RETINUE_TOKEN=… retinue scan KIND --server ${window.location.origin}`;
  return (
    <>
      <div className={classes.docHead}>
        On that machine <CopyButton value={text} what="command" />
      </div>
      <pre className={classes.doc} tabIndex={0} aria-label="Command">
        {text}
      </pre>
    </>
  );
}

interface Values {
  name: string;
  realms: string[];
  fingerprints: boolean;
  days: string;
}

function Make({ onMade, onCancel }: { onMade: (made: Made) => void; onCancel: () => void }) {
  const form = useFields<Values>({
    initial: { name: '', realms: [], fingerprints: false, days: '365' },
    check: (v) => ({
      ...(!/^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/.test(v.name.trim()) && { name: 'Use letters, digits, dots and hyphens, such as dmz-collector.' }),
      ...(v.realms.length === 0 && { realms: 'Name at least one realm, and press Enter after each.' }),
    }),
    send: async (v) => {
      const { data } = await request<Made>('POST', '/collectors', {
        body: { name: v.name.trim(), realms: v.realms, fingerprints: v.fingerprints, days: Number(v.days) },
      });
      onMade(data);
    },
  });
  return (
    <Form of={form} button="Add collector" doing="Adding…" onCancel={onCancel}>
      <TextField of={form} name="name" label="Name" placeholder="dmz-collector" autoFocus />
      <WordsField
        of={form}
        name="realms"
        label="What it may state facts about"
        why="Realms, such as aws:111111111111, or host:* for every one of a kind. retinue sources check prints the realm of a source."
        placeholder="host:*"
      />
      <ChoiceField
        of={form}
        name="days"
        label="Its token ends after"
        data={[
          { value: '30', label: '30 days' },
          { value: '90', label: '90 days' },
          { value: '365', label: '1 year' },
        ]}
      />
      <CheckField
        of={form}
        name="fingerprints"
        label="Let it fetch the fingerprint key, once"
        why="Then a secret that it finds is recognised in other places. Whoever has the key can test guesses against fingerprints."
      />
    </Form>
  );
}
