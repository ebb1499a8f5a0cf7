import { useEffect } from 'react';
import { useSearchParams } from 'wouter';
import { request } from '@/api/client';
import { useGet } from '@/api/query';
import { useAsOf } from '@/app/asof';
import { Link } from '@/app/router';
import { Block, Empty, Failed, Page, Rows, Section } from '@/components/index';
import { Changed } from './Changed';
import { CoverageTable } from './CoverageTable';
import type { Overview } from './data';
import { Fixes } from './Fixes';
import { Kinds } from './Kinds';
import { Metrics, Unmeasured } from './Metrics';
import classes from './overview.module.css';
import { SampleHint } from './SampleHint';
import { SentenceLine } from './SentenceLine';
import { Span } from './Span';
import { Uses } from './Uses';

/** The whole in figures, what to do next, what changed, and how well it is known. */
export default function OverviewPage() {
  const { asOf } = useAsOf();
  const [params, setParams] = useSearchParams();
  const days = params.get('days') === '365' ? 365 : 90;
  const setDays = (n: number) =>
    setParams((old) => {
      const next = new URLSearchParams(old);
      if (n === 90) next.delete('days');
      else next.set('days', String(n));
      return next;
    });
  const q = useGet<Overview>('/overview', { trend: String(days) }, { staleTime: 60_000, keep: true });
  const d = q.data;
  const loaded = d !== undefined && !asOf;

  // The visit is noted once the overview has told what changed since the one before.
  useEffect(() => {
    if (loaded) request('POST', '/me/visit').catch(() => undefined);
  }, [loaded]);

  if (q.error && !d)
    return (
      <Page title="Overview">
        <Failed what="The overview" error={q.error} retry={() => void q.refetch()} />
      </Page>
    );
  if (d && !asOf && d.sentence.identities === 0 && (d.coverage ?? []).length === 0)
    return (
      <Page title="Overview">
        <Empty title="Nothing has been scanned yet.">
          <p>
            Add a <Link to="/sources">source</Link> to see who can act in it, or scan this machine from a terminal:{' '}
            <code className="mono">retinue scan host</code>.
          </p>
          {d.sample && <SampleHint command={d.sample} />}
        </Empty>
      </Page>
    );
  const metrics = d?.metrics ?? [];
  const notTold = (part: string) => d?.notTold?.find((n) => n.part === part)?.reason;
  const logs = metrics.filter((m) => m.needs === 'log');
  const read = logs.some((m) => m.trendOf);
  return (
    <Page title="Overview" lead={d ? <SentenceLine sentence={d.sentence} /> : <Block height={20} width="70%" />}>
      {d?.sample && !asOf && <SampleHint command={d.sample} />}
      {d ? <Metrics metrics={metrics.filter((m) => m.needs === 'discovery')} /> : <Block height={146} />}
      {d && <Span days={days} set={setDays} />}
      <div className={classes.two} data-waiting={!d || undefined}>
        <div>
          <Section title="What to do next" aside={<Link to="/findings">all findings</Link>}>
            {d ? <Fixes fixes={d.fixes ?? []} /> : <Rows count={10} height={60} />}
          </Section>
        </div>
        <div>
          <Section title="What changed" aside={<Link to="/changes">all changes</Link>}>
            {!d ? (
              <Rows count={6} height={36} />
            ) : notTold('changed') ? (
              <Empty title="Not told of a past date.">{notTold('changed')}</Empty>
            ) : (
              <Changed since={d.changed.since} items={d.changed.items ?? []} />
            )}
          </Section>
          <Section title="Kinds of identity" aside={<Link to="/identities">all identities</Link>}>
            {d ? <Kinds figures={d.figures} /> : <Rows count={5} />}
          </Section>
        </div>
      </div>
      {d && !asOf && (
        <Section title="Usage" aside={<Link to="/usage">all usage statuses</Link>}>
          <Uses />
        </Section>
      )}
      <Section title="Coverage" aside={<Link to="/sources">sources</Link>}>
        {!d ? (
          <Rows count={5} />
        ) : notTold('coverage') ? (
          <Empty title="Not told of a past date.">{notTold('coverage')}</Empty>
        ) : (
          <CoverageTable rows={d.coverage ?? []} />
        )}
      </Section>
      {logs.length > 0 && (
        <Section
          title={read ? 'Measured by logs' : 'Connect a log to measure'}
          aside={read ? <Link to="/usage">all usage statuses</Link> : 'Discovery alone cannot know these.'}
        >
          <Unmeasured metrics={logs} />
        </Section>
      )}
    </Page>
  );
}
