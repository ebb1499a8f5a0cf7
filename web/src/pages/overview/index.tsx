import { useEffect } from 'react';
import { request } from '@/api/client';
import { useGet } from '@/api/query';
import { useAsOf } from '@/app/asof';
import { Link } from '@/app/router';
import { Block, Empty, Failed, Notice, Page, Rows, Section } from '@/components/index';
import { Changed } from './Changed';
import { CoverageTable } from './CoverageTable';
import type { Overview } from './data';
import { Fixes } from './Fixes';
import { Kinds } from './Kinds';
import { Metrics, Unmeasured } from './Metrics';
import classes from './overview.module.css';
import { SentenceLine } from './SentenceLine';

/** The whole in figures, what to do next, what changed, and how well it is known. */
export default function OverviewPage() {
  const { asOf } = useAsOf();
  const q = useGet<Overview>('/overview', {}, { staleTime: 60_000, keep: true });
  const d = q.data;
  const loaded = d !== undefined;

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
  if (d && d.sentence.identities === 0 && (d.coverage ?? []).length === 0)
    return (
      <Page title="Overview">
        <Empty title="Nothing has been scanned yet.">
          <p>
            Add a <Link to="/sources">source</Link> to see who can act in it, or scan this machine from a terminal:{' '}
            <code className="mono">retinue scan host</code>.
          </p>
        </Empty>
      </Page>
    );
  const metrics = d?.metrics ?? [];
  const logs = metrics.filter((m) => m.needs === 'log');
  return (
    <Page title="Overview" lead={d ? <SentenceLine sentence={d.sentence} /> : <Block height={20} width="70%" />}>
      {asOf && <Notice tone="unknown">The overview tells about now. Lists and identities show the date that is chosen.</Notice>}
      {d ? <Metrics metrics={metrics.filter((m) => m.needs === 'discovery')} /> : <Block height={146} />}
      <div className={classes.two}>
        <div>
          <Section title="What to do next" aside={<Link to="/findings">all findings</Link>}>
            {d ? <Fixes fixes={d.fixes ?? []} /> : <Rows count={10} height={60} />}
          </Section>
        </div>
        <div>
          <Section title="What changed" aside={<Link to="/changes">all changes</Link>}>
            {d ? <Changed since={d.changed.since} items={d.changed.items ?? []} /> : <Rows count={6} height={36} />}
          </Section>
          <Section title="Kinds of identity" aside={<Link to="/identities">all identities</Link>}>
            {d ? <Kinds figures={d.figures} /> : <Rows count={5} />}
          </Section>
        </div>
      </div>
      <Section title="Coverage" aside={<Link to="/sources">sources</Link>}>
        {d ? <CoverageTable rows={d.coverage ?? []} /> : <Rows count={5} />}
      </Section>
      {logs.length > 0 && (
        <Section title="Connect a log to measure" aside="Discovery alone cannot know these.">
          <Unmeasured metrics={logs} />
        </Section>
      )}
    </Page>
  );
}
