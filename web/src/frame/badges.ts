import { useGet } from '@/api/query';

/** A figure beside an entry of the navigation. */
export interface Badge {
  count: number;
  /** Shown in place of the count, such as "9/10". */
  text?: string;
  title?: string;
  /** Something there waits for a decision. */
  wants?: boolean;
}

interface OverviewFigures {
  identities?: number;
  openFindings?: number;
  attention?: Record<string, number>;
}

/** The figures of the navigation, from the overview that is kept anyway. */
export function useBadges(): Record<string, Badge> {
  const overview = useGet<OverviewFigures>('/overview', {}, { staleTime: 60_000, keep: true });
  const d = overview.data;
  if (!d) return {};
  const badges: Record<string, Badge> = {};
  if (d.identities !== undefined) badges['identities'] = { count: d.identities };
  if (d.openFindings) badges['findings'] = { count: d.openFindings, wants: true };
  for (const [name, count] of Object.entries(d.attention ?? {})) if (count > 0) badges[name] = { count, wants: true };
  return badges;
}
