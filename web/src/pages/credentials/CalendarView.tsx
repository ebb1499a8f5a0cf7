import { ActionIcon, Button } from '@mantine/core';
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react';
import { useMemo } from 'react';
import { useSearchParams } from 'wouter';
import { useGet } from '@/api/query';
import { List } from '@/list';
import { Failed } from '@/components/States';
import { Block } from '@/components/Skeletons';
import { plural } from '@/lib/format';
import { Calendar } from './Calendar';
import classes from './Calendar.module.css';
import { addDays, addMonths, dayOf, isMonth, monthOf, type Month } from './month';
import { credentials } from './spec';

interface Answer {
  items: { day: string; n: number }[] | null;
}

/** The days of a month with how many credentials end on each, and those of the chosen day. */
export function CalendarView() {
  const [params, setParams] = useSearchParams();
  const today = dayOf(Date.now());
  const wanted = params.get('month');
  const month = isMonth(wanted) ? wanted : monthOf(today);
  const day = params.get('day') ?? undefined;
  const from = addDays(`${month}-01`, -7);
  const to = addDays(`${addMonths(month, 1)}-01`, 7);
  const { data, error, refetch } = useGet<Answer>(
    '/credentials/calendar',
    { from: `${from}T00:00:00Z`, to: `${to}T00:00:00Z` },
    { keep: true },
  );
  const counts = useMemo(() => Object.fromEntries((data?.items ?? []).map((d) => [d.day, d.n])), [data]);
  const inMonth = Object.entries(counts)
    .filter(([d]) => monthOf(d) === month)
    .reduce((sum, [, n]) => sum + n, 0);

  function show(next: { month?: Month; day?: string | undefined }) {
    setParams((old) => {
      const q = new URLSearchParams(old);
      q.delete('cursor');
      if (next.month) q.set('month', next.month);
      if ('day' in next) {
        if (next.day) q.set('day', next.day);
        else q.delete('day');
      }
      return q;
    });
  }

  const spec = useMemo(
    () => ({
      ...credentials,
      id: 'credentials-of-a-day',
      filters: [],
      views: [],
      sort: 'expires',
      always: { expires_from: `${day ?? today}T00:00:00Z`, expires_to: `${addDays(day ?? today, 1)}T00:00:00Z` },
      empty: { title: 'None ends on this day', body: 'Choose a day that shows a number.' },
    }),
    [day, today],
  );

  if (error) return <Failed what="The calendar" error={error} retry={() => void refetch()} />;
  return (
    <>
      <div className={classes.bar2}>
        <ActionIcon aria-label="The month before" onClick={() => show({ month: addMonths(month, -1), day: undefined })}>
          <IconChevronLeft size={16} />
        </ActionIcon>
        <h2 aria-live="polite">{monthWords(month)}</h2>
        <ActionIcon aria-label="The next month" onClick={() => show({ month: addMonths(month, 1), day: undefined })}>
          <IconChevronRight size={16} />
        </ActionIcon>
        {month !== monthOf(today) && (
          <Button variant="default" size="compact-xs" onClick={() => show({ month: monthOf(today), day: undefined })}>
            This month
          </Button>
        )}
        <span className="muted">{data && `${plural(inMonth, ['credential ends', 'credentials end'])} in it. Days are in UTC.`}</span>
      </div>
      {data ? (
        <Calendar
          month={month}
          counts={counts}
          {...(day && { selected: day })}
          onSelect={(d) => show({ month: monthOf(d), day: d })}
          onMonth={(m) => show({ month: m })}
        />
      ) : (
        <Block height={380} />
      )}
      {day && (
        <section aria-labelledby="day" style={{ marginTop: 28 }}>
          <h2 id="day" className={classes.dayTitle}>
            {new Date(`${day}T00:00:00Z`).toLocaleDateString(undefined, { dateStyle: 'full', timeZone: 'UTC' })}
          </h2>
          <List spec={spec} />
        </section>
      )}
    </>
  );
}

const monthWords = (month: Month) =>
  new Date(`${month}-01T00:00:00Z`).toLocaleDateString(undefined, { month: 'long', year: 'numeric', timeZone: 'UTC' });
