import { useSearch } from 'wouter';
import { Page } from '@/components/Page';
import { List, titleWords, useListState } from '@/list';
import { identities } from './spec';

/** Every identity that the caller may see. */
export default function Identities() {
  useSearch();
  const { state } = useListState(identities);
  const filtered = titleWords(identities, state);
  return (
    <Page title="Identities" tab={filtered}>
      <List spec={identities} />
    </Page>
  );
}
