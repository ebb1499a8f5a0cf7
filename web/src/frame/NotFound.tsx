import { Link } from '@/app/router';
import { modKey } from './modkey';
import { Page } from '@/components/Page';
import { Empty } from '@/components/States';

export function NotFound() {
  return (
    <Page title="No such page">
      <Empty title="There is nothing at this address, or you may not see it.">
        <p>
          Go to the <Link to="/">overview</Link>, or press <kbd>{modKey}K</kbd> to look for something.
        </p>
      </Empty>
    </Page>
  );
}
