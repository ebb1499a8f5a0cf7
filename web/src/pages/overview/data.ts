/** The overview as the server tells it. */
export interface Overview {
  at: string;
  sentence: Sentence;
  metrics: Metric[] | null;
  figures: Figures;
  fixes: Fix[] | null;
  changed: { since?: string; items: Happened[] | null };
  coverage: Coverage[] | null;
  idleDays: number;
  notTold: { part: string; reason: string }[] | null;
  sample?: string;
}

/** A figure on a day: missed, not measured, or counted. */
export interface Point {
  day: string;
  missed?: boolean;
  value?: number;
  of: number;
  unknown: number;
}

export interface Sentence {
  identities: number;
  systems: number;
  withoutOwner: number;
  oldStatic: number;
  oldDays: number;
  ageUnknown: number;
  thirdParty: number;
  gained: number;
  gainedIsMore: boolean;
  openFindings: number;
  criticalAndHigh: number;
}

export interface Metric {
  key: string;
  title: string;
  value?: number;
  of: number;
  unknown: number;
  reason?: string;
  evidence?: string;
  /** The measured part by its evidence, where logs are read. */
  byEvidence?: { grade: string; value: number; of: number }[] | null;
  meaning: string;
  highIsGood?: boolean;
  list?: string;
  filter?: Record<string, string[] | null>;
  needs: 'discovery' | 'log';
  trend: Point[] | null;
  /** What the trend counts where that is not what the figure counts. */
  trendOf?: string;
}

export interface Figures {
  nonHuman: number;
  persons: number;
  unclear: number;
  owned: number;
  byKind: Record<string, number>;
  bySource: Record<string, number>;
  byEnvironment: Record<string, number>;
  credentials: number;
  static: number;
  staticOld: number;
  expired: number;
  expiring: number;
  findings: Record<string, number>;
}

export interface Fix {
  fix: string;
  title: string;
  severity: string;
  findings: number;
  identities: number;
  reason: string;
  action: string;
  examples: string[] | null;
}

export interface Happened {
  kind: string;
  count: number;
  isMore?: boolean;
  text: string;
  examples: { id?: string; kind: string; name: string }[] | null;
  list?: string;
  filter?: Record<string, string[] | null>;
}

export interface Coverage {
  id: string;
  name: string;
  kind: string;
  state: string;
  scannedAt?: string;
  completedAt?: string;
  complete: number;
  incomplete: number;
  identities: number;
  credentials: number;
  use: string;
  useSystems?: { grade: string; n: number }[] | null;
  systems?: SystemUse[] | null;
  missing: string[] | null;
  problems: string[] | null;
  blindSpots: string[] | null;
}

/** What is known of use in one system of a source. */
export interface SystemUse {
  realm: string;
  by: 'log' | 'field' | 'none';
  grade: string;
  coverage: { grade: string; from: string; to: string }[] | null;
  judged: { grade: string; n: number }[] | null;
  waiting?: number;
}

/** The list behind a figure. */
export function listOf(list: string | undefined, filter: Record<string, string[] | null> | undefined): string | undefined {
  if (!list) return undefined;
  const q = new URLSearchParams();
  for (const [name, values] of Object.entries(filter ?? {})) for (const v of values ?? []) q.append(name, v);
  const text = q.toString();
  return `/${list}${text ? `?${text}` : ''}`;
}
