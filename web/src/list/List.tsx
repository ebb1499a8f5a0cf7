import { ActionIcon, Button, Menu } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { keepPreviousData } from '@tanstack/react-query';
import { IconArrowsSort, IconX } from '@tabler/icons-react';
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { useHistoryState } from 'wouter/use-browser-location';
import { get } from '@/api/client';
import { Problem } from '@/api/problem';
import { queries } from '@/api/query';
import { useAsOf } from '@/app/asof';
import { useKeys } from '@/app/keys';
import { useCan } from '@/app/me';
import { useGo } from '@/app/router';
import { Empty, Failed } from '@/components/States';
import { count, plural, total } from '@/lib/format';
import { Cards } from './Cards';
import { Columns } from './Columns';
import { Exports } from './Exports';
import { Filters, SearchBox } from './Filters';
import classes from './List.module.css';
import { useListPreference } from './preferences';
import type { BulkAction, Choice, ListAnswer, ListSpec, Selection } from './spec';
import { serverQuery, useListState } from './state';
import { Table } from './Table';
import { Views } from './Views';

interface Props<Row extends object> {
  spec: ListSpec<Row>;
  /** Values that filters may have, by their names: sources, owners, kinds. */
  known?: Record<string, Choice[]>;
  /** What stands above the rows: what is missing and since when. */
  above?: ReactNode;
  /** Is told when a row is opened, for lists whose rows have no page. */
  onOpen?: (row: Row) => void;
}

const nothing: Record<string, Choice[]> = {};

/** Whether an order is one that the server has for now only. */
function isSortedNow<Row>(spec: ListSpec<Row>, sort: string): boolean {
  return spec.columns.some((c) => c.sortedNow && c.sort === sort.replace('-', ''));
}

/** The list as it is offered on a past date. */
function specThen<Row>(spec: ListSpec<Row>): ListSpec<Row> {
  return { ...spec, columns: spec.columns.map((c) => (c.sortedNow ? { ...c, sort: undefined } : c)) };
}

/**
 * A list of the server: filters, sort, columns and page stand in the address,
 * rows are chosen for bulk actions, and everything works from the keyboard.
 */
export function List<Row extends object>({ spec: list, known = nothing, above, onOpen }: Props<Row>) {
  const { asOf } = useAsOf();
  const spec = useMemo(() => (asOf ? specThen(list) : list), [asOf, list]);
  const { state: asked, change, show, clear } = useListState(spec);
  const state = useMemo(() => (asOf && isSortedNow(list, asked.sort) ? { ...asked, sort: list.sort } : asked), [asOf, asked, list]);
  const go = useGo();
  const can = useCan();
  const narrow = useMediaQuery('(max-width: 760px)') ?? false;
  const { preference, change: prefer } = useListPreference(spec.id);
  const before = (useHistoryState() as { before?: string[] } | null)?.before ?? [];

  const query = serverQuery(spec, state);
  const params = {
    ...query,
    limit: String(spec.limit ?? 50),
    ...(state.sort !== spec.sort ? { sort: state.sort } : { sort: spec.sort }),
    cursor: state.cursor,
    count: state.count,
  };
  const answer = useQuery<ListAnswer<Row>>({
    queryKey: [spec.path, params, asOf],
    queryFn: ({ signal }) => get<ListAnswer<Row>>(spec.path, params, signal),
    placeholderData: keepPreviousData,
  });
  const rows = useMemo(() => (answer.data ? (answer.data.items ?? []) : undefined), [answer.data]);
  const next = answer.data?.next;

  const usual = useMemo(() => spec.columns.filter((c) => !c.hidden).map((c) => c.id), [spec]);
  const shown = useMemo(() => {
    const wanted = state.columns ?? preference.columns ?? usual;
    const there = wanted.filter((id) => spec.columns.some((c) => c.id === id));
    const fixed = spec.columns.filter((c) => c.fixed && !there.includes(c.id)).map((c) => c.id);
    return [...fixed, ...there];
  }, [state.columns, preference.columns, usual, spec]);
  const density = preference.density ?? 'compact';

  const choose = useChoice(rows, spec);
  const actions = (asOf ? [] : (spec.bulk ?? [])).filter((b) => !b.permission || can(b.permission));
  const choosable = actions.length > 0;
  const [sheet, setSheet] = useState<BulkAction<Row> | undefined>();
  const [at, setAt] = useState(-1);
  const box = useRef<HTMLDivElement>(null);
  const search = useRef<HTMLInputElement>(null);

  // Another selection of rows begins anew.
  const selectedBy = JSON.stringify([query, state.sort, state.cursor, asOf]);
  useEffect(() => setAt(-1), [selectedBy]);
  const forget = choose.clear;
  const filteredBy = JSON.stringify([query, asOf]);
  useEffect(() => forget(), [filteredBy, forget]);

  const open = useCallback(
    (row: Row) => {
      if (onOpen) onOpen(row);
      else if (spec.rowTo) go(spec.rowTo(row));
    },
    [onOpen, spec, go],
  );

  const page = {
    next: next ? () => change({ cursor: next }, { before: [...before, state.cursor] }) : undefined,
    back: state.cursor ? () => change({ cursor: before.at(-1) ?? '' }, { before: before.slice(0, -1) }) : undefined,
  };

  const focusRow = (i: number) => {
    if (!rows || rows.length === 0) return;
    if (i >= rows.length) return page.next?.();
    const to = Math.max(0, i);
    setAt(to);
    const element = box.current?.querySelector<HTMLElement>(`[data-row="${to}"]`);
    element?.focus({ preventScroll: true });
    element?.scrollIntoView({ block: 'nearest' });
  };
  const current = rows?.[at];

  useKeys(`The list of ${spec.noun[1]}`, [
    { keys: '/', does: 'Search in the list', run: () => search.current?.focus() },
    { keys: 'j', does: 'The next row', run: () => focusRow(at + 1) },
    { keys: 'k', does: 'The row before', run: () => focusRow(at - 1) },
    {
      keys: 'enter',
      does: 'Open the row',
      run: (event) => {
        if (current && !(event.target as HTMLElement).closest('a,button')) open(current);
        else (event.target as HTMLElement).closest<HTMLElement>('a,button')?.click();
      },
    },
    ...(choosable
      ? [
          { keys: 'x', does: 'Choose the row', run: () => current && choose.one(spec.rowId(current), !choose.ids.has(spec.rowId(current)), false) },
          { keys: 'X', does: 'Choose up to the row', run: () => current && choose.one(spec.rowId(current), true, true) },
        ]
      : []),
    ...(page.next ? [{ keys: 'n', does: 'The next page', run: page.next }] : []),
    ...(page.back ? [{ keys: 'p', does: 'The page before', run: page.back }] : []),
    ...actions
      .filter((b) => b.key)
      .map((b) => ({ keys: b.key ?? '', does: b.label, run: () => choose.count > 0 && setSheet(b) })),
  ]);

  const filtered = Object.keys(state.filters).length > 0 || state.text !== '';
  const selection: Selection = choose.everything
    ? { all: Object.fromEntries(Object.entries(query).flatMap(([k, v]) => (v === undefined ? [] : [[k, Array.isArray(v) ? v : [v]]]))), count: answer.data?.total ?? 0 }
    : { ids: [...choose.ids], count: choose.ids.size };

  return (
    <div ref={box} className={classes.list}>
      <div className={classes.tools}>
        {spec.search && (
          <SearchBox
            label={`Search ${spec.noun[1]} by name or key`}
            inputRef={search}
            value={state.text}
            onChange={(text) => change({ [spec.search ?? 'text']: text || undefined }, { replace: true })}
          />
        )}
        <Filters
          filters={spec.filters}
          state={state}
          known={known}
          facets={spec.facets ? { path: spec.facets, query } : undefined}
          change={change}
          clear={clear}
        />
        <div className={classes.right}>
          {narrow && <SortMenu spec={spec} sort={state.sort} onSort={(sort) => change({ sort })} />}
          <Views list={spec.id} offered={spec.views ?? []} show={show} />
          {!narrow && (
            <Columns
              all={spec.columns}
              shown={shown}
              density={density}
              setDensity={(d) => prefer({ density: d })}
              setShown={(ids) => {
                prefer(ids ? { columns: ids } : { columns: usual });
                change({ cols: ids && ids.join() !== usual.join() ? ids.join(',') : undefined }, { replace: true });
              }}
            />
          )}
          {spec.exports && (
            <Exports
              path={spec.exports.path}
              formats={spec.exports.formats}
              query={{ ...query, sort: state.sort }}
              noun={spec.noun}
              {...(answer.data && { total: { n: answer.data.total, isMore: answer.data.totalIsMore } })}
            />
          )}
        </div>
      </div>
      {above}
      {choose.count > 0 ? (
        <div className={classes.bulk} role="region" aria-label="What to do with the chosen rows">
          <strong>{plural(choose.everything ? (answer.data?.total ?? 0) : choose.ids.size, spec.noun, choose.everything && answer.data?.totalIsMore)}</strong>
          <span className="muted">chosen</span>
          {!choose.everything && choose.wholePage && next && (
            <button type="button" className={classes.inline} onClick={choose.all}>
              Choose all {answer.data ? total(answer.data.total, answer.data.totalIsMore) : ''} that match
            </button>
          )}
          <span className={classes.bulkActions}>
            {actions
              .filter((b) => !(b.namedOnly && choose.everything))
              .map((b) => (
                <Button key={b.id} variant="default" onClick={() => setSheet(b)}>
                  {b.label}
                </Button>
              ))}
          </span>
          <ActionIcon aria-label="Choose none" onClick={choose.clear}>
            <IconX size={15} />
          </ActionIcon>
        </div>
      ) : (
        <div className={classes.count} aria-live="polite">
          {answer.data ? (
            <>
              {plural(answer.data.total, spec.noun, answer.data.totalIsMore)}
              {answer.data.totalIsMore && (
                <>
                  {' · '}
                  <button type="button" className={classes.inline} onClick={() => change({ count: 'exact', cursor: state.cursor }, { replace: true, before })}>
                    count all
                  </button>
                </>
              )}
              {answer.isFetching && answer.isPlaceholderData && <span className="muted"> · reading</span>}
            </>
          ) : answer.error ? (
            ''
          ) : (
            'Counting'
          )}
        </div>
      )}
      {answer.error && !answer.data ? (
        Problem.of(answer.error).type.endsWith(':cursor') ? (
          <Empty
            title="This page of the list no longer exists."
            action={<Button onClick={() => change({})}>Go to the first page</Button>}
          >
            The list was asked differently when it was made.
          </Empty>
        ) : (
          <Failed what={`The list of ${spec.noun[1]}`} error={answer.error} retry={() => void answer.refetch()} />
        )
      ) : rows?.length === 0 ? (
        filtered ? (
          <Empty
            title={`No ${spec.noun[0]} matches.`}
            action={
              <Button variant="default" onClick={clear}>
                Clear the filters
              </Button>
            }
          >
            {asOf ? 'On the date that is shown, ' : ''}
            {asOf ? 'nothing' : 'Nothing'} has all of what the filters ask for.
          </Empty>
        ) : (
          <Empty title={spec.empty.title} action={spec.empty.action}>
            {spec.empty.body}
          </Empty>
        )
      ) : narrow ? (
        <Cards
          spec={spec}
          rows={rows}
          shown={shown}
          choosable={choosable}
          chosen={choose.everything ? new Set(rows?.map(spec.rowId)) : choose.ids}
          stale={answer.isPlaceholderData}
          onChoose={choose.one}
        />
      ) : (
        <Table
          spec={spec}
          rows={rows}
          shown={shown}
          sort={state.sort}
          density={density}
          at={at}
          choosable={choosable}
          chosen={choose.everything ? new Set(rows?.map(spec.rowId)) : choose.ids}
          stale={answer.isPlaceholderData}
          onSort={(sort) => change({ sort: sort === spec.sort ? undefined : sort })}
          onChoose={choose.one}
          onChooseAll={choose.page}
          onAt={setAt}
          onOpen={open}
          skeletons={16}
        />
      )}
      {rows && rows.length > 0 && (next || state.cursor) && (
        <nav className={classes.pager} aria-label="Pages of the list">
          <Button variant="default" disabled={!page.back} onClick={page.back}>
            Back
          </Button>
          <Button variant="default" disabled={!page.next} onClick={page.next}>
            Next
          </Button>
          <span className="muted">
            {before.length > 0 || !state.cursor ? `page ${count(before.length + 1)}` : ''}
            {state.cursor !== '' && before.length > 1 && (
              <>
                {' · '}
                <button type="button" className={classes.inline} onClick={() => change({})}>
                  first page
                </button>
              </>
            )}
          </span>
        </nav>
      )}
      {sheet?.sheet({
        selection,
        rows: (rows ?? []).filter((r) => choose.everything || choose.ids.has(spec.rowId(r))),
        close: () => setSheet(undefined),
        done: () => {
          setSheet(undefined);
          choose.clear();
          void queries.invalidateQueries();
        },
      })}
    </div>
  );
}

/** Which rows are chosen: by name, over several pages, or everything that matches. */
function useChoice<Row>(rows: Row[] | undefined, spec: ListSpec<Row>) {
  const [ids, setIds] = useState<Set<string>>(new Set());
  const [everything, setEverything] = useState(false);
  const last = useRef<string | undefined>(undefined);
  const here = useMemo(() => (rows ?? []).map(spec.rowId), [rows, spec]);

  const one = useCallback(
    (id: string, on: boolean, range: boolean) => {
      setEverything(false);
      setIds((old) => {
        const next = new Set(old);
        const a = range && last.current ? here.indexOf(last.current) : -1;
        const b = here.indexOf(id);
        const changed = a >= 0 && b >= 0 ? here.slice(Math.min(a, b), Math.max(a, b) + 1) : [id];
        for (const c of changed) {
          if (on) next.add(c);
          else next.delete(c);
        }
        return next;
      });
      last.current = id;
    },
    [here],
  );
  const page = useCallback(
    (on: boolean) => {
      setEverything(false);
      setIds((old) => {
        const next = new Set(old);
        for (const id of here) {
          if (on) next.add(id);
          else next.delete(id);
        }
        return next;
      });
    },
    [here],
  );
  const clear = useCallback(() => {
    setIds((old) => (old.size === 0 ? old : new Set()));
    setEverything(false);
  }, []);
  const wholePage = here.length > 0 && here.every((id) => ids.has(id));
  return { ids, everything, one, page, clear, wholePage, count: everything ? 1 : ids.size, all: () => setEverything(true) };
}

function SortMenu<Row>({ spec, sort, onSort }: { spec: ListSpec<Row>; sort: string; onSort: (sort: string) => void }) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="subtle" color="gray" leftSection={<IconArrowsSort size={15} aria-hidden="true" />}>
          Sort
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {spec.columns.flatMap((c) =>
          c.sort
            ? [
                <Menu.Item
                  key={c.id}
                  fw={sort.replace('-', '') === c.sort ? 600 : undefined}
                  onClick={() => onSort(sort === `-${c.sort}` || (sort !== c.sort && !c.down) ? (c.sort ?? '') : `-${c.sort}`)}
                >
                  {c.header}
                  {sort === c.sort ? ', upwards' : sort === `-${c.sort}` ? ', downwards' : ''}
                </Menu.Item>,
              ]
            : [],
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
