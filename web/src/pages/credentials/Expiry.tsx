import { Time } from '@/components/Time';
import { Mark, Unknown } from '@/components/Words';
import { toDate } from '@/lib/format';

const week = 7 * 86_400_000;

/** When a credential ends: what ends within a week, or has ended, is marked. */
export function Expiry({ at, never }: { at?: string | undefined; never?: boolean | undefined }) {
  const end = toDate(at);
  if (!end) return <Unknown>{never ? 'never' : 'not known'}</Unknown>;
  const left = end.getTime() - Date.now();
  if (left < 0) {
    return (
      <Mark tone="medium" sign="ring">
        <Time at={end} />
      </Mark>
    );
  }
  if (left < week) {
    return (
      <Mark tone="high" sign="triangle">
        <Time at={end} />
      </Mark>
    );
  }
  return <Time at={end} />;
}
