import { Tooltip } from '@mantine/core';
import { useEffect, useState } from 'react';
import { ago, exact, toDate, type When } from '@/lib/format';
import { Unknown } from './Words';

/** "3 days ago", with the exact time and zone on hover and focus. */
export function Time({ at, none = 'not known' }: { at: When; none?: string }) {
  const d = toDate(at);
  const [, tick] = useState(0);
  const recent = d !== undefined && Math.abs(Date.now() - d.getTime()) < 3_600_000;
  useEffect(() => {
    if (!recent) return;
    const timer = setInterval(() => tick((n) => n + 1), 30_000);
    return () => clearInterval(timer);
  }, [recent]);
  if (!d) return <Unknown>{none}</Unknown>;
  return (
    <Tooltip label={exact(d)}>
      <time dateTime={d.toISOString()} style={{ whiteSpace: 'nowrap' }}>
        {ago(d)}
      </time>
    </Tooltip>
  );
}
