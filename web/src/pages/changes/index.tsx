import { Button } from '@mantine/core';
import { useState } from 'react';
import { useGet } from '@/api/query';
import type { Items } from '@/api/types';
import { useAsOf } from '@/app/asof';
import { Link } from '@/app/router';
import { Empty, Failed, Mark, Notice, Page, Rows, Time } from '@/components/index';
import { exact, middle, word } from '@/lib/format';
import { useListState } from '@/list';
import { Filters } from '@/list/Filters';
import { Diff } from '../identities/History';
import classes from './changes.module.css';
import { fieldsOf, grouped, type Change } from './group';
import { changes } from './spec';

/** What sources began, changed and stopped to state, the newest first. */
export default function Changes() {
  const { state, change, clear } = useListState(changes);
  const { asOf } = useAsOf();
  const sources = useGet<Items<{ name: string }>>('/sources', {}, { staleTime: 300_000, retry: false });
  const known = { sources: (sources.data?.items ?? []).map((s) => ({ value: s.name, label: s.name })) };
  const q = useGet<Items<Change>>('/changes', { ...state.filters, cursor: state.cursor, limit: 200 }, { keep: true });
  const rows = q.data?.items ?? [];
  const filtered = Object.keys(state.filters).length > 0;
  return (
    <Page title="Changes" lead="What sources began, changed and stopped to state, by when it was recorded.">
      {asOf && <Notice tone="unknown">Changes are told by their own dates, whichever date is chosen.</Notice>}
      <div className={classes.tools}>
        <Filters filters={changes.filters} state={state} known={known} change={change} clear={clear} />
      </div>
      {!q.data ? (
        q.error ? (
          <Failed what="The changes" error={q.error} retry={() => void q.refetch()} />
        ) : (
          <Rows count={14} height={37} />
        )
      ) : rows.length === 0 ? (
        <Empty
          title={filtered ? 'No change matches.' : 'Nothing has changed yet.'}
          action={
            filtered && (
              <Button variant="default" onClick={clear}>
                Clear the filters
              </Button>
            )
          }
        >
          {filtered ? 'Nothing has all of what the filters ask for.' : 'Changes appear from the second scan of a source on.'}
        </Empty>
      ) : (
        <div data-stale={q.isPlaceholderData || undefined} className={classes.days}>
          {grouped(rows).map((day) => (
            <section key={day.day}>
              <h2>{day.words}</h2>
              <ul className={classes.groups}>
                {day.groups.map((g) => (
                  <Group key={g.key} changes={g.changes} />
                ))}
              </ul>
            </section>
          ))}
        </div>
      )}
      {q.data && (q.data.next || state.cursor) && (
        <nav className={classes.pager} aria-label="Pages of the changes">
          <Button variant="default" disabled={!state.cursor} onClick={() => change({})}>
            The newest
          </Button>
          <Button variant="default" disabled={!q.data.next} onClick={() => change({ cursor: q.data.next })}>
            Earlier
          </Button>
        </nav>
      )}
    </Page>
  );
}

const marks = {
  added: { tone: 'good', sign: 'full', words: 'new' },
  changed: { tone: 'low', sign: 'half', words: 'changed' },
  ended: { tone: 'unknown', sign: 'cross', words: 'gone' },
} as const;

const pages: Record<string, string> = { identity: '/identities/', credential: '/credentials/' };

/** Equal changes of one scan in one line, which opens. */
function Group({ changes: all }: { changes: Change[] }) {
  const [open, setOpen] = useState(false);
  const [shown, setShown] = useState(20);
  const first = all[0];
  if (!first) return null;
  const m = marks[first.change];
  const single = all.length === 1;
  return (
    <li>
      <div className={classes.group}>
        <Mark tone={m.tone} sign={m.sign}>
          {m.words}
        </Mark>
        <span className={classes.text}>
          {single ? (
            <Thing change={first} />
          ) : (
            <button type="button" className={classes.more} aria-expanded={open} onClick={() => setOpen((o) => !o)}>
              {all.length} {plurals(first.type)}
            </button>
          )}
        </span>
        <span className="muted">{first.source}</span>
        <span className={classes.time}>
          <Time at={first.recorded} />
        </span>
      </div>
      {single ? (
        <Details change={first} />
      ) : (
        open && (
          <ul className={classes.inside}>
            {all.slice(0, shown).map((c, i) => (
              <li key={i}>
                <Thing change={c} />
                <Details change={c} />
              </li>
            ))}
            {all.length > shown && (
              <li>
                <button type="button" className={classes.more} onClick={() => setShown((n) => n + 100)}>
                  and {all.length - shown} more
                </button>
              </li>
            )}
          </ul>
        )
      )}
    </li>
  );
}

const plurals = (type: string) =>
  (({ identity: 'identities', policy: 'policies', membership: 'memberships', person: 'people', owner_signal: 'signals of ownership' }) as Record<string, string>)[type] ?? `${word(type)}s`;

function Thing({ change: c }: { change: Change }) {
  const page = pages[c.type];
  const name = middle(c.name || c.ref.key, 90);
  return (
    <>
      {page && c.entity ? <Link to={`${page}${c.entity}`}>{name}</Link> : <span title={c.ref.key}>{name}</span>} <span className="muted">{word(c.type)}</span>
    </>
  );
}

function Details({ change: c }: { change: Change }) {
  if (c.change !== 'changed') return null;
  const fields = fieldsOf(c.before, c.after);
  if (fields.length === 0) return null;
  return (
    <details className={classes.details}>
      <summary title={exact(c.at)}>
        {fields
          .map((f) => f.field)
          .slice(0, 4)
          .join(', ')}
        {fields.length > 4 && ` and ${fields.length - 4} more`}
      </summary>
      <Diff fields={fields} />
    </details>
  );
}
