import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useSearchParams } from 'wouter';
import { request } from '@/api/client';
import { useGet } from '@/api/query';
import type { UsageEventsAnswer } from '@/api/types';
import { useAsOf } from '@/app/asof';
import { useCan } from '@/app/me';
import { Link } from '@/app/router';
import { CopyButton } from '@/components/CopyButton';
import { Page } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Rows } from '@/components/Skeletons';
import { Empty, Failed, Notice } from '@/components/States';
import { count, exact, middle, plural, sentence } from '@/lib/format';
import { Actor, All, Outcome } from './Event';
import { filters, keptText, lostText, moment, whyEmpty, wrongTimes, type Asked } from './events';
import { EventFilters } from './EventFilters';
import { People } from './People';
import { Did } from './parts';
import classes from './usage.module.css';

const perPage = 100;

/** What logs told, event by event, where that is kept. The filters stand in the address. */
export default function EventsPage() {
  const { asOf } = useAsOf();
  const can = useCan();
  const [params, setParams] = useSearchParams();
  const [reason, setReason] = useState('');
  const asked: Asked = Object.fromEntries(filters.flatMap((f) => (params.get(f) ? [[f, params.get(f)]] : [])) as [string, string][]);
  const after = params.get('after') ?? undefined;
  const wrong = wrongTimes(asked);
  const change = (to: Record<string, string | undefined>) =>
    setParams((old) => {
      const next = new URLSearchParams(old);
      next.delete('after');
      for (const [name, value] of Object.entries(to)) {
        if (value) next.set(name, value);
        else next.delete(name);
      }
      return next;
    });
  const query = { ...asked, from: moment(asked.from ?? ''), to: moment(asked.to ?? '', true), limit: perPage, cursor: after };
  const q = useEvents(query, reason, !wrong.from && !wrong.to);
  const of = useSubject(asked);
  return (
    <Page
      title={of.title}
      lead={
        <>
          {of.lead && (
            <>
              {of.lead}
              <br />
            </>
          )}
          {q.data ? keptText(q.data.kept) : 'The latest first.'}
        </>
      }
      actions={can('usage.people') && <People reason={reason} set={setReason} />}
    >
      {asOf && <Notice tone="unknown">Events are told as of now, whichever date is chosen.</Notice>}
      <EventFilters key={params.toString()} asked={asked} change={change} />
      {wrong.from || wrong.to ? (
        <Empty title="The times are not understood.">{wrong.from ?? wrong.to}</Empty>
      ) : q.error && !q.data ? (
        <Failed what="The events" error={q.error} retry={() => void q.refetch()} />
      ) : !q.data ? (
        <Rows count={12} height={44} />
      ) : (
        <>
          {!!q.data.unopened && (
            <Notice tone="unknown">
              {`${plural(q.data.unopened, ['event', 'events'])} among those looked at cannot be opened: the key under which they were sealed is not at hand, or they were altered.`}
            </Notice>
          )}
          <Listed of={q.data} asked={asked} after={after} clear={() => change(Object.fromEntries(['from', 'to', 'action', 'outcome', 'kind'].map((f) => [f, undefined])))} />
          {(after || q.data.next) && (
            <nav className={classes.pager} aria-label="Pages of the events">
              <Button variant="default" disabled={!after} onClick={() => change({})}>
                The latest
              </Button>
              <Button variant="default" disabled={!q.data.next} onClick={() => change({ after: q.data?.next })}>
                Older
              </Button>
            </nav>
          )}
          <KeptDays of={q.data.kept} />
        </>
      )}
    </Page>
  );
}

/** A page of events. With a reason people have their names, and each page that is asked for so goes on record. */
function useEvents(query: Record<string, string | number | undefined>, reason: string, enabled: boolean) {
  const masked = useGet<UsageEventsAnswer>(enabled && !reason ? '/usage/events' : undefined, query, { retry: false, keep: true });
  const named = useQuery<UsageEventsAnswer, Error>({
    queryKey: ['/usage/events/people', query, reason],
    queryFn: async () => (await request<UsageEventsAnswer>('POST', '/usage/events/people', { body: { ...query, reason } })).data,
    enabled: enabled && reason !== '',
    retry: false,
    staleTime: Infinity,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  return reason ? named : masked;
}

/** Whose events are asked for. */
function useSubject({ identity, signal }: Asked): { title: string; lead?: React.ReactNode } {
  const path = identity && `${identity.startsWith('crd_') ? '/credentials' : '/identities'}/${encodeURIComponent(identity)}`;
  const thing = useGet<{ name: string }>(path || undefined, {}, { retry: false });
  const finding = useGet<{ message: string }>(signal && `/findings/${encodeURIComponent(signal)}`, {}, { retry: false });
  if (signal) {
    return {
      title: 'Events behind something unusual',
      lead: finding.data && <Link to={`/findings/${signal}`}>{sentence(finding.data.message)}</Link>,
    };
  }
  if (path) return { title: thing.data ? `Events of ${thing.data.name}` : 'Events', lead: <Link to={`${path}?tab=usage`}>What is counted of it</Link> };
  return { title: 'Events' };
}

function Listed({ of: a, asked, after, clear }: { of: UsageEventsAnswer; asked: Asked; after?: string; clear: () => void }) {
  return (
    <Simple
      label="Events"
      rows={(a.items ?? []).map((e, i) => ({ ...e, i }))}
      id={(e) => `${e.at} ${e.event ?? ''} ${e.i}`}
      empty={<None of={a} asked={asked} after={after} clear={clear} />}
      columns={[
        {
          name: 'when',
          head: 'When, UTC',
          cell: (e) => (
            <>
              <time dateTime={e.at} title={exact(e.at)} className={classes.stamp}>
                {new Date(e.at).toISOString().slice(0, 19).replace('T', ' ')}
              </time>
              <span className={classes.narrow}>
                <Outcome of={e.outcome} />
              </span>
            </>
          ),
        },
        { name: 'who', head: 'Who', wide: true, cell: (e) => <Actor of={e} /> },
        {
          name: 'what',
          head: 'What',
          cell: (e) => (
            <>
              <Did of={e} />
              <span className={classes.narrow}>
                <Actor of={e} />
              </span>
              <All of={e} />
            </>
          ),
        },
        {
          name: 'outcome',
          head: 'Outcome',
          wide: true,
          cell: (e) => (
            <>
              <Outcome of={e.outcome} />
              {e.reason && (
                <div className={classes.small} title={e.reason}>
                  {middle(e.reason, 48)}
                </div>
              )}
            </>
          ),
        },
        {
          name: 'from',
          head: 'From',
          wide: true,
          cell: (e) => (
            <>
              {e.from || e.address || <span className="muted">–</span>}
              {e.from && e.address && <div className={classes.small}>{e.address}</div>}
              {e.agent && (
                <div className={classes.small} title={e.agent}>
                  {middle(e.agent, 40)}
                </div>
              )}
            </>
          ),
        },
      ]}
    />
  );
}

const setting = 'usage: {rawDays: 14}';

/** Why no event is listed, and what to do about it. */
function None({ of: a, asked, after, clear }: { of: UsageEventsAnswer; asked: Asked; after?: string; clear: () => void }) {
  const narrowed = filters.some((f) => f !== 'identity' && f !== 'signal' && asked[f]);
  switch (whyEmpty(a.kept, asked, a.next)) {
    case 'further':
      return <Empty title="None of those that were looked at is like that.">Older ones are left to be looked at.</Empty>;
    case 'understood':
      return <Empty title="Every entry that was read was understood.">Entries that no reader understood are kept in any case, and would be listed here.</Empty>;
    case 'off':
      return (
        <Empty title="No events are kept, only what is counted of them.">
          <p>
            To keep those that are read from now on, set in <code className="mono">retinue.yaml</code>: <code className="mono">{setting}</code> <CopyButton value={setting} what="setting" />
          </p>
          <p className="muted">They are searched for secrets, compressed and sealed, and deleted so many days after they happened.</p>
        </Empty>
      );
    case 'none-yet':
      return <Empty title="No event is kept yet.">{`None of the last ${plural(a.kept.days, ['day', 'days'])} was read since they are kept.`}</Empty>;
  }
  const kept = (a.kept.of ?? []).reduce((n, d) => n + d.events, 0);
  return (
    <Empty
      title={after ? 'There are no older ones.' : `None of the ${plural(kept, ['event that is', 'events that are'])} kept is like that.`}
      action={
        narrowed && (
          <Button variant="default" onClick={clear}>
            Clear the filters
          </Button>
        )
      }
    >
      {!narrowed && !after && 'What was read before events were kept, or is older than they are kept, is counted only.'}
    </Empty>
  );
}

/** What is kept of each day, and what is not. */
function KeptDays({ of: k }: { of: UsageEventsAnswer['kept'] }) {
  const days = k.of ?? [];
  if (days.length === 0) return null;
  const lost = days.filter((d) => lostText(d) !== '').length;
  return (
    <details className={classes.small}>
      <summary>
        Kept of {plural(days.length, ['day', 'days'])}
        {lost > 0 && `, not whole of ${count(lost)}`}
      </summary>
      <Simple
        label="Kept of each day"
        rows={days}
        id={(d) => d.day}
        columns={[
          { name: 'day', head: 'Day', cell: (d) => d.day },
          { name: 'events', head: 'Events', right: true, cell: (d) => count(d.events) },
          { name: 'kilobytes', head: 'kB', right: true, wide: true, cell: (d) => count(Math.ceil(d.bytes / 1000)) },
          { name: 'lost', head: 'Not kept', cell: (d) => lostText(d, k.megabytesPerDay) || <span className="muted">nothing</span> },
        ]}
      />
    </details>
  );
}
