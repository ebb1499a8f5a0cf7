import { Button } from '@mantine/core';
import { useGet } from '@/api/query';
import { useCan } from '@/app/me';
import { Link, useGo } from '@/app/router';
import { Page } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed, Notice } from '@/components/States';
import { Time } from '@/components/Time';
import { Mark, State, Unknown } from '@/components/Words';
import { plural } from '@/lib/format';
import { Completeness } from './Completeness';
import { everyWords, type Source } from './data';
import { SourceTabs } from './Tabs';

/** The sources: what is read, how completely, and what stands in the way. */
export default function SourcesPage() {
  const can = useCan();
  const go = useGo();
  const { data, error, refetch } = useGet<{ items: Source[] | null }>('/sources', {}, {
    refetchInterval: (q) => (q.state.data?.items?.some((s) => s.scan) ? 2000 : 30_000),
  });
  const all = data?.items ?? [];
  const lacking = all.filter((s) => s.missing?.length);
  const bad = all.filter((s) => ['failed', 'crashed', 'partial', 'refused'].includes(s.state));
  const add = can('sources.manage') && <Button onClick={() => go('/sources/new')}>Add source</Button>;
  return (
    <Page title="Sources" lead="The systems that are read. Only what was read completely can be said to be gone." actions={add}>
      <SourceTabs at="/sources" />
      {error ? (
        <Failed what="The sources" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Block height={360} />
      ) : (
        <>
          {bad.length > 0 && (
            <Notice tone="critical">
              {plural(bad.length, ['source was', 'sources were'])} not read completely the last time: {bad.map((s) => s.name).join(', ')}. Nothing is declared
              gone because of it.
            </Notice>
          )}
          {lacking.length > 0 && (
            <Notice>
              {plural(lacking.length, ['source lacks', 'sources lack'])} privileges, so that something there is not seen: {lacking.map((s) => s.name).join(', ')}.
            </Notice>
          )}
          <Simple
            label="Sources"
            rows={all}
            id={(s) => s.id || s.name}
            empty={
              <Empty title="Nothing is read yet" action={add}>
                <p>
                  Add a cloud account, cluster, forge or directory here, or run <code className="mono">retinue scan</code> where the system can be reached.
                </p>
              </Empty>
            }
            columns={[
              {
                name: 'name',
                head: 'Source',
                cell: (s) => (
                  <>
                    <Link to={`/sources/${encodeURIComponent(s.name)}`}>{s.name}</Link>
                    <br />
                    <span className="muted">
                      {s.kind}
                      {s.realmName ? ` · ${s.realmName}` : ''}
                    </span>
                  </>
                ),
              },
              {
                name: 'state',
                head: 'Last run',
                cell: (s) =>
                  s.scan ? (
                    <Mark tone="low" sign="dashed">
                      {s.scan.state === 'waiting' ? 'waiting' : 'scanning'}
                    </Mark>
                  ) : s.state === 'never_scanned' ? (
                    <Unknown>never scanned</Unknown>
                  ) : (
                    <State value={s.state} />
                  ),
              },
              { name: 'complete', head: 'Complete', wide: true, cell: (s) => <Completeness of={s.completeness} /> },
              {
                name: 'missing',
                head: 'Not seen',
                wide: true,
                cell: (s) => {
                  const words = [
                    s.missing?.length && plural(s.missing.length, ['privilege missing', 'privileges missing']),
                    s.problems?.length && plural(s.problems.length, ['problem', 'problems']),
                    s.blindSpots?.length && plural(s.blindSpots.length, ['blind spot', 'blind spots']),
                  ].filter(Boolean);
                  return words.length ? words.join(', ') : <span className="muted">–</span>;
                },
              },
              { name: 'last', head: 'Scanned', cell: (s) => <Time at={s.last?.finishedAt ?? s.last?.startedAt} none="never" /> },
              {
                name: 'next',
                head: 'Next',
                wide: true,
                cell: (s) => (s.paused ? <span className="muted">paused</span> : s.next ? <Time at={s.next} /> : <span className="muted">{everyWords(s.interval)}</span>),
              },
            ]}
          />
        </>
      )}
    </Page>
  );
}
