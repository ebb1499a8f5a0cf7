import { Link } from '@/app/router';
import { Name } from '@/components/Name';
import { Time } from '@/components/Time';
import { Priority, Severity, State, Unknown } from '@/components/Words';
import type { BulkContext, ListSpec, Selection } from '@/list/spec';
import { risks, riskLabel } from '@/pages/rules/risks';
import { Word } from '@/lib/format';
import { pageOf, type Finding } from './data';
import type { Target } from './decide';
import classes from './findings.module.css';
import { Decide, type Kind } from './Triage';

const choices = (values: string[]) => values.map((value) => ({ value, label: Word(value) }));

function targetOf(selection: Selection): Target {
  if (selection.ids) return { ids: selection.ids, count: selection.count };
  return { filter: selection.all, count: selection.count };
}

function sheet(kind: Kind) {
  return function DecideSheet({ selection, done, close }: BulkContext<Finding>) {
    return <Decide kind={kind} target={targetOf(selection)} close={close} done={done} />;
  };
}

export const findings: ListSpec<Finding> = {
  id: 'findings',
  path: '/findings',
  noun: ['finding', 'findings'],
  rowId: (f) => f.id,
  rowLabel: (f) => `${f.title}: ${f.name ?? ''}`,
  rowTo: (f) => `/findings/${f.id}`,
  sort: '-priority',
  search: 'text',
  columns: [
    {
      id: 'priority',
      header: 'Priority',
      help: 'Severity weighed with exposure, criticality and use, from 0 to 100. It orders work; it is not a probability.',
      sort: 'priority',
      down: true,
      width: 84,
      cell: (f) => <Priority value={f.priority} {...(f.priorityReason && { reason: f.priorityReason })} />,
      card: 'aside',
    },
    { id: 'message', header: 'Finding', fixed: true, cell: (f) => (
        <Link to={`/findings/${f.id}`} className={classes.row}>
          {f.message}
        </Link>
      ), card: 'title' },
    {
      id: 'name',
      header: 'About',
      sort: 'name',
      width: 170,
      cell: (f) => {
        const to = pageOf(f.entity);
        return <Name name={f.name ?? ''} fullKey={f.subject.key} {...(to && { to })} />;
      },
    },
    {
      id: 'severity',
      header: 'Severity',
      help: 'How bad the condition is by itself, before exposure, criticality and use are weighed in.',
      sort: 'severity',
      down: true,
      width: 96,
      cell: (f) => <Severity value={f.severity} />,
    },
    { id: 'state', header: 'State', sort: 'state', width: 116, cell: (f) => <State value={f.state} />, card: 'line' },
    { id: 'source', header: 'Source', sort: 'source', width: 124, cell: (f) => f.source || <Unknown />, card: 'line' },
    { id: 'owner', header: 'Owner', sort: 'owner', width: 124, cell: (f) => f.owner || <Unknown>nobody yet</Unknown>, card: 'line' },
    { id: 'firstSeen', header: 'First seen', sort: 'firstSeen', down: true, width: 112, cell: (f) => <Time at={f.firstSeen} /> },
    { id: 'assignee', header: 'Works on it', sort: 'assignee', width: 140, hidden: true, cell: (f) => f.assignee || <Unknown>nobody yet</Unknown> },
    { id: 'rule', header: 'Rule', sort: 'rule', width: 240, hidden: true, cell: (f) => <Name name={f.rule} to={`/rules/${f.rule}`} /> },
    { id: 'owasp', header: 'Risk', width: 200, hidden: true, cell: (f) => (f.owasp ?? []).map(riskLabel).join(', ') },
    { id: 'lastSeen', header: 'Last seen', sort: 'lastSeen', down: true, width: 116, hidden: true, cell: (f) => <Time at={f.lastSeen} /> },
  ],
  filters: [
    { id: 'severity', label: 'Severity', kind: 'choice', choices: choices(['critical', 'high', 'medium', 'low', 'info']) },
    { id: 'state', label: 'State', kind: 'choice', choices: choices(['open', 'reopened', 'acknowledged', 'accepted', 'resolved']) },
    { id: 'owasp', label: 'Risk', kind: 'choice', choices: Object.keys(risks).map((value) => ({ value, label: riskLabel(value) })) },
    { id: 'source', label: 'Source', kind: 'choice', choices: (known) => known['source'] ?? [], free: true },
    { id: 'owner', label: 'Owner', kind: 'choice', choices: [{ value: 'none', label: 'Nobody' }], free: true, help: 'Who answers for what it is about.' },
    { id: 'assignee', label: 'Works on it', kind: 'choice', choices: [{ value: 'none', label: 'Nobody' }], free: true },
    { id: 'rule', label: 'Rule', kind: 'choice', free: true, choices: [] },
    { id: 'fix', label: 'Fix', kind: 'text', help: 'Findings that one change settles.' },
    { id: 'family', label: 'Family', kind: 'text', help: 'Findings with the same definition in several places.' },
    { id: 'first_seen', label: 'First seen', kind: 'time', ends: ['first_seen_from', 'first_seen_to'] },
    { id: 'suppressed', label: 'Noise', kind: 'flag', words: { true: 'with noise', false: 'without noise' } },
  ],
  bulk: [
    { id: 'acknowledge', label: 'Acknowledge', permission: 'findings.triage', key: 'a', sheet: sheet('acknowledge') },
    { id: 'assign', label: 'Assign', permission: 'findings.triage', sheet: sheet('assign') },
    { id: 'accept', label: 'Accept until…', permission: 'findings.triage', sheet: sheet('accept') },
    { id: 'reopen', label: 'Reopen', permission: 'findings.triage', sheet: sheet('reopen') },
  ],
  exports: { path: '/exports/findings', formats: ['csv', 'json', 'xlsx', 'sarif', 'ocsf'] },
  views: [
    { name: 'Critical and high, nobody on it', query: 'severity=critical&severity=high&assignee=none' },
    { name: 'Accepted risks', query: 'state=accepted' },
    { name: 'Secrets that leaked', query: 'owasp=NHI2' },
  ],
  empty: {
    title: 'No findings',
    body: 'Nothing that was scanned meets the condition of a rule. A source that was not scanned completely may hide some: the sources page says which.',
  },
};
