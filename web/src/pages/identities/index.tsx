import { useSearch } from 'wouter';
import { useGet } from '@/api/query';
import type { Items } from '@/api/types';
import { Page } from '@/components/Page';
import { List, titleWords, useListState, type Choice } from '@/list';
import { identities } from './spec';

/** Every identity that the caller may see. */
export default function Identities() {
  useSearch();
  const known = useKnown();
  const { state } = useListState(identities);
  const filtered = titleWords(identities, state, known);
  return (
    <Page title="Identities" tab={filtered}>
      <List spec={identities} known={known} />
    </Page>
  );
}

/** The sources and owners that filters offer. */
function useKnown(): Record<string, Choice[]> {
  const sources = useGet<Items<{ id: string; name: string }>>('/sources', {}, { staleTime: 300_000, retry: false });
  const owners = useGet<Items<{ id?: string; name: string }>>('/owners', {}, { staleTime: 300_000, retry: false });
  return {
    sources: (sources.data?.items ?? []).map((s) => ({ value: s.name, label: s.name })),
    owners: (owners.data?.items ?? []).map((o) => ({ value: o.name, label: o.name })),
  };
}
