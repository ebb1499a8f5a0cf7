import { Word } from '@/lib/format';
import type { Choice, ListSpec } from '@/list';
import type { Change } from './group';

const types = ['identity', 'credential', 'grant', 'attachment', 'membership', 'trust', 'placement', 'policy', 'group', 'resource', 'container', 'application', 'person', 'team', 'owner_signal'];
const choices = (values: string[]): Choice[] => values.map((value) => ({ value, label: Word(value) }));

/** The filters of the changes. The feed groups its rows and has no columns. */
export const changes: ListSpec<Change> = {
  id: 'changes',
  path: '/changes',
  noun: ['change', 'changes'],
  rowId: (r) => `${r.revision}/${r.type}/${r.ref.realm}/${r.ref.kind}/${r.ref.key}`,
  rowLabel: (r) => r.name || r.ref.key,
  sort: '',
  columns: [],
  filters: [
    {
      id: 'change',
      label: 'What happened',
      kind: 'choice',
      choices: [
        { value: 'added', label: 'new' },
        { value: 'changed', label: 'changed' },
        { value: 'ended', label: 'gone' },
      ],
    },
    { id: 'type', label: 'Type', kind: 'choice', choices: choices(types) },
    { id: 'source', label: 'Source', kind: 'choice', free: true, choices: (known) => known['sources'] ?? [] },
    { id: 'recorded', label: 'Recorded', kind: 'time', ends: ['from', 'to'] },
  ],
  empty: { title: 'Nothing has changed yet.', body: 'Changes appear from the second scan of a source on.' },
};
