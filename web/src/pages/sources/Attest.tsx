import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { request } from '@/api/client';
import type { ActivityLog, LogWord } from '@/api/types';
import { useCan } from '@/app/me';
import { Form, TextField, useFields } from '@/components/Form';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { date } from '@/lib/format';
import classes from './sources.module.css';

interface Props {
  of: ActivityLog;
  again: () => Promise<unknown>;
}

/** Whose word stands on a log, and giving one or taking it back: what a log cannot prove, somebody may know. */
export function Attest({ of: l, again }: Props) {
  const can = useCan();
  const [doing, setDoing] = useState<'give' | LogWord>();
  const words = l.words ?? [];
  const open = (l.coverage ?? []).some((c) => !c.proof);
  const manages = can('sources.manage');
  if (words.length === 0 && !(manages && open)) return null;
  return (
    <>
      {words.length > 0 && (
        <ul className={classes.words}>
          {words.map((w) => (
            <li key={w.id}>
              <span>
                {w.by.name} said <Time at={w.at} /> that nothing is missing from {date(w.from)} to {date(w.to)}
                {w.reason ? `: ${w.reason}` : ''}
              </span>
              {manages && (
                <Button size="compact-sm" variant="default" aria-label={`Take back the word of ${w.by.name} on ${l.log} from ${date(w.from)}`} onClick={() => setDoing(w)}>
                  Take back…
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      {manages && open && (
        <Button size="compact-sm" variant="default" mb={12} onClick={() => setDoing('give')} aria-label={`Say that ${l.log} of ${l.realm} is whole`}>
          Say that it is whole…
        </Button>
      )}
      {doing === 'give' && <Give of={l} again={again} close={() => setDoing(undefined)} />}
      {doing !== undefined && doing !== 'give' && <TakeBack of={l} word={doing} again={again} close={() => setDoing(undefined)} />}
    </>
  );
}

const day = /^\d{4}-\d{2}-\d{2}$/;

function Give({ of: l, again, close }: Props & { close: () => void }) {
  const toasts = useToasts();
  const form = useFields({
    initial: { from: '', to: '', reason: '' },
    check: (v) => ({
      ...(v.from && !day.test(v.from) && { from: 'Give a day, such as 2026-03-01.' }),
      ...(v.to && !day.test(v.to) && { to: 'Give a day, such as 2026-04-01.' }),
      ...(day.test(v.from) && day.test(v.to) && v.from >= v.to && { to: 'Give a day after the first.' }),
      ...(!v.reason.trim() && { reason: 'Say how you know it: whoever reads the verdicts relies on it.' }),
    }),
    send: async (v) => {
      await request('POST', '/activity/words', {
        body: { name: l.log, realm: l.realm, reason: v.reason.trim(), ...(v.from && { from: `${v.from}T00:00:00Z` }), ...(v.to && { to: `${v.to}T00:00:00Z` }) },
      });
      await again();
      toasts.say(`Your word on ${l.log} is kept, and verdicts follow it.`);
      close();
    },
  });
  return (
    <Modal opened onClose={close} title={`Say that ${l.log} is whole`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <p className="muted">
        That what was read of {l.realm} is all that the log held, in the stretches that were read and do not prove it by themselves. Your name and reason stay with it and go on record. Silence in it then
        counts as evidence.
      </p>
      <Form of={form} button="Give my word" onCancel={close}>
        <TextField of={form} name="reason" label="How you know it" rows={2} maxLength={500} autoFocus />
        <TextField of={form} name="from" label="From" optional why={`A day in UTC; ${date(l.from)} without one.`} placeholder="2026-03-01" />
        <TextField of={form} name="to" label="Until" optional why={`A day in UTC, not counted; ${date(l.to)} without one.`} placeholder="2026-04-01" />
      </Form>
    </Modal>
  );
}

function TakeBack({ of: l, word: w, again, close }: Props & { word: LogWord; close: () => void }) {
  const toasts = useToasts();
  const form = useFields({
    initial: { reason: '' },
    check: (v) => ({ ...(!v.reason.trim() && { reason: 'Say why it does not hold.' }) }),
    send: async (v) => {
      await request('POST', '/activity/words/withdraw', { body: { name: l.log, realm: l.realm, from: w.from, to: w.to, reason: v.reason.trim() } });
      await again();
      toasts.say(`Nobody vouches for ${l.log} from ${date(w.from)} to ${date(w.to)} any more.`);
      close();
    },
  });
  return (
    <Modal opened onClose={close} title={`Take back the word on ${l.log}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <p className="muted">
        Every word that reaches into {date(w.from)} to {date(w.to)} is taken back. That it was given stays on record. Verdicts that rest on it become weaker.
      </p>
      <Form of={form} button="Take it back" onCancel={close}>
        <TextField of={form} name="reason" label="Why it does not hold" rows={2} maxLength={500} autoFocus />
      </Form>
    </Modal>
  );
}
