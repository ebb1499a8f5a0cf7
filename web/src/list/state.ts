import { useCallback, useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import type { Filter, ListSpec } from './spec';

/** What the address says about a list. */
export interface ListState {
  filters: Record<string, string[]>;
  text: string;
  sort: string;
  cursor: string;
  count: 'exact' | '';
  columns: string[] | undefined;
}

const own = new Set(['sort', 'cursor', 'count', 'cols', 'as_of']);

/** The parameters of a filter: its id, or both ends of its time. */
export const parameters = (f: Filter): string[] => (f.ends ? [...f.ends] : [f.id]);

/** Reads and writes the state of a list in the address. Cursors of the pages before are kept in the history's state. */
export function useListState<Row>(spec: ListSpec<Row>) {
  const search = useSearch();
  const [path, navigate] = useLocation();

  const state = useMemo<ListState>(() => {
    const q = new URLSearchParams(search);
    const filters: Record<string, string[]> = {};
    for (const f of spec.filters)
      for (const name of parameters(f)) {
        const values = q.getAll(name).filter(Boolean);
        if (values.length > 0) filters[name] = values;
      }
    const cols = q.get('cols');
    return {
      filters,
      text: (spec.search && q.get(spec.search)) || '',
      sort: q.get('sort') || spec.sort,
      cursor: q.get('cursor') ?? '',
      count: q.get('count') === 'exact' ? 'exact' : '',
      columns: cols ? cols.split(',') : undefined,
    };
  }, [search, spec]);

  /** Changes parameters. A change of what is selected goes back to the first page. */
  const change = useCallback(
    (changes: Record<string, string | string[] | undefined>, options: { replace?: boolean; before?: string[] } = {}) => {
      const q = new URLSearchParams(window.location.search);
      if (!('cursor' in changes)) q.delete('cursor');
      for (const [name, value] of Object.entries(changes)) {
        q.delete(name);
        for (const v of Array.isArray(value) ? value : [value]) if (v) q.append(name, v);
      }
      const text = q.toString();
      navigate(`${path}${text ? `?${text}` : ''}`, { replace: options.replace ?? false, state: { before: options.before ?? [] } });
    },
    [navigate, path],
  );

  /** Shows exactly what a saved view says, on the date that is shown now. */
  const show = useCallback(
    (query: string) => {
      const q = new URLSearchParams(query);
      const asOf = new URLSearchParams(window.location.search).get('as_of');
      if (asOf) q.set('as_of', asOf);
      const text = q.toString();
      navigate(`${path}${text ? `?${text}` : ''}`);
    },
    [navigate, path],
  );

  const clear = useCallback(() => {
    const q = new URLSearchParams(window.location.search);
    for (const name of [...q.keys()]) if (!own.has(name)) q.delete(name);
    q.delete('cursor');
    const text = q.toString();
    navigate(`${path}${text ? `?${text}` : ''}`);
  }, [navigate, path]);

  return { state, change, show, clear };
}

/** The state as parameters for the server. */
export function serverQuery<Row>(spec: ListSpec<Row>, state: ListState): Record<string, string[] | string | undefined> {
  return {
    ...state.filters,
    ...(spec.search && state.text ? { [spec.search]: state.text } : {}),
    ...spec.always,
  };
}

/** The state as a view keeps it: without the page and the date. */
export function viewQuery(): string {
  const q = new URLSearchParams(window.location.search);
  for (const name of ['cursor', 'as_of', 'count']) q.delete(name);
  return q.toString();
}
