import { useMutation, useQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { get, request } from '@/api/client';
import { queries } from '@/api/query';

/** How somebody likes a list. */
export interface ListPreference {
  columns?: string[];
  density?: 'compact' | 'roomy';
}

interface Preferences {
  preferences: Record<string, unknown>;
}

const key = ['/preferences'];

/** What is kept for the person who is signed in. It follows them to other machines. */
export function usePreferences() {
  const kept = useQuery<Preferences>({
    queryKey: key,
    queryFn: ({ signal }) => get<Preferences>('/preferences', {}, signal),
    staleTime: Infinity,
    retry: false,
  });
  const write = useMutation({
    mutationFn: (next: Preferences) => request('PUT', '/preferences', { body: next }),
    onMutate: (next) => queries.setQueryData(key, next),
  });
  const { mutate } = write;
  const set = useCallback(
    (name: string, value: unknown) => mutate({ preferences: { ...queries.getQueryData<Preferences>(key)?.preferences, [name]: value } }),
    [mutate],
  );
  return { values: kept.data?.preferences, set };
}

export function useListPreference(list: string) {
  const { values, set } = usePreferences();
  const name = `list.${list}`;
  const preference = useMemo(() => (values?.[name] as ListPreference | undefined) ?? {}, [values, name]);
  const change = useCallback((next: Partial<ListPreference>) => set(name, { ...preference, ...next }), [set, name, preference]);
  return { preference, change };
}
