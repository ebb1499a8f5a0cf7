import { useGet } from '@/api/query';
import { useCan } from '@/app/me';
import type { Overview } from '@/pages/overview/data';

/** A figure beside an entry of the navigation. */
export interface Badge {
  count: number;
  /** Shown in place of the count, such as "9/10". */
  text?: string;
  title?: string;
  /** Something there waits for a decision. */
  wants?: boolean;
}

/** The figures of the navigation, from the overview that is kept anyway. */
export function useBadges(): Record<string, Badge> {
  const can = useCan();
  const overview = useGet<Overview>(can('inventory.read') ? '/overview' : undefined, {}, { staleTime: 60_000, keep: true });
  const d = overview.data;
  if (!d) return {};
  const sources = d.coverage ?? [];
  const whole = sources.filter((c) => c.state === 'complete' && c.incomplete === 0).length;
  const badges: Record<string, Badge> = {
    identities: { count: d.sentence.identities, title: 'Non-human identities' },
    findings: { count: d.sentence.criticalAndHigh, title: 'Open findings, critical and high', wants: d.sentence.criticalAndHigh > 0 },
    unowned: { count: d.sentence.withoutOwner, title: 'Identities without an owner' },
  };
  if (sources.length > 0)
    badges['sources'] = {
      count: whole,
      text: `${whole}/${sources.length}`,
      title: `${whole} of ${sources.length} sources are read completely`,
      wants: whole < sources.length,
    };
  return Object.fromEntries(Object.entries(badges).filter(([, b]) => b.count > 0 || b.text));
}
