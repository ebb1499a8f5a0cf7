import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '@/api/client';
import { queries } from '@/api/query';
import { Form, TextField, useFields } from '@/components/Form';
import { Section } from '@/components/Page';
import { Block } from '@/components/Skeletons';
import { Failed, Notice } from '@/components/States';
import { useToasts } from '@/components/Toasts';
import { count, plural, word } from '@/lib/format';
import classes from './settings.module.css';

interface Threshold {
  days: number;
  byKind: Record<string, number>;
  default: number;
  inFile: boolean;
  kinds: string[] | null;
}

interface Change {
  idle: number;
  idleThen: number;
  becoming: number;
  ceasing: number;
  unknown: number;
  credentials: number;
  credentialsThen: number;
  byKind: Record<string, number>;
}

/** After how long without a sight of use something is idle. */
export default function Idle() {
  const { data, error, refetch } = useQuery({ queryKey: ['/settings/idle'], queryFn: () => request<Threshold>('GET', '/settings/idle') });
  if (error) return <Failed what="The idle threshold" error={error} retry={() => void refetch()} />;
  if (!data) return <Block height={320} />;
  return <Edit key={data.etag ?? ''} threshold={data.data} etag={data.etag} />;
}

const whole = /^[1-9]\d{0,3}$/;

function Edit({ threshold: t, etag }: { threshold: Threshold; etag: string | undefined }) {
  const toasts = useToasts();
  const kinds = t.kinds ?? [];
  const [change, setChange] = useState<Change>();
  const input = (v: Record<string, string>) => ({
    days: Number(v['days']),
    byKind: Object.fromEntries(kinds.filter((k) => v[k]).map((k) => [k, Number(v[k])])),
  });
  const form = useFields<Record<string, string>>({
    initial: { days: String(t.days), ...Object.fromEntries(kinds.map((k) => [k, t.byKind[k] ? String(t.byKind[k]) : ''])) },
    check: (v) => ({
      ...(!whole.test(v['days'] ?? '') && { days: 'Write whole days, from 1.' }),
      ...Object.fromEntries(kinds.filter((k) => v[k] && !whole.test(v[k])).map((k) => [k, 'Write whole days, from 1, or nothing.'])),
    }),
    send: async (v) => {
      await request('PUT', '/settings/idle', { body: input(v), ...(etag && { etag }) });
      await queries.invalidateQueries();
      toasts.say('The threshold is in force. The change stands in the audit log.');
    },
  });
  const preview = async () => {
    try {
      setChange((await request<Change>('POST', '/settings/idle/preview', { body: input(form.values) })).data);
    } catch (e) {
      setChange(undefined);
      toasts.fail('The preview', e);
    }
  };
  const own = kinds.filter((k) => t.byKind[k]);
  return (
    <Section title="When something is idle" id="idle">
      <p className={classes.note}>
        What was used longer ago counts as idle, in figures, trends and notices. What was never seen in use stays unknown: no threshold says anything of it.
      </p>
      {t.inFile && <Notice tone="unknown">The configuration file sets this. Change it there.</Notice>}
      <Form of={form} button="Save" disabled={!form.changed || t.inFile}>
        <TextField of={form} name="days" label="Days without use" why={`For everything without a threshold of its own. Without a setting it is ${t.default}.`} inputMode="numeric" />
        <details open={own.length > 0}>
          <summary>Kinds with their own threshold{own.length > 0 && ` (${own.length})`}</summary>
          {kinds.map((k) => (
            <TextField key={k} of={form} name={k} label={`${word(k)}, days`} inputMode="numeric" />
          ))}
        </details>
        <div className={classes.row}>
          <Button variant="default" onClick={() => void preview()} disabled={t.inFile}>
            Show what changes
          </Button>
        </div>
        {change && (
          <div role="status" className={classes.note}>
            {plural(change.becoming, ['identity', 'identities'])} would become idle and {count(change.ceasing)} would cease to be: {count(change.idleThen)} instead
            of {count(change.idle)}. Of credentials {count(change.credentialsThen)} instead of {count(change.credentials)}. {count(change.unknown)} stay unknown.
            {Object.keys(change.byKind).length > 0 && (
              <>
                {' '}
                By kind:{' '}
                {Object.entries(change.byKind)
                  .sort((a, b) => b[1] - a[1])
                  .map(([k, n]) => `${word(k)} ${count(n)}`)
                  .join(', ')}
                .
              </>
            )}
          </div>
        )}
      </Form>
    </Section>
  );
}
