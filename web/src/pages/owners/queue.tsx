import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { request } from '@/api/client';
import { queries } from '@/api/query';
import { useCan } from '@/app/me';
import { Link } from '@/app/router';
import { Name } from '@/components/Name';
import { Page } from '@/components/Page';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { Priority, Unknown, word } from '@/components/Words';
import { Word } from '@/lib/format';
import { List, type ListSpec, type Selection } from '@/list';
import { AssignOwner } from './Assign';
import type { QueueItem } from './data';
import { Confidence, Suggestions } from './Suggestions';
import { OwnerTabs } from './Tabs';

const choices = (values: string[]) => values.map((value) => ({ value, label: Word(value) }));

const spec: ListSpec<QueueItem> = {
  id: 'owner-queue',
  path: '/owners/queue',
  noun: ['identity', 'identities'],
  rowId: (i) => i.id,
  rowLabel: (i) => i.name || i.key,
  sort: '-priority',
  search: 'text',
  columns: [
    { id: 'name', header: 'Identity', sort: 'name', fixed: true, cell: (i) => <Name name={i.name} fullKey={i.key} kind={i.kind} />, card: 'title' },
    {
      id: 'suggestion',
      header: 'Probably',
      help: 'Who the evidence points to. Open the row to see it all.',
      width: 210,
      cell: (i) => {
        const first = i.suggestions?.[0];
        if (!first) return <Unknown>nothing points to anybody</Unknown>;
        return <span>{first.title || first.owner}</span>;
      },
      card: 'line',
    },
    {
      id: 'confidence',
      header: 'How sure',
      width: 160,
      cell: (i) => (i.suggestions?.[0] ? <Confidence value={i.suggestions[0].confidence} /> : <Unknown>–</Unknown>),
      card: 'line',
    },
    { id: 'why', header: 'Because', cell: (i) => <span className="muted">{i.suggestions?.[0]?.summary ?? (i.left ? `${i.left} left` : '')}</span> },
    { id: 'source', header: 'Source', sort: 'source', width: 120, cell: (i) => i.source },
    { id: 'lastUsed', header: 'Last used', sort: 'lastUsed', down: true, width: 110, cell: (i) => <Time at={i.lastUsed} none="unknown" /> },
    {
      id: 'priority',
      header: 'Priority',
      sort: 'priority',
      down: true,
      width: 84,
      cell: (i) => (i.priority ? <Priority value={i.priority} /> : <Unknown>–</Unknown>),
      card: 'aside',
    },
  ],
  filters: [
    {
      id: 'reason',
      label: 'Why',
      kind: 'choice',
      single: true,
      choices: [
        { value: 'unowned', label: 'nobody answers for it' },
        { value: 'owner_left', label: 'the owner left' },
      ],
    },
    { id: 'source', label: 'Source', kind: 'choice', choices: [], free: true },
    { id: 'kind', label: 'Kind', kind: 'choice', choices: choices(['service_account', 'user', 'role', 'app', 'oauth_app', 'pipeline', 'workload', 'service_principal', 'agent', 'bot']), free: true },
    { id: 'environment', label: 'Environment', kind: 'choice', choices: choices(['production', 'staging', 'test', 'development', 'sandbox', 'shared', 'none']) },
    { id: 'severity', label: 'Finding of at least', kind: 'choice', single: true, choices: choices(['critical', 'high', 'medium', 'low']) },
    { id: 'unit', label: 'Unit', kind: 'text' },
    { id: 'tag', label: 'Tag', kind: 'text' },
  ],
  bulk: [
    {
      id: 'assign',
      label: 'Assign owner',
      permission: 'inventory.edit',
      key: 'o',
      namedOnly: true,
      sheet: ({ selection, rows, close, done }) => (
        <AssignOwner selection={selection} owner={common(rows)} {...(rows.length === 1 && { name: rows[0]?.name })} close={close} done={done} />
      ),
    },
  ],
  empty: { title: 'Somebody answers for every identity', body: 'New identities without an owner appear here after a scan.' },
};

/** The owner that all of them are suggested to have. */
function common(rows: QueueItem[]): string | undefined {
  const first = rows[0]?.suggestions?.[0]?.owner;
  return first && rows.every((r) => r.suggestions?.[0]?.owner === first) ? first : undefined;
}

/** Identities that need an owner, with who might be it and why. */
export default function QueuePage() {
  const can = useCan();
  const toasts = useToasts();
  const [open, setOpen] = useState<QueueItem>();
  const [assigning, setAssigning] = useState<{ selection: Selection; owner?: string; name: string }>();
  const close = () => setOpen(undefined);

  async function deny(item: QueueItem, candidate: string) {
    try {
      await request('POST', `/identities/${item.id}/ownership/denials`, { body: { candidate } });
      await queries.invalidateQueries({ predicate: (q) => String(q.queryKey[0]).startsWith('/owners') });
      setOpen({ ...item, suggestions: (item.suggestions ?? []).filter((s) => s.owner !== candidate) });
      toasts.say(`${candidate} is no longer suggested for ${item.name}.`);
    } catch (error) {
      toasts.fail('Turning the suggestion down', error);
    }
  }
  const may = can('inventory.edit');
  return (
    <Page title="Without an owner" lead="Each with who it probably belongs to, and the evidence. Assigning is one key; it can be taken back.">
      <OwnerTabs at="/owners/queue" />
      <List spec={spec} onOpen={setOpen} />
      <Modal opened={open !== undefined} onClose={close} title={open?.name ?? ''} size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
        {open && (
          <>
            <p style={{ marginTop: 0 }} className="muted">
              {word(open.kind)} in {open.source}. <Link to={`/identities/${open.id}`}>Open its page</Link>
            </p>
            {open.left && <p>{open.left} answered for it and left.</p>}
            <Suggestions
              of={open.suggestions ?? []}
              onAssign={may ? (owner) => setAssigning({ selection: { ids: [open.id], count: 1 }, owner, name: open.name }) : undefined}
              onDeny={may ? (owner) => void deny(open, owner) : undefined}
            />
            {may && (
              <Button variant="default" mt={16} onClick={() => setAssigning({ selection: { ids: [open.id], count: 1 }, name: open.name })}>
                Assign somebody else
              </Button>
            )}
          </>
        )}
      </Modal>
      {assigning && (
        <AssignOwner
          selection={assigning.selection}
          owner={assigning.owner}
          name={assigning.name}
          close={() => setAssigning(undefined)}
          done={() => {
            setAssigning(undefined);
            close();
          }}
        />
      )}
    </Page>
  );
}
