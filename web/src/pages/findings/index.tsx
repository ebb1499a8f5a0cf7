import { Page } from '@/components/Page';
import { List, titleWords, useListState } from '@/list';
import { findings } from './spec';

/** Findings, what matters most first. */
export default function FindingsPage() {
  const { state } = useListState(findings);
  return (
    <Page title={titleWords(findings, state)} lead="What should not be so, ordered by what it puts at risk.">
      <List spec={findings} />
    </Page>
  );
}
