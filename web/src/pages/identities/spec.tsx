import type { ListRow } from '@/api/types';
import { Name } from '@/components/Name';
import { Time } from '@/components/Time';
import { Priority, Sign, State, Tag, Unknown } from '@/components/index';
import { Word, word } from '@/lib/format';
import type { Choice, ListSpec } from '@/list';
import { assignOwner } from './AssignOwner';
import classes from './identities.module.css';

const choices = (values: string[]): Choice[] => values.map((value) => ({ value, label: Word(value) }));
const withNone = (all: Choice[], label: string): Choice[] => [{ value: 'none', label }, ...all];

export const kinds = [
  'service_account',
  'user',
  'role',
  'api_client',
  'app',
  'oauth_app',
  'bot',
  'rpa_bot',
  'pipeline',
  'workload',
  'container',
  'function',
  'service',
  'script',
  'integration',
  'managed_identity',
  'service_principal',
  'federated',
  'machine_account',
  'virtual_machine',
  'device',
  'agent',
  'other',
];

const environments = ['production', 'staging', 'test', 'development', 'sandbox', 'shared'];
const severities = ['critical', 'high', 'medium', 'low'];

/** The list of identities. */
export const identities: ListSpec<ListRow> = {
  id: 'identities',
  path: '/identities',
  noun: ['identity', 'identities'],
  rowId: (r) => r.id,
  rowLabel: (r) => r.name || r.key,
  rowTo: (r) => `/identities/${r.id}`,
  search: 'text',
  sort: 'name',
  facets: '/facets/identities',
  exports: { path: '/exports/identities', formats: ['csv', 'json', 'xlsx'] },
  bulk: [assignOwner],
  columns: [
    {
      id: 'name',
      header: 'Name',
      sort: 'name',
      fixed: true,
      card: 'title',
      cell: (r) => (
        <span className={classes.nameCell}>
          <Name name={r.name} fullKey={r.key} to={`/identities/${r.id}`} />
          {r.privileged && <Tag title="Can administer a system, or become an identity that can">privileged</Tag>}
          {r.thirdParty && <Tag title="Of, or trusted by, somebody outside the organisation">third party</Tag>}
          {r.state && r.state !== 'active' && <State value={r.state} />}
        </span>
      ),
    },
    { id: 'kind', header: 'Kind', sort: 'kind', width: 124, card: 'plain', cell: (r) => word(r.kind) },
    { id: 'source', header: 'Source', sort: 'source', width: 150, card: 'plain', cell: (r) => r.source },
    {
      id: 'container',
      header: 'In',
      help: 'The account, namespace, project or host that it lives in',
      width: 170,
      hidden: true,
      cell: (r) => r.containerName ?? r.container ?? '',
    },
    {
      id: 'owner',
      header: 'Owner',
      help: 'Who answers for it',
      sort: 'owner',
      width: 150,
      card: 'line',
      cell: (r) => r.owner || <Unknown>nobody</Unknown>,
    },
    {
      id: 'environment',
      header: 'Environment',
      sort: 'environment',
      width: 108,
      cell: (r) => (r.environment ? word(r.environment) : <Unknown>not labelled</Unknown>),
    },
    { id: 'criticality', header: 'Criticality', sort: 'criticality', down: true, width: 110, hidden: true, cell: (r) => (r.criticality ? word(r.criticality) : '') },
    {
      id: 'lastUsed',
      header: 'Last used',
      help: 'As far as a source says it. Hatched: no source says whether it is used.',
      sort: 'lastUsed',
      sortedNow: true,
      down: true,
      width: 130,
      card: 'line',
      cell: (r) =>
        r.lastUsed ? (
          <Time at={r.lastUsed} />
        ) : (
          <span className={classes.unknownUse}>
            <Sign name="hatched" /> unknown
          </span>
        ),
    },
    { id: 'credentials', header: 'Credentials', sort: 'credentials', down: true, width: 100, align: 'right', cell: (r) => r.credentials || '' },
    {
      id: 'priority',
      header: 'Priority',
      help: 'The highest priority of its open findings, 0 to 100',
      sort: 'priority',
      down: true,
      width: 90,
      align: 'right',
      card: 'aside',
      cell: (r) => (r.priority > 0 ? <Priority value={r.priority} /> : ''),
    },
    { id: 'created', header: 'Created', sort: 'created', down: true, width: 120, hidden: true, cell: (r) => <Time at={r.createdAt} /> },
    { id: 'firstSeen', header: 'First seen', sort: 'firstSeen', down: true, width: 120, hidden: true, cell: (r) => <Time at={r.firstSeen} /> },
    { id: 'expires', header: 'Expires', sort: 'expires', width: 120, hidden: true, cell: (r) => (r.expiresAt ? <Time at={r.expiresAt} /> : '') },
  ],
  filters: [
    { id: 'owner', label: 'Owner', kind: 'choice', facet: 'owner', free: true, choices: (known) => withNone(known['owners'] ?? [], 'nobody') },
    { id: 'kind', label: 'Kind', kind: 'choice', facet: 'kind', choices: choices(kinds) },
    { id: 'source', label: 'Source', kind: 'choice', facet: 'source', free: true, choices: (known) => known['sources'] ?? [] },
    { id: 'environment', label: 'Environment', kind: 'choice', facet: 'environment', choices: withNone(choices(environments), 'not labelled') },
    { id: 'criticality', label: 'Criticality', kind: 'choice', facet: 'criticality', choices: withNone(choices(severities), 'not set') },
    {
      id: 'severity',
      label: 'Worst finding',
      kind: 'choice',
      single: true,
      choices: [
        { value: 'critical', label: 'critical' },
        { value: 'high', label: 'high or worse' },
        { value: 'medium', label: 'medium or worse' },
        { value: 'low', label: 'low or worse' },
      ],
      help: 'With an open finding at least this bad.',
    },
    { id: 'privileged', label: 'Privileged', kind: 'flag', words: { true: 'privileged', false: 'not privileged' } },
    { id: 'third_party', label: 'Third party', kind: 'flag', words: { true: 'third party', false: 'not third party' } },
    {
      id: 'never_used',
      label: 'Use seen',
      kind: 'flag',
      words: { true: 'no use seen', false: 'use seen' },
    },
    { id: 'last_used', label: 'Last used', kind: 'time', ends: ['last_used_from', 'last_used_to'] },
    { id: 'created', label: 'Created', kind: 'time', ends: ['created_from', 'created_to'] },
    { id: 'first_seen', label: 'First seen', kind: 'time', ends: ['first_seen_from', 'first_seen_to'] },
    { id: 'expires', label: 'Expires', kind: 'time', ends: ['expires_from', 'expires_to'] },
    { id: 'class', label: 'Class', kind: 'choice', facet: 'class', choices: choices(['non_human', 'unclear', 'person']) },
    { id: 'state', label: 'State', kind: 'choice', facet: 'state', choices: choices(['active', 'disabled', 'expired', 'declared', 'unknown']) },
    {
      id: 'managed',
      label: 'Managed by',
      kind: 'choice',
      facet: 'managed',
      choices: [
        { value: 'none', label: 'the customer' },
        { value: 'provider', label: 'the provider' },
        { value: 'package', label: 'a package' },
        { value: 'platform', label: 'a platform' },
      ],
    },
    { id: 'subtype', label: 'Vendor’s kind', kind: 'choice', facet: 'subtype', free: true, choices: [] },
    { id: 'tag', label: 'Tag', kind: 'choice', free: true, choices: [], help: 'As key=value.' },
    { id: 'gone', label: 'Gone', kind: 'flag', words: { true: 'gone', false: 'not gone' } },
  ],
  views: [
    { name: 'Non-human, without an owner', query: 'class=non_human&owner=none' },
    { name: 'Privileged, worst first', query: 'class=non_human&privileged=true&sort=-priority' },
    { name: 'AI agents and MCP servers', query: 'kind=agent' },
    { name: 'Third parties', query: 'third_party=true' },
    { name: 'No use seen', query: 'class=non_human&never_used=true' },
    { name: 'New this month', query: `class=non_human&sort=-firstSeen` },
    { name: 'Unclear whether a person', query: 'class=unclear' },
  ],
  empty: {
    title: 'No identities yet.',
    body: (
      <p>
        Identities appear when a source has been scanned. Add a source, or scan from a terminal: <code className="mono">retinue scan host</code>.
      </p>
    ),
  },
};
