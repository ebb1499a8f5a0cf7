import { useState } from 'react';
import { Button } from '@mantine/core';
import { useGet } from '@/api/query';
import { Link } from '@/app/router';
import { Page } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Block } from '@/components/Skeletons';
import { Empty, Failed } from '@/components/States';
import { Time } from '@/components/Time';
import { State, Unknown } from '@/components/Words';
import { span, toDate } from '@/lib/format';
import type { Scan } from './data';
import { SourceTabs } from './Tabs';

export const reasons: Record<string, string> = {
  schedule: 'by schedule',
  demand: 'asked for',
  webhook: 'by a webhook',
  crash: 'again, after a crash',
};

/** What was scanned, the newest first. */
export default function ScansPage() {
  const [cursor, setCursor] = useState<string[]>([]);
  const { data, error, refetch } = useGet<{ items: Scan[] | null; next?: string }>(
    '/scans',
    { limit: 50, cursor: cursor.at(-1) },
    { refetchInterval: (q) => (q.state.data?.items?.some((s) => s.state === 'running' || s.state === 'waiting') ? 2000 : 30_000), keep: true },
  );
  return (
    <Page title="Scans" lead="Every scan that was asked for, and what became of it.">
      <SourceTabs at="/sources/scans" />
      {error ? (
        <Failed what="The scans" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Block height={360} />
      ) : (
        <>
          <ScanTable scans={data.items ?? []} />
          {(data.next || cursor.length > 0) && (
            <div style={{ display: 'flex', gap: 8, marginTop: 12 }}>
              <Button variant="default" disabled={cursor.length === 0} onClick={() => setCursor((c) => c.slice(0, -1))}>
                Newer
              </Button>
              <Button variant="default" disabled={!data.next} onClick={() => data.next && setCursor((c) => [...c, data.next ?? ''])}>
                Older
              </Button>
            </div>
          )}
        </>
      )}
    </Page>
  );
}

/** Scans as a table. */
export function ScanTable({ scans, of }: { scans: Scan[]; of?: string }) {
  return (
    <Simple
      label="Scans"
      rows={scans}
      id={(s) => s.id}
      empty={<Empty title="Nothing was scanned yet">A scan begins by schedule, on demand from a source's page, or by a webhook after a deployment.</Empty>}
      columns={[
        ...(of ? [] : [{ name: 'source', head: 'Source', cell: (s: Scan) => <Link to={`/sources/${encodeURIComponent(s.source)}`}>{s.source}</Link> }]),
        {
          name: 'state',
          head: 'State',
          cell: (s) => (
            <>
              <State value={s.state} />
              {s.error && (
                <>
                  <br />
                  <span className="muted">{s.error}</span>
                </>
              )}
            </>
          ),
        },
        { name: 'reason', head: 'Why', wide: true, cell: (s) => `${reasons[s.reason] ?? s.reason}${s.by ? `, ${s.by}` : ''}` },
        { name: 'at', head: 'Begun', cell: (s) => <Time at={s.startedAt} none="not yet" /> },
        {
          name: 'took',
          head: 'Took',
          wide: true,
          cell: (s) => {
            const a = toDate(s.startedAt);
            const b = toDate(s.finishedAt);
            if (!a || !b) return <Unknown>–</Unknown>;
            const ms = b.getTime() - a.getTime();
            return ms < 60_000 ? `${Math.max(1, Math.round(ms / 1000))} s` : span(ms);
          },
        },
      ]}
    />
  );
}
