import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { request } from '@/api/client';
import { useCan } from '@/app/me';
import { Link } from '@/app/router';
import { Section } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { Mark } from '@/components/Words';
import { count, middle, plural } from '@/lib/format';
import { everyWords, type Source, type SourceLogs } from './data';
import { againSources } from './Running';
import classes from './sources.module.css';

type Row = Source & { logs: SourceLogs };

/** The sources whose logs may be read, as they stand. */
export function useReading() {
  return useQuery({
    queryKey: ['/sources', 'reading'],
    queryFn: () => request<{ items: Source[] | null }>('GET', '/sources'),
    refetchInterval: (q) => (q.state.data?.data.items?.some((s) => s.logs?.state === 'reading') ? 1500 : 15_000),
  });
}

/** The logs that the server reads by itself: when, whether that goes well, and what it brought. */
export function Reading() {
  const { data, refetch } = useReading();
  const rows = (data?.data.items ?? []).filter((s): s is Row => s.logs !== undefined);
  if (rows.length === 0) return null;
  return (
    <Section title="Read by the server" aside={plural(rows.length, ['source', 'sources'])}>
      <Simple
        label="Read by the server"
        rows={rows}
        id={(s) => s.id}
        columns={[
          {
            name: 'source',
            head: 'Source',
            cell: (s) => (
              <>
                <Link to={`/sources/${encodeURIComponent(s.name)}`}>{s.name}</Link>
                <br />
                <span className="muted" title={s.logs.target}>
                  {middle(s.logs.target, 40)}
                </span>
              </>
            ),
          },
          { name: 'state', head: 'State', cell: (s) => <Standing of={s.logs} /> },
          {
            name: 'read',
            head: 'Last read',
            cell: (s) => (
              <>
                <Time at={s.logs.lastRead} none="never" />
                <br />
                <span className="muted">{s.logs.total.new > 0 ? `${count(s.logs.total.new)} events in all` : 'nothing yet'}</span>
              </>
            ),
          },
          { name: 'new', head: 'Last new', wide: true, cell: (s) => <Time at={s.logs.lastNew} none="never" /> },
          {
            name: 'next',
            head: 'Next',
            wide: true,
            cell: (s) =>
              s.logs.state === 'paused' ? (
                <span className="muted">when it goes on</span>
              ) : s.logs.state === 'reading' ? (
                <span className="muted">now</span>
              ) : (
                <>
                  <Time at={s.logs.next} none="soon" />
                  <br />
                  <span className="muted">{everyWords(s.logs.interval)}</span>
                </>
              ),
          },
          { name: 'do', head: 'Do', cell: (s) => <Actions of={s} again={() => void refetch()} /> },
        ]}
      />
    </Section>
  );
}

function Standing({ of: l }: { of: SourceLogs }) {
  switch (l.state) {
    case 'paused':
      return (
        <>
          <Mark tone="unknown" sign="hatched">
            paused
          </Mark>
          {l.pausedBy && <span className="muted"> by {l.pausedBy}</span>}
        </>
      );
    case 'failing':
      return (
        <>
          <Mark tone="high" sign="triangle">
            failing, {plural(l.failures ?? 1, ['time', 'times'])}
          </Mark>
          <br />
          <span className="muted">{l.error}</span>
        </>
      );
    case 'reading':
      return (
        <Mark tone="good" sign="check">
          being read
        </Mark>
      );
  }
  return (
    <>
      <Mark tone="good" sign="check">
        up to date
      </Mark>
      {l.last.faults > 0 && (
        <>
          <br />
          <span className="muted">{plural(l.last.faults, ['record', 'records'])} could not be read</span>
        </>
      )}
    </>
  );
}

function Actions({ of: s, again }: { of: Row; again: () => void }) {
  const can = useCan();
  const toasts = useToasts();
  const paused = s.logs.state === 'paused';
  async function act(what: 'read' | 'pause' | 'resume', doing: string) {
    try {
      await request('POST', `/sources/${encodeURIComponent(s.name)}/logs/${what}`, { idempotent: true });
      await againSources();
      again();
    } catch (error) {
      toasts.fail(doing, error);
    }
  }
  return (
    <span className={classes.do}>
      {can('scans.run') && !paused && (
        <Button size="compact-sm" variant="default" aria-label={`Read the logs of ${s.name} now`} onClick={() => void act('read', `Reading the logs of ${s.name}`)}>
          Read now
        </Button>
      )}
      {can('sources.manage') && (
        <Button
          size="compact-sm"
          variant="default"
          aria-label={`${paused ? 'Go on' : 'Pause'} reading the logs of ${s.name}`}
          onClick={() => void act(paused ? 'resume' : 'pause', paused ? 'Going on' : 'Pausing')}
        >
          {paused ? 'Go on' : 'Pause'}
        </Button>
      )}
    </span>
  );
}
