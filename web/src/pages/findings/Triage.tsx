import { Button, Modal } from '@mantine/core';
import { useCallback, useEffect, useState, type ReactNode } from 'react';
import { queries } from '@/api/query';
import { Form, Refused, TextField, useFields } from '@/components/Form';
import { useToasts } from '@/components/Toasts';
import { plural } from '@/lib/format';
import { decide, takeBack, targetWords, type DecisionBody, type Effect, type Target } from './decide';
import classes from './findings.module.css';

export type Kind = 'acknowledge' | 'assign' | 'accept' | 'reopen';

const findings = ['finding', 'findings'] as const;

const done: Record<Kind, string> = {
  acknowledge: 'acknowledged',
  assign: 'assigned',
  accept: 'accepted',
  reopen: 'reopened',
};

/** Carries a decision out, says so, and offers to take it back. */
function useRun() {
  const toasts = useToasts();
  return useCallback(
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
    },
    [toasts],
  );
}

export interface Triage {
  start: (kind: Kind) => void;
  dialog: ReactNode;
}

/** Deciding about one finding: acknowledging and reopening happen at once, the others ask for what they need. */
export function useTriage(id: string): Triage {
  const [open, setOpen] = useState<Kind>();
  const toasts = useToasts();
  const run = useRun();
  const target: Target = { ids: [id], count: 1 };

  function start(kind: Kind) {
    if (kind === 'acknowledge' || kind === 'reopen') {
      run(kind, target, bodyOf(kind)).catch((error: unknown) => toasts.fail(`To ${kind}`, error));
    } else setOpen(kind);
  }
  const close = () => setOpen(undefined);
  return { start, dialog: open && <Decide kind={open} target={target} close={close} done={close} /> };
}

const bodyOf = (kind: 'acknowledge' | 'reopen'): DecisionBody => ({ state: kind === 'acknowledge' ? 'acknowledged' : 'open' });

interface SheetProps {
  kind: Kind;
  target: Target;
  close: () => void;
  done: () => void;
}

/** The sheet of a decision: what it would change, what it needs, and its button. */
export function Decide({ kind, target, close, done: finished }: SheetProps) {
  const run = useRun();
  const send = async (body: DecisionBody, expect?: number) => {
    await run(kind, expect === undefined ? target : { ...target, expect }, body);
    finished();
  };
  const props = { target, close, run: send };
  return (
    <Modal opened onClose={close} title={`${titles[kind]} ${targetWords(target)}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      {kind === 'accept' ? <Accept {...props} /> : kind === 'assign' ? <Assign {...props} /> : <Plain kind={kind} {...props} />}
    </Modal>
  );
}

const titles: Record<Kind, string> = {
  acknowledge: 'Acknowledge',
  assign: 'Assign',
  accept: 'Accept',
  reopen: 'Reopen',
};

interface DecideProps {
  target: Target;
  close: () => void;
  run: (body: DecisionBody, expect?: number) => Promise<void>;
}

/** What it would do, asked of the server before it is done. */
function usePreview(target: Target, body: DecisionBody | undefined) {
  const [effect, setEffect] = useState<Effect>();
  const [problem, setProblem] = useState<unknown>();
  const needed = target.count !== 1 || target.filter !== undefined;
  const key = needed && body ? JSON.stringify([target, body]) : '';
  useEffect(() => {
    if (!key) return;
    let current = true;
    const timer = setTimeout(() => {
      const [t, b] = JSON.parse(key) as [Target, DecisionBody];
      decide(t, b, true).then(
        (e) => {
          if (!current) return;
          setEffect(e);
          setProblem(undefined);
        },
        (e: unknown) => {
          if (current) setProblem(e);
        },
      );
    }, 250);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [key]);
  const shown = !key ? null : problem ? (
    <Refused problem={problem} />
  ) : (
    <p className={classes.preview} role="status">
      {effect
        ? `${plural(effect.changed, findings)} will change. It can be taken back for ten seconds.`
        : 'Counting what it would change…'}
    </p>
  );
  return { shown, expect: target.filter && effect ? effect.changed : undefined };
}

function Plain({ kind, target, close, run }: DecideProps & { kind: 'acknowledge' | 'reopen' }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const body = bodyOf(kind);
  const preview = usePreview(target, body);
  async function act() {
    setBusy(true);
    try {
      await run(body, preview.expect);
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
      {preview.shown}
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

function Assign({ target, close, run }: DecideProps) {
  const form = useFields({
    initial: { assignee: '' },
    check: (v) => (v.assignee.trim() ? {} : { assignee: 'Name who works on it, such as ana@example.com or @payments.' }),
    send: (v) => run({ assignee: v.assignee.trim() }, preview.expect),
  });
  const assignee = form.values.assignee.trim();
  const preview = usePreview(target, assignee ? { assignee } : undefined);
  return (
    <Form of={form} button={`Assign ${targetWords(target)}`} doing="Assigning…" onCancel={close}>
      <TextField
        of={form}
        name="assignee"
        label="Who works on it"
        why="A person or team. They see it under their own findings, and routes can tell them."
        autoFocus
      />
      {preview.shown}
    </Form>
  );
}

const dayMs = 86_400_000;
const inDays = (n: number) => new Date(Date.now() + n * dayMs).toISOString().slice(0, 10);

function Accept({ target, close, run }: DecideProps) {
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
    send: (v) => run(body(v), preview.expect),
  });
  const complete = form.values.reason.trim().length >= 3 && form.values.until > inDays(0);
  const preview = usePreview(target, complete ? body(form.values) : undefined);
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
      {preview.shown}
    </Form>
  );
}
