import { Button, Select, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { word } from '@/components/Words';
import { kinds, outcomes, wrongTimes, type Asked } from './events';
import classes from './usage.module.css';

interface Props {
  asked: Asked;
  change: (to: Record<string, string | undefined>) => void;
}

/** Which events are wanted: times and actions once they are sent, the rest at once. */
export function EventFilters({ asked, change }: Props) {
  const [text, setText] = useState({ from: asked.from ?? '', to: asked.to ?? '', action: asked.action ?? '' });
  const [told, setTold] = useState(true);
  const wrong = told ? wrongTimes(text) : {};
  const set = (name: keyof typeof text) => (event: { currentTarget: { value: string } }) => {
    setTold(false);
    setText({ ...text, [name]: event.currentTarget.value });
  };
  function send(event: FormEvent) {
    event.preventDefault();
    setTold(true);
    if (Object.keys(wrongTimes(text)).length === 0) change({ from: text.from.trim(), to: text.to.trim(), action: text.action.trim() });
  }
  const leave = () => setTold(true);
  return (
    <form className={classes.filters} onSubmit={send} aria-label="Which events" noValidate>
      <TextInput label="From" placeholder="2026-03-01" value={text.from} onChange={set('from')} onBlur={leave} error={wrong.from} w={170} />
      <TextInput label="Until" placeholder="2026-03-01 14:30" value={text.to} onChange={set('to')} onBlur={leave} error={wrong.to} w={170} />
      <TextInput label="Action" placeholder="iam:*" value={text.action} onChange={set('action')} maxLength={512} w={200} />
      <Select
        label="Outcome"
        placeholder="Any"
        clearable
        clearButtonProps={{ 'aria-label': 'Any outcome' }}
        data={outcomes.map((o) => ({ value: o, label: o === 'unknown' ? 'not known' : word(o) }))}
        value={asked.outcome ?? null}
        onChange={(v) => change({ outcome: v ?? undefined })}
        w={150}
      />
      <Select
        label="Class"
        placeholder="Any"
        clearable
        clearButtonProps={{ 'aria-label': 'Any class' }}
        data={kinds.map((k) => ({ value: k, label: k === 'unknown' ? 'not understood' : word(k) }))}
        value={asked.kind ?? null}
        onChange={(v) => change({ kind: v ?? undefined })}
        w={170}
      />
      <Button type="submit" variant="default">
        Show
      </Button>
    </form>
  );
}
