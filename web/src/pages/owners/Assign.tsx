import { Modal } from '@mantine/core';
import { useEffect, useState } from 'react';
import { request } from '@/api/client';
import { queries, useGet } from '@/api/query';
import { Autocomplete } from '@mantine/core';
import { CheckField, Form, Refused, TextField, useFields } from '@/components/Form';
import { useToasts } from '@/components/Toasts';
import { plural } from '@/lib/format';
import type { Selection } from '@/list';
import { takeBack } from '@/pages/findings/decide';
import type { Owner } from './data';
import classes from './owners.module.css';

interface Result {
  changed: number;
  unchanged: number;
  skipped: number;
  fromPerson: number;
  owner: string;
  known: boolean;
  examples: { id: string; name: string; before?: string }[] | null;
  undo?: string;
}

interface Values {
  owner: string;
  backup: string;
  reason: string;
  onlyUnowned: boolean;
}

const single = new Set(['severity', 'text']);
const identities = ['identity', 'identities'] as const;

function bodyOf(v: Values, selection: Selection) {
  return {
    ...(selection.ids
      ? { ids: selection.ids }
      : { filter: Object.fromEntries(Object.entries(selection.all).map(([k, values]) => [k, single.has(k) ? values[0] : values])) }),
    owner: v.owner.trim(),
    ...(v.backup.trim() && { backupOwner: v.backup.trim() }),
    ...(v.reason.trim() && { reason: v.reason.trim() }),
    ...(v.onlyUnowned && { onlyUnowned: true }),
  };
}

interface Props {
  selection: Selection;
  /** The suggested owner. */
  owner?: string | undefined;
  /** What it is called, where it is one. */
  name?: string | undefined;
  close: () => void;
  done: () => void;
}

/** The sheet that gives identities an owner: who, what it changes, and how it is taken back. */
export function AssignOwner({ selection, owner, name, close, done }: Props) {
  const toasts = useToasts();
  const known = useGet<{ items: Owner[] | null }>('/owners');
  const form = useFields<Values>({
    initial: { owner: owner ?? '', backup: '', reason: '', onlyUnowned: false },
    check: (v) => (v.owner.trim() ? {} : { owner: 'Name a person by e-mail address, or a team as @team.' }),
    send: async (v) => {
      const { data } = await request<Result>('POST', '/identities/owner', {
        body: { ...bodyOf(v, selection), ...(selection.all && preview.result && { expect: preview.result.changed + preview.result.unchanged + preview.result.skipped }) },
        idempotent: true,
      });
      await queries.invalidateQueries();
      const { undo } = data;
      toasts.say(
        `${data.owner} answers for ${plural(data.changed, identities)}.`,
        undo
          ? {
              undo: async () => {
                await takeBack(undo);
                await queries.invalidateQueries();
              },
            }
          : {},
      );
      done();
    },
  });
  const preview = usePreview(form.values, selection);
  const what = selection.count === 1 ? (name ?? 'this identity') : plural(selection.count, identities);
  return (
    <Modal opened onClose={close} title={`Who answers for ${what}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Form of={form} button={`Assign ${what}`} doing="Assigning…" onCancel={close}>
        <Autocomplete
          size="xs"
          label="Owner"
          description="A person's e-mail address, or a team as @team."
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          data={(known.data?.items ?? []).filter((o) => o.id !== 'none' && !o.left).map((o) => o.id)}
          limit={12}
          value={form.values.owner}
          onChange={(v) => form.set('owner', v)}
          onBlur={() => form.left('owner')}
          error={form.wrong('owner')}
          data-autofocus
        />
        <TextField of={form} name="backup" label="Backup" optional why="Who answers while the owner cannot." />
        <TextField of={form} name="reason" label="Reason" optional why="It stands in the audit log." />
        {selection.count !== 1 && <CheckField of={form} name="onlyUnowned" label="Leave alone what somebody answers for already" />}
        {preview.problem !== undefined && <Refused problem={preview.problem} />}
        {preview.result && <Effect result={preview.result} />}
      </Form>
    </Modal>
  );
}

function Effect({ result: r }: { result: Result }) {
  const parts = [
    `${plural(r.changed, identities)} will change.`,
    r.unchanged > 0 && `${r.unchanged.toLocaleString()} have that owner already.`,
    r.skipped > 0 && `${r.skipped.toLocaleString()} are left alone.`,
    r.fromPerson > 0 && `${r.fromPerson.toLocaleString()} of them were assigned by a person.`,
    !r.known && `No directory knows ${r.owner}: check how it is written.`,
  ].filter(Boolean);
  return (
    <p className={classes.preview} role="status">
      {parts.join(' ')} It can be taken back for ten seconds.
    </p>
  );
}

function usePreview(values: Values, selection: Selection) {
  const [result, setResult] = useState<Result>();
  const [problem, setProblem] = useState<unknown>();
  const key = values.owner.trim() ? JSON.stringify(bodyOf(values, selection)) : '';
  useEffect(() => {
    if (!key) return;
    let current = true;
    const timer = setTimeout(() => {
      request<Result>('POST', '/identities/owner', { body: { ...JSON.parse(key), dryRun: true } }).then(
        ({ data }) => {
          if (!current) return;
          setResult(data);
          setProblem(undefined);
        },
        (error: unknown) => {
          if (current) setProblem(error);
        },
      );
    }, 350);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [key]);
  return key ? { result, problem } : { result: undefined, problem: undefined };
}
