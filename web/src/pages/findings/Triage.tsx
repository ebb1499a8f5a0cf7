import { Button, Modal } from '@mantine/core';
import { useCallback, useEffect, useState, type ReactNode } from 'react';
import { queries } from '@/api/query';
import { Form, Refused, TextField, useFields } from '@/components/Form';
import { useToasts } from '@/components/Toasts';
import { plural } from '@/lib/format';
import { decide, takeBack, targetWords, type DecisionBody, type Effect, type Target } from './decide';
import classes from './findings.module.css';

type Kind = 'acknowledge' | 'assign' | 'accept' | 'reopen';

export interface Triage {
  start: (kind: Kind, target: Target) => void;
  dialog: ReactNode;
}

const findings = ['finding', 'findings'] as const;

const done: Record<Kind, string> = {
  acknowledge: 'acknowledged',
  assign: 'assigned',
  accept: 'accepted',
  reopen: 'reopened',
};

/** Deciding about findings. One is decided at once; of several it is first said what happens to how many. */
export function useTriage(onDone?: () => void): Triage {
  const [open, setOpen] = useState<{ kind: Kind; target: Target }>();
  const toasts = useToasts();

  const run = useCallback(
    async (kind: Kind, target: Target, body: DecisionBody) => {
      const effect = await decide(target, body);
      await queries.invalidateQueries();
      const undo = effect.undo;
      toasts.say(
        `${plural(effect.changed, findings)} ${done[kind]}.`,
        undo
          ? {
              undo: async () => {
                await takeBack(undo);
                await queries.invalidateQueries();
              },
            }
          : {},
      );
      onDone?.();
    },
    [toasts, onDone],
  );

  const start = useCallback(
    (kind: Kind, target: Target) => {
      const single = target.count === 1 && !target.more;
      if (single && kind === 'acknowledge') {
        run(kind, target, { state: 'acknowledged' }).catch((error: unknown) => toasts.fail('Acknowledging', error));
        return;
      }
      if (single && kind === 'reopen') {
        run(kind, target, { state: 'open' }).catch((error: unknown) => toasts.fail('Reopening', error));
        return;
      }
      setOpen({ kind, target });
    },
    [run, toasts],
  );

  const close = () => setOpen(undefined);
  const dialog = open && (
    <Modal
      opened
      onClose={close}
      title={`${titles[open.kind]} ${targetWords(open.target)}`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Decide
        kind={open.kind}
        target={open.target}
        close={close}
        run={async (body) => {
          await run(open.kind, open.target, body);
          close();
        }}
      />
    </Modal>
  );
  return { start, dialog };
}

const titles: Record<Kind, string> = {
  acknowledge: 'Acknowledge',
  assign: 'Assign',
  accept: 'Accept',
  reopen: 'Reopen',
};

interface DecideProps {
  kind: Kind;
  target: Target;
  close: () => void;
  run: (body: DecisionBody) => Promise<void>;
}

function Decide({ kind, target, close, run }: DecideProps) {
  if (kind === 'accept') return <Accept target={target} close={close} run={run} />;
  if (kind === 'assign') return <Assign target={target} close={close} run={run} />;
  return <Plain kind={kind} target={target} close={close} run={run} />;
}

/** What it would do, asked of the server before it is done. */
function Preview({ target, body }: { target: Target; body: DecisionBody }) {
  const [effect, setEffect] = useState<Effect>();
  const [problem, setProblem] = useState<unknown>();
  const key = JSON.stringify([target, body]);
  useEffect(() => {
    const [t, b] = JSON.parse(key) as [Target, DecisionBody];
    let current = true;
    decide(t, b, true).then(
      (e) => current && setEffect(e),
      (e: unknown) => current && setProblem(e),
    );
    return () => {
      current = false;
    };
  }, [key]);
  if (problem) return <Refused problem={problem} />;
  if (!effect) return <p className={classes.preview}>Counting what it would change…</p>;
  return (
    <p className={classes.preview} role="status">
      {plural(effect.changed, findings)} will change
      {effect.unchanged ? `, ${effect.unchanged.toLocaleString()} are so already` : ''}. You can take it back for ten
      seconds.
    </p>
  );
}

function Plain({ kind, target, close, run }: Omit<DecideProps, 'kind'> & { kind: 'acknowledge' | 'reopen' }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const body: DecisionBody = { state: kind === 'acknowledge' ? 'acknowledged' : 'open' };
  async function act() {
    setBusy(true);
    try {
      await run(body);
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  }
  return (
    <>
      <p className={classes.what}>
        {kind === 'acknowledge'
          ? 'Acknowledged findings stay on the list: somebody has seen them and works on them.'
          : 'They are open again, and an acceptance of their risk ends.'}
      </p>
      <Preview target={target} body={body} />
      {problem !== undefined && <Refused problem={problem} />}
      <div className={classes.buttons}>
        <Button onClick={() => void act()} aria-disabled={busy || undefined} data-autofocus>
          {titles[kind]} {targetWords(target)}
        </Button>
        <Button variant="default" onClick={close}>
          Cancel
        </Button>
      </div>
    </>
  );
}

function Assign({ target, close, run }: Omit<DecideProps, 'kind'>) {
  const form = useFields({
    initial: { assignee: '' },
    check: (v) => (v.assignee.trim() ? {} : { assignee: 'Name who works on it, such as ana@example.com or @payments.' }),
    send: (v) => run({ assignee: v.assignee.trim() }),
  });
  return (
    <Form of={form} button={`Assign ${targetWords(target)}`} doing="Assigning…" onCancel={close}>
      <TextField
        of={form}
        name="assignee"
        label="Who works on it"
        why="A person or team. They see it under their own findings, and routes can tell them."
        autoFocus
      />
      {target.count > 1 && form.values.assignee.trim() !== '' && (
        <Preview target={target} body={{ assignee: form.values.assignee.trim() }} />
      )}
    </Form>
  );
}

const dayMs = 86_400_000;
const inDays = (n: number) => new Date(Date.now() + n * dayMs).toISOString().slice(0, 10);

function Accept({ target, close, run }: Omit<DecideProps, 'kind'>) {
  const body = (v: { reason: string; until: string }): DecisionBody => ({
    state: 'accepted',
    reason: v.reason.trim(),
    until: `${v.until}T23:59:59Z`,
  });
  const form = useFields({
    initial: { reason: '', until: inDays(90) },
    check: (v) => ({
      ...(v.reason.trim().length < 3 && { reason: 'Say why the risk can stand: an auditor will read it.' }),
      ...(!(v.until > inDays(0)) && { until: 'Choose a day after today.' }),
    }),
    send: (v) => run(body(v)),
  });
  return (
    <Form of={form} button={`Accept ${targetWords(target)}`} doing="Accepting…" onCancel={close}>
      <p className={classes.what}>The risk stands until that day. Then the finding opens again by itself.</p>
      <TextField of={form} name="reason" label="Reason" why="It stands in the audit log and in exports." rows={3} />
      <TextField of={form} name="until" label="Until" type="date" min={inDays(1)} why="In UTC, to the end of the day." />
      <div className={classes.quick}>
        {[30, 90, 180].map((n) => (
          <Button key={n} variant="default" size="compact-xs" onClick={() => form.set('until', inDays(n))}>
            {n} days
          </Button>
        ))}
      </div>
      {target.count > 1 && form.values.reason.trim().length >= 3 && <Preview target={target} body={body(form.values)} />}
    </Form>
  );
}
