import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { request } from '@/api/client';
import { CopyButton } from '@/components/CopyButton';
import { Evidence } from '@/components/Evidence';
import { Refused } from '@/components/Form';
import { Key, Name } from '@/components/Name';
import { Page } from '@/components/Page';
import { Notice } from '@/components/States';
import { Facts } from '@/components/Columns';
import { Time } from '@/components/Time';
import { exact } from '@/lib/format';
import { List, titleWords, useListState, type ListSpec } from '@/list';
import { areas, type AuditRecord, type Verification } from './data';
import classes from './audit.module.css';

const records: ListSpec<AuditRecord> = {
  id: 'records',
  path: '/records',
  noun: ['record', 'records'],
  rowId: (r) => String(r.seq),
  rowLabel: (r) => `${r.seq} ${r.action}`,
  sort: '-seq',
  columns: [
    { id: 'seq', header: 'No.', sort: 'seq', down: true, width: 84, fixed: true, align: 'right', cell: (r) => r.seq.toLocaleString(), card: 'aside' },
    { id: 'at', header: 'When', width: 130, cell: (r) => <Time at={r.at} />, card: 'line' },
    { id: 'action', header: 'What', width: 210, cell: (r) => <Name name={actionWords(r.action)} fullKey={r.action} />, card: 'title' },
    { id: 'subject', header: 'To what', cell: (r) => <Name name={r.subject} fullKey={r.subject} />, card: 'line' },
    { id: 'actor', header: 'By', width: 200, cell: (r) => <Name name={r.actor.name || r.actor.kind} kind={r.actor.name ? r.actor.kind : ''} />, card: 'line' },
    { id: 'hash', header: 'Hash', width: 130, hidden: true, cell: (r) => <code className="mono">{r.hash.slice(0, 12)}</code> },
  ],
  filters: [
    { id: 'action', label: 'What', kind: 'choice', choices: areas.map(([value, label]) => ({ value, label })), free: true },
    { id: 'actor', label: 'By', kind: 'text' },
    { id: 'subject', label: 'To what', kind: 'text', help: 'An id, a scope or a file, exactly.' },
    { id: 'at', label: 'When', kind: 'time', ends: ['from', 'to'] },
  ],
  exports: { path: '/exports/records', formats: ['csv', 'json', 'ocsf'] },
  views: [
    { name: 'People and access', query: 'action=sign_in&action=session&action=account&action=role&action=token' },
    { name: 'Decisions about findings', query: 'action=finding.changed' },
  ],
  empty: { title: 'No records yet', body: 'Every change of the platform stands here from its first scan on.' },
};

/** The audit log: who did what, when, provably unaltered. */
export default function AuditPage() {
  const { state } = useListState(records);
  const [open, setOpen] = useState<AuditRecord>();
  return (
    <Page
      title={titleWords(records, state).replace(/^Records/, 'Audit log')}
      tab="Audit log"
      lead="Every record holds the hash of the one before it, so that nothing can be changed or taken out unseen."
      actions={<Verify />}
    >
      <List spec={records} onOpen={setOpen} />
      <Modal opened={open !== undefined} onClose={() => setOpen(undefined)} title={open ? `Record ${open.seq.toLocaleString()}` : ''} size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
        {open && <Details record={open} />}
      </Modal>
    </Page>
  );
}

function Details({ record: r }: { record: AuditRecord }) {
  return (
    <>
      <Facts
        rows={[
          ['What', <code className="mono">{r.action}</code>],
          ['To what', <Key value={r.subject} />],
          ['By', `${r.actor.name || r.actor.kind}${r.actor.name ? `, ${r.actor.kind}` : ''}${r.actor.host ? `, from ${r.actor.host}` : ''}`],
          ['When', exact(r.at)],
          ['Hash', <Key value={r.hash} most={40} />],
          ['Hash of the record before', <Key value={r.prevHash} most={40} />],
          ['Id', <Key value={r.id} />],
        ]}
      />
      <h3 className={classes.detailsTitle}>
        Particulars
        {r.details !== undefined && <CopyButton value={JSON.stringify(r.details, null, 2)} what="particulars" />}
      </h3>
      {r.details && typeof r.details === 'object' ? (
        <Evidence of={r.details as Record<string, unknown>} />
      ) : (
        <p className="muted">The record has none.</p>
      )}
      <p className="muted" style={{ fontSize: 13, marginBottom: 0 }}>
        Personal data stands here as salted commitments, so that it can be erased without breaking the chain.
      </p>
    </>
  );
}

function Verify() {
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<Verification>();
  const [problem, setProblem] = useState<unknown>();
  async function run() {
    setBusy(true);
    setProblem(undefined);
    try {
      setResult((await request<Verification>('POST', '/records/verify')).data);
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  }
  const close = () => {
    setResult(undefined);
    setProblem(undefined);
  };
  return (
    <>
      <Button variant="default" onClick={() => void run()} aria-disabled={busy || undefined}>
        {busy ? 'Verifying…' : 'Verify'}
      </Button>
      <Modal opened={result !== undefined || problem !== undefined} onClose={close} title="Verification of the audit log" closeButtonProps={{ 'aria-label': 'Close' }}>
        {problem !== undefined && <Refused problem={problem} what="The log could not be verified" />}
        {result && (
          <>
            <Notice tone={result.ok ? 'low' : 'critical'}>
              {result.ok ? 'The chain is whole.' : 'The chain is broken: the log is not what was written.'}
            </Notice>
            <p className={classes.summary}>{result.summary}</p>
            <p className="muted" style={{ fontSize: 13 }}>
              Verified {exact(result.at)}. To be sure that the whole log was not rewritten, compare the head with a checkpoint kept outside.
            </p>
            <CopyButton value={result.summary} what="result" />
          </>
        )}
      </Modal>
    </>
  );
}

/** "finding.opened" as "finding opened". */
function actionWords(action: string): string {
  return action.replaceAll('.', ' ').replaceAll('_', ' ').replace(/^./, (c) => c.toUpperCase());
}
