import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { request } from '@/api/client';
import { queries } from '@/api/query';
import { Link } from '@/app/router';
import { Form, TextField, useFields } from '@/components/Form';
import { Section } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Failed } from '@/components/States';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { Unknown, Word } from '@/components/Words';
import { count, plural } from '@/lib/format';
import classes from './settings.module.css';

interface Class {
  class: string;
  about: string;
  days: number;
  lastRows?: number;
  lastUntil?: string;
  lastAt?: string;
}

interface Settings {
  preset?: string;
  classes: Class[] | null;
  presets: Record<string, Record<string, number>> | null;
  records: string;
  rawEvents: { days: number; megabytesPerDay?: number; about: string };
}

const presetWords: Record<string, string> = { '400-days': '400 days', hipaa: 'HIPAA: six years', 'keep-all': 'Keep everything' };

/** How long each class of data is kept. */
export default function Retention() {
  const { data, error, refetch } = useQuery({ queryKey: ['/retention'], queryFn: () => request<Settings>('GET', '/retention') });
  if (error) return <Failed what="How long things are kept" error={error} retry={() => void refetch()} />;
  if (!data) return <Block height={320} />;
  return <Edit key={data.etag ?? ''} settings={data.data} etag={data.etag} />;
}

function Edit({ settings: s, etag }: { settings: Settings; etag: string | undefined }) {
  const toasts = useToasts();
  const all = s.classes ?? [];
  const form = useFields<Record<string, string>>({
    initial: Object.fromEntries(all.map((c) => [c.class, String(c.days)])),
    check: (v) => Object.fromEntries(all.filter((c) => !/^\d{1,5}$/.test(v[c.class] ?? '')).map((c) => [c.class, 'Write whole days; 0 keeps for ever.'])),
    send: async (v) => {
      const days = Object.fromEntries(all.filter((c) => v[c.class] !== String(c.days)).map((c) => [c.class, Number(v[c.class])]));
      await request('PUT', '/retention', { body: { days }, ...(etag && { etag }) });
      await queries.invalidateQueries({ queryKey: ['/retention'] });
      toasts.say('It is kept so from now on. What is older is deleted with the next pruning, which stands in the audit log.');
    },
  });
  const preset = (name: string) => {
    for (const [id, days] of Object.entries(s.presets?.[name] ?? {})) if (id in form.values) form.set(id, String(days));
  };
  return (
    <>
      <Section title="How long each is kept" id="days">
        <p className={classes.note}>{s.records}</p>
        <div className={classes.row} style={{ marginBottom: 16 }}>
          {Object.keys(s.presets ?? {}).map((name) => (
            <Button key={name} size="compact-xs" variant={s.preset === name ? 'light' : 'default'} aria-pressed={s.preset === name} onClick={() => preset(name)}>
              {presetWords[name] ?? name}
            </Button>
          ))}
        </div>
        <Form of={form} button="Save" disabled={!form.changed}>
          {all.map((c) => (
            <TextField key={c.class} of={form} name={c.class} label={`${Word(c.class)}, days`} why={c.about} inputMode="numeric" />
          ))}
        </Form>
      </Section>
      <Section title="Events themselves" id="events">
        <p className={classes.note}>
          {s.rawEvents.days > 0
            ? `Kept for ${plural(s.rawEvents.days, ['day', 'days'])} after they happened${s.rawEvents.megabytesPerDay ? `, at most ${count(s.rawEvents.megabytesPerDay)} MB of a day` : ''}. `
            : 'None are kept. '}
          {s.rawEvents.about}. <Link to="/usage/events">Events</Link>
        </p>
      </Section>
      <Section title="What was pruned" id="pruned">
        <Simple
          label="What was pruned"
          rows={all.filter((c) => c.lastAt)}
          id={(c) => c.class}
          empty={<Unknown>Nothing yet.</Unknown>}
          columns={[
            { name: 'class', head: 'What', cell: (c) => Word(c.class) },
            { name: 'rows', head: 'Rows', right: true, cell: (c) => count(c.lastRows ?? 0) },
            { name: 'until', head: 'Older than', cell: (c) => <Time at={c.lastUntil} /> },
            { name: 'at', head: 'When', cell: (c) => <Time at={c.lastAt} /> },
          ]}
        />
      </Section>
    </>
  );
}
