import { Tabs } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { useParams, useSearchParams } from 'wouter';
import { useGet } from '@/api/query';
import type { GrantedAccess, IdentityDetail, UsageAnswer } from '@/api/types';
import { useAsOf } from '@/app/asof';
import { useKeys } from '@/app/keys';
import { Block, Failed, Notice, Page, Rows } from '@/components/index';
import { date, short } from '@/lib/format';
import { Credentials } from './Credentials';
import { Findings } from './Findings';
import { Head } from './Head';
import { History } from './History';
import classes from './identity.module.css';
import { Placements } from './Placements';
import { Raw } from './Raw';
import { RegistrationSheet } from './RegistrationSheet';
import { Summary } from './Summary';
import { Trusts } from './Trusts';
import { UseTab } from './UseTab';

const Access = lazy(() => import('./Access').then((m) => ({ default: m.Access })));
const Picture = lazy(() => import('./picture'));

type Counted = keyof IdentityDetail['counts'];

const tabs: { id: string; label: string; count?: Counted }[] = [
  { id: 'usage', label: 'Usage' },
  { id: 'access', label: 'Access', count: 'grants' },
  { id: 'credentials', label: 'Credentials', count: 'credentials' },
  { id: 'trusts', label: 'Trusts', count: 'trusts' },
  { id: 'placements', label: 'Placements', count: 'placements' },
  { id: 'findings', label: 'Findings', count: 'findings' },
  { id: 'picture', label: 'Picture' },
  { id: 'history', label: 'History' },
  { id: 'raw', label: 'Raw' },
];

/** One identity: who it is, who answers for it, what it can do, and everything known of it. */
export default function IdentityPage() {
  const { id = '' } = useParams<{ id: string }>();
  const { asOf } = useAsOf();
  const [params, setParams] = useSearchParams();
  const [editing, setEditing] = useState<'owner' | 'all' | undefined>();
  const path = `/identities/${encodeURIComponent(id)}`;
  const identity = useGet<IdentityDetail>(path);
  const access = useGet<GrantedAccess>(`${path}/access`, {}, { retry: false });
  const usage = useGet<UsageAnswer>(`${path}/usage`, {}, { retry: false });
  const tab = tabs.some((t) => t.id === params.get('tab')) ? (params.get('tab') ?? 'usage') : 'usage';
  const choose = (value: string) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        if (value === 'usage') next.delete('tab');
        else next.set('tab', value);
        return next;
      },
      { replace: true },
    );

  useKeys('This identity', tabs.map((t, i) => ({ keys: String(i + 1), does: `Show ${t.label.toLowerCase()}`, run: () => choose(t.id) })));

  if (identity.error && !identity.data)
    return (
      <Page title="Identity">
        <Failed what="The identity" error={identity.error} retry={() => void identity.refetch()} />
      </Page>
    );
  const d = identity.data;
  const name = d ? d.name || d.key : 'Identity';
  // The cards are as high as what they say: what is below is drawn once they stand.
  const ready = d !== undefined && !access.isPending && !usage.isPending;
  return (
    <Page
      title={name}
      head={<Head identity={d} onOwner={() => setEditing('owner')} onEdit={() => setEditing('all')} />}
    >
      {d?.goneAt && (
        <Notice tone="unknown">
          Gone since {date(d.goneAt)}: a complete listing no longer holds it. What is shown is what was known before.
        </Notice>
      )}
      {d && ready ? (
        <Summary identity={d} access={access.data} accessFailed={access.isError} usage={asOf ? undefined : usage.data} usageFailed={!!asOf || usage.isError} show={choose} />
      ) : <Block height={132} />}
      <Tabs value={tab} onChange={(value) => choose(value ?? 'usage')} className={classes.tabs} data-waiting={!ready || undefined}>
        <Tabs.List className={classes.tabList}>
          {tabs.map((t) => (
            <Tabs.Tab key={t.id} value={t.id}>
              {t.label}
              {t.count && d && d.counts[t.count] > 0 ? <span className={classes.tabCount}>{short(d.counts[t.count])}</span> : null}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={tab} className={classes.panel}>
          {!d ? (
            <Rows count={6} />
          ) : (
            <Suspense fallback={<Rows count={6} />}>
              {tab === 'usage' && <UseTab identity={d} path={path} />}
              {tab === 'access' && <Access identity={d} path={path} granted={access.data} grantedError={access.error} retry={() => void access.refetch()} />}
              {tab === 'credentials' && <Credentials path={path} />}
              {tab === 'trusts' && <Trusts path={path} />}
              {tab === 'placements' && <Placements path={path} />}
              {tab === 'findings' && <Findings id={id} />}
              {tab === 'picture' && <Picture path={path} name={name} />}
              {tab === 'history' && <History path={path} />}
              {tab === 'raw' && <Raw path={path} identity={d} />}
            </Suspense>
          )}
        </Tabs.Panel>
      </Tabs>
      {d && editing && !asOf && (
        <RegistrationSheet identity={d} only={editing === 'owner' ? 'owner' : undefined} close={() => setEditing(undefined)} />
      )}
    </Page>
  );
}
