import { SegmentedControl } from '@mantine/core';
import { useSearch } from 'wouter';
import { useGo } from '@/app/router';
import { Page } from '@/components/Page';
import { List } from '@/list';
import { CalendarView } from './CalendarView';
import { credentials } from './spec';

/** Credentials as a list, or by the day on which they end. */
export default function CredentialsPage() {
  const params = new URLSearchParams(useSearch());
  const go = useGo();
  const calendar = params.get('view') === 'calendar';
  return (
    <Page
      title={calendar ? 'Expiry calendar' : 'Credentials'}
      lead={calendar ? undefined : 'What identities act with: keys, tokens, passwords, certificates. Values are never kept.'}
      actions={
        <SegmentedControl
          size="xs"
          aria-label="How credentials are shown"
          value={calendar ? 'calendar' : 'list'}
          onChange={(value) => go(value === 'calendar' ? '/credentials?view=calendar' : '/credentials')}
          data={[
            { value: 'list', label: 'List' },
            { value: 'calendar', label: 'Expiry calendar' },
          ]}
        />
      }
    >
      {calendar ? <CalendarView /> : <List spec={credentials} />}
    </Page>
  );
}
