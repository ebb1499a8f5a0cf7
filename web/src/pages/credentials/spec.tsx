import { Name } from '@/components/Name';
import { Time } from '@/components/Time';
import { Priority, State, Unknown } from '@/components/Words';
import type { ListSpec } from '@/list/spec';
import { Word, word } from '@/lib/format';
import { credentialKinds, type CredentialRow } from './data';
import { Expiry } from './Expiry';

const choices = (values: string[]) => values.map((value) => ({ value, label: Word(value) }));

export const credentials: ListSpec<CredentialRow> = {
  id: 'credentials',
  path: '/credentials',
  noun: ['credential', 'credentials'],
  rowId: (c) => c.id,
  rowLabel: (c) => c.name || c.key,
  rowTo: (c) => `/credentials/${c.id}`,
  sort: '-priority',
  search: 'text',
  columns: [
    {
      id: 'name',
      header: 'Credential',
      sort: 'name',
      fixed: true,
      cell: (c) => <Name name={c.name} fullKey={c.key} to={`/credentials/${c.id}`} />,
      card: 'title',
    },
    { id: 'kind', header: 'Kind', sort: 'kind', width: 150, cell: (c) => word(c.kind), card: 'line' },
    {
      id: 'holder',
      header: 'Acts as',
      help: 'The identity that acts with it.',
      width: 190,
      cell: (c) => (c.holder ? <Name name={c.holderName ?? c.holder} to={`/identities/${c.holder}`} /> : <Unknown />),
      card: 'line',
    },
    { id: 'source', header: 'Source', sort: 'source', width: 120, cell: (c) => c.source },
    { id: 'state', header: 'State', width: 110, cell: (c) => <State value={c.state ?? 'unknown'} /> },
    { id: 'created', header: 'Created', sort: 'created', width: 116, cell: (c) => <Time at={c.createdAt} /> },
    { id: 'lastUsed', header: 'Last used', sort: 'lastUsed', sortedNow: true, down: true, width: 116, cell: (c) => <Time at={c.lastUsed} none="unknown" /> },
    { id: 'expires', header: 'Expires', sort: 'expires', width: 116, cell: (c) => <Expiry at={c.expiresAt} />, card: 'line' },
    {
      id: 'priority',
      header: 'Priority',
      help: 'The highest priority of its open findings.',
      sort: 'priority',
      down: true,
      width: 84,
      cell: (c) => (c.priority ? <Priority value={c.priority} /> : <Unknown>–</Unknown>),
      card: 'aside',
    },
    { id: 'owner', header: 'Owner', sort: 'owner', width: 140, hidden: true, cell: (c) => c.owner || <Unknown>nobody yet</Unknown> },
    { id: 'subtype', header: 'Subtype', width: 140, hidden: true, cell: (c) => c.subtype || <Unknown>–</Unknown> },
    { id: 'environment', header: 'Environment', sort: 'environment', width: 120, hidden: true, cell: (c) => c.environment || <Unknown>unlabelled</Unknown> },
    { id: 'firstSeen', header: 'First seen', sort: 'firstSeen', down: true, width: 116, hidden: true, cell: (c) => <Time at={c.firstSeen} /> },
  ],
  filters: [
    { id: 'kind', label: 'Kind', kind: 'choice', choices: choices(credentialKinds) },
    { id: 'state', label: 'State', kind: 'choice', choices: choices(['active', 'inactive', 'expired', 'revoked', 'unknown']) },
    { id: 'source', label: 'Source', kind: 'choice', choices: (known) => known['source'] ?? [], free: true },
    { id: 'owner', label: 'Owner', kind: 'choice', choices: [{ value: 'none', label: 'Nobody' }], free: true, help: 'Of who holds it.' },
    {
      id: 'severity',
      label: 'Finding of at least',
      kind: 'choice',
      single: true,
      choices: choices(['critical', 'high', 'medium', 'low', 'info']),
    },
    { id: 'expires', label: 'Expires', kind: 'time', ends: ['expires_from', 'expires_to'] },
    { id: 'created', label: 'Created', kind: 'time', ends: ['created_from', 'created_to'] },
    { id: 'last_used', label: 'Last used', kind: 'time', ends: ['last_used_from', 'last_used_to'] },
    { id: 'never_used', label: 'Use', kind: 'flag', words: { true: 'no use ever seen', false: 'use was seen' } },
    { id: 'environment', label: 'Environment', kind: 'choice', choices: choices(['production', 'staging', 'test', 'development', 'sandbox', 'shared', 'none']) },
    { id: 'gone', label: 'Gone', kind: 'flag', words: { true: 'what is gone', false: 'what exists' } },
  ],
  exports: { path: '/exports/credentials', formats: ['csv', 'json', 'xlsx'] },
  views: [
    { name: 'Active, no use ever seen', query: 'state=active&never_used=true' },
    { name: 'Secrets found in files', query: 'state=unknown' },
  ],
  empty: {
    title: 'No credentials',
    body: 'None has been found that matches. Keys, tokens, passwords and certificates appear here once a source that lists or holds them has been scanned.',
  },
};
