import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { request } from '@/api/client';
import { queries } from '@/api/query';
import type { components } from '@/api/schema';
import { Section } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Failed } from '@/components/States';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { Unknown } from '@/components/Words';
import { count } from '@/lib/format';
import classes from './settings.module.css';

type Sealing = components['schemas']['Sealing'];

const holders: Record<Sealing['kind'], string> = {
  file: 'a file beside the fingerprint keys, on the server',
  env: 'the environment of the server, RETINUE_SEALING_KEYS',
  vault: 'the transit engine of Vault or OpenBao',
  kms: 'AWS KMS',
};

const said = {
  rotate: 'There is a new key. Every secret is being sealed under it.',
  reseal: 'Every secret is being sealed under the current key.',
  retire: 'Old keys are dropped.',
};

/** Under which keys secrets are sealed. */
export default function SealingSettings() {
  const { data, error, refetch } = useQuery({
    queryKey: ['/settings/sealing'],
    queryFn: () => request<Sealing>('GET', '/settings/sealing'),
    refetchInterval: (q) => (q.state.data?.data.reseal?.state === 'running' ? 1000 : false),
  });
  if (error) return <Failed what="The sealing keys" error={error} retry={() => void refetch()} />;
  if (!data) return <Block height={320} />;
  return <Shown s={data.data} />;
}

function Shown({ s }: { s: Sealing }) {
  const toasts = useToasts();
  const act = async (action: keyof typeof said) => {
    try {
      await request('POST', '/settings/sealing', { body: { action } });
      toasts.say(said[action]);
    } catch (e) {
      toasts.fail('Changing the sealing key', e);
    }
    await queries.invalidateQueries({ queryKey: ['/settings/sealing'] });
  };
  const running = s.reseal?.state === 'running';
  const keys = s.keys ?? [];
  const retirable = s.canRotate && keys.some((k) => k.held && !k.current) && keys.every((k) => !k.held || k.current || k.secrets === 0);
  return (
    <>
      <Section title="What holds the keys" id="holder">
        <p className={classes.note}>
          Secrets of sources, channels and single sign-on, and the codes of authenticator apps, are kept encrypted under a key that is not in the database. It is held by{' '}
          {holders[s.kind]}. {s.canRotate ? '' : 'Rotate it there; then have every secret sealed again.'}
        </p>
        {s.problem && <p role="alert">{s.problem}</p>}
        <div className={classes.row}>
          {s.canRotate && (
            <Button size="xs" onClick={() => void act('rotate')} disabled={running}>
              Make a new key
            </Button>
          )}
          <Button size="xs" variant="default" onClick={() => void act('reseal')} disabled={running || s.stale === 0}>
            Seal every secret again
          </Button>
          {retirable && (
            <Button size="xs" variant="default" onClick={() => void act('retire')} disabled={running}>
              Drop old keys
            </Button>
          )}
        </div>
      </Section>
      <Section title="Keys" id="keys">
        <Simple
          label="Keys"
          rows={keys}
          id={(k) => k.id}
          empty={<Unknown>None was reached yet.</Unknown>}
          columns={[
            { name: 'id', head: 'Key', cell: (k) => <code className="mono">{k.id}</code> },
            { name: 'state', head: 'State', cell: (k) => (k.current ? 'current' : k.held ? 'old: opens what was sealed before' : 'missing: what is under it does not open') },
            { name: 'secrets', head: 'Secrets under it', right: true, cell: (k) => count(k.secrets) },
          ]}
        />
        <p className={classes.note}>{s.since ? <>The current key is in use since <Time at={s.since} />.</> : 'When the current key came into use is not known.'}</p>
      </Section>
      {s.reseal && (
        <Section title="Sealing again" id="reseal">
          <p className={classes.note} aria-live="polite">
            {running ? 'Under way: ' : 'Done: '}
            {count(s.reseal.done)} sealed again{running ? `, ${count(s.stale)} to go` : ''}
            {s.reseal.lost > 0 ? `; ${count(s.reseal.lost)} open with no key and must be set again` : ''}. Begun <Time at={s.reseal.begun} />
            {s.reseal.ended ? <>, ended <Time at={s.reseal.ended} /></> : ''}. Until it ends, and if the server is stopped meanwhile, every secret opens with one of the keys.
          </p>
        </Section>
      )}
    </>
  );
}
