import type { ReactNode } from 'react';
import type { UsageEventRow } from '@/api/types';
import { Link } from '@/app/router';
import { CopyButton } from '@/components/CopyButton';
import { Mark, Tag, word, type Tone } from '@/components/Words';
import type { SignName } from '@/components/Sign';
import { exact, middle } from '@/lib/format';
import classes from './usage.module.css';

const ended: Record<string, { tone: Tone; sign: SignName }> = {
  success: { tone: 'good', sign: 'full' },
  denied: { tone: 'high', sign: 'cross' },
  error: { tone: 'medium', sign: 'half' },
};

/** How an attempt ended. */
export function Outcome({ of }: { of: string }) {
  const o = ended[of];
  return (
    <Mark tone={o?.tone ?? 'unknown'} sign={o?.sign ?? 'hatched'}>
      {o ? word(of) : 'not known'}
    </Mark>
  );
}

/** Who acted, through whom, and for whom. */
export function Actor({ of: e }: { of: UsageEventRow }) {
  const name = e.identity || 'not named by the log';
  return (
    <>
      {e.identityId ? (
        <Link to={`/identities/${e.identityId}`} title={name}>
          {middle(name, 44)}
        </Link>
      ) : (
        <span title={name}>{middle(name, 44)}</span>
      )}{' '}
      {e.person && <Tag title="People are shown by pseudonyms, unless their names are asked for.">person</Tag>}
      {(e.via ?? []).length > 0 && <div className={classes.small}>through {(e.via ?? []).map((v) => middle(v, 44)).join(', ')}</div>}
      {e.onBehalfOf && <div className={classes.small}>for {middle(e.onBehalfOf, 44)}</div>}
    </>
  );
}

/** All that is kept of an event. */
export function All({ of: e }: { of: UsageEventRow }) {
  const rows: [string, ReactNode][] = (
    [
      ['When', <time key="t" dateTime={e.at}>{exact(e.at)}</time>],
      ['Log', `${e.log}${e.realm ? ` of ${e.realm}` : ''}`],
      ['Class', word(e.class)],
      ['Id in the log', e.event && <>{e.event} <CopyButton value={e.event} what="id" /></>],
      ['Place', e.input && `${e.input}${e.place ? `, record ${e.place}` : ''}`],
      ['Credential', e.credential],
      ['Action', e.action],
      ['Also needs', (e.more ?? []).join(', ')],
      ['Word of the log', e.operation],
      ['Resource', e.resource],
      ['Reason', e.reason],
      ['Region', e.region],
      ['Called from', e.from],
      ['Address', e.address],
      ['Client', e.agent],
      ['Conditions', (e.context ?? []).map((c) => `${c.key} = ${c.value}`).join('\n')],
    ] as [string, ReactNode][]
  ).filter(([, value]) => value);
  return (
    <details className={classes.small}>
      <summary>All of it</summary>
      <dl className={classes.whole}>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {e.record && (
        <pre className={`mono ${classes.record}`} tabIndex={0} role="region" aria-label="The record">
          {e.record}
        </pre>
      )}
    </details>
  );
}
