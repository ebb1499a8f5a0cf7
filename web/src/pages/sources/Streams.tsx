import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { request } from '@/api/client';
import type { EventStream } from '@/api/types';
import { useCan } from '@/app/me';
import { Section } from '@/components/Page';
import { Simple } from '@/components/Simple';
import { Time } from '@/components/Time';
import { useToasts } from '@/components/Toasts';
import { Mark } from '@/components/Words';
import { count, plural, sentence } from '@/lib/format';
import classes from './sources.module.css';

/** The streams of events that servers read: whether they are read, how far behind, and what went wrong. */
export function Streams({ first }: { first: EventStream[] }) {
  const { data, refetch } = useQuery({
    queryKey: ['/activity/streams'],
    queryFn: () => request<{ items: EventStream[] | null }>('GET', '/activity/streams'),
    refetchInterval: 10_000,
  });
  const rows = data?.data.items ?? first; // what the page read stands until they are asked for again
  if (rows.length === 0) return null;
  return (
    <Section title="Streams" aside="counts are of the server that answers, since it started">
      <Simple
        label="Streams"
        rows={rows}
        id={(s) => s.name}
        columns={[
          {
            name: 'name',
            head: 'Stream',
            cell: (s) => (
              <>
                {s.name}
                <br />
                <span className="muted">
                  {s.stream}, consumer {s.consumer}
                </span>
              </>
            ),
          },
          { name: 'state', head: 'State', cell: (s) => <Standing of={s} /> },
          {
            name: 'lag',
            head: 'Waiting',
            right: true,
            cell: (s) => (
              <>
                {count(s.lag)}
                <br />
                <span className="muted">{count(s.unacknowledged)} being counted</span>
              </>
            ),
          },
          { name: 'last', head: 'Newest message', wide: true, cell: (s) => <Time at={s.lastMessageAt} none="none yet" /> },
          { name: 'events', head: 'New events', right: true, wide: true, cell: (s) => count(s.new) },
          { name: 'faults', head: 'Trouble', wide: true, cell: (s) => <Trouble of={s} /> },
          { name: 'do', head: 'Do', cell: (s) => <Actions of={s} again={() => void refetch()} /> },
        ]}
      />
    </Section>
  );
}

function Standing({ of: s }: { of: EventStream }) {
  switch (s.state) {
    case 'paused':
      return (
        <>
          <Mark tone="unknown" sign="hatched">
            paused
          </Mark>
          {s.pausedBy && <span className="muted"> by {s.pausedBy}</span>}
        </>
      );
    case 'failing':
      return (
        <>
          <Mark tone="critical" sign="octagon">
            not read
          </Mark>
          <br />
          <span className="muted">{sentence(s.error ?? '')}</span>
        </>
      );
    case 'reading':
      return (
        <Mark tone="good" sign="check">
          read
        </Mark>
      );
  }
  return (
    <Mark tone="unknown" sign="hatched">
      not connected
    </Mark>
  );
}

function Trouble({ of: s }: { of: EventStream }) {
  const said = [
    s.faults > 0 && `${count(s.faults)} not readable`,
    s.dropped > 0 && `${count(s.dropped)} gone before they were read`,
    s.givenBack > 0 && `${count(s.givenBack)} given back`,
    s.redelivered > 0 && `${plural(s.redelivered, ['message', 'messages'])} delivered again`,
  ].filter((x): x is string => Boolean(x));
  if (said.length === 0) return <span className="muted">none</span>;
  return <span>{said.join(', ')}</span>;
}

function Actions({ of: s, again }: { of: EventStream; again: () => void }) {
  const can = useCan();
  const toasts = useToasts();
  const paused = s.state === 'paused';
  if (!can('sources.manage')) return null;
  async function act() {
    try {
      await request('POST', `/activity/streams/${encodeURIComponent(s.name)}/${paused ? 'resume' : 'pause'}`);
      again();
    } catch (error) {
      toasts.fail(paused ? 'Going on' : 'Pausing', error);
    }
  }
  return (
    <span className={classes.do}>
      <Button size="compact-sm" variant="default" aria-label={`${paused ? 'Go on' : 'Pause'} reading ${s.name}`} onClick={() => void act()}>
        {paused ? 'Go on' : 'Pause'}
      </Button>
    </span>
  );
}
