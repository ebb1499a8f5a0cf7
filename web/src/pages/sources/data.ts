// What the API says about sources, connectors, scans and collectors, in the words of its document.

export interface KindTarget {
  form: string;
  help: string;
  fileOnly: boolean;
}

export interface KindOption {
  name: string;
  help: string;
  default?: string;
  values?: string[];
  secret: boolean;
  list: boolean;
  reach: string;
  fileOnly: boolean;
}

export interface Kind {
  kind: string;
  title: string;
  summary: string;
  fileOnly: boolean;
  targets: KindTarget[] | null;
  targetOptional: boolean;
  options: KindOption[] | null;
  examples: KindTarget[] | null;
  privileges: { title: string; language: string; body: string }[] | null;
  sees: string[] | null;
  blindSpots: string[] | null;
  couldRead: string[] | null;
  script: boolean;
  /** It lists no system: a source of it only has its logs read. */
  logsOnly: boolean;
  logs?: { titles: string[] | null; targets: KindTarget[] | null; fileOnly: boolean };
}

export interface MissingRight {
  permission: string;
  scope: string;
  consequence: string;
}

export interface SourceCheck {
  at: string;
  ok: boolean;
  error?: string;
  realm?: string;
  realmName?: string;
  principal?: string;
  missing: MissingRight[] | null;
  notCovered: string[] | null;
  couldRead: string[] | null;
  calls?: number;
  seconds?: number;
}

export interface Note {
  kind: string;
  text: string;
  command?: string;
  count?: number;
}

export interface Counts {
  facts: number;
  added: number;
  changed: number;
  ended: number;
  unchanged: number;
  uses: number;
  held: number;
}

export interface ScopeProgress {
  scope: string;
  stage?: string;
  done?: number;
  total?: number;
  unit?: string;
  state?: string;
}

export interface Scan {
  id: string;
  source: string;
  kind: string;
  state: string;
  reason: string;
  by: string;
  requestedAt: string;
  dueAt: string;
  startedAt?: string;
  finishedAt?: string;
  cancelling?: boolean;
  cancelledBy?: string;
  progress: ScopeProgress[] | null;
  error?: string;
}

export interface SourceScope {
  scope: string;
  state: string;
  observedAt?: string;
  completedAt?: string;
  facts: number;
  heldEnds?: number;
  basis?: string;
  problems: string[] | null;
}

export interface Source {
  id: string;
  name: string;
  kind: string;
  target?: string;
  origin: string;
  collector?: string;
  options: Record<string, string> | null;
  secrets: { name: string; set: boolean; setAt?: string; setBy?: string; from?: string }[] | null;
  hook?: { path: string; setAt: string; setBy: string; lastUsed?: string };
  interval?: string;
  jitter?: string;
  paused: boolean;
  state: string;
  realm?: string;
  realmName?: string;
  principal?: string;
  completeness: { scopes: number; complete: number; partial: number; failed: number; held: number; facts: number; oldest?: string };
  problems: string[] | null;
  missing: MissingRight[] | null;
  notCovered: string[] | null;
  blindSpots: string[] | null;
  couldRead: string[] | null;
  last?: { run: string; state: string; startedAt: string; finishedAt?: string; by: string; error?: string; notes: Note[] | null; counts: Counts };
  next?: string;
  scan?: Scan;
  checked?: SourceCheck;
  logs?: SourceLogs;
  scopes?: SourceScope[] | null;
}

/** The logs of a source that the server reads by itself, and how that stands. */
export interface SourceLogs {
  target: string;
  interval: string;
  state: string;
  pausedAt?: string;
  pausedBy?: string;
  next?: string;
  lastRead?: string;
  tried?: string;
  lastNew?: string;
  failures?: number;
  error?: string;
  logs: string[] | null;
  total: LogsCount;
  last: LogsCount;
  covered: { log: string; realm: string; to: string }[] | null;
}

export interface LogsCount {
  reads: number;
  events: number;
  new: number;
  repeated: number;
  faults: number;
}

export interface SourceValues {
  name: string;
  kind: string;
  target: string;
  options: Record<string, string>;
  secrets: Record<string, string>;
  interval: string;
  /** Left out where the logs of the kind are named in retinue.yaml only. */
  logs?: { target: string; interval: string };
}

export const origins: Record<string, string> = {
  file: 'in retinue.yaml, and changed there',
  api: 'here',
  collector: 'by a collector that hands it in',
  command: 'on the command line; it is not scanned by itself',
  self: 'by nobody: it is this installation, which reads itself',
};

/** A duration of the server, such as "6h0m0s", in words. */
export function everyWords(interval: string | undefined): string {
  if (!interval || /^0/.test(interval)) return 'only when asked';
  const m = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(interval);
  if (!m) return `every ${interval}`;
  const minutes = Number(m[1] ?? 0) * 60 + Number(m[2] ?? 0);
  if (minutes === 0) return `every ${interval}`;
  if (minutes % 10_080 === 0) return minutes === 10_080 ? 'every week' : `every ${minutes / 10_080} weeks`;
  if (minutes % 1440 === 0) return minutes === 1440 ? 'every day' : `every ${minutes / 1440} days`;
  if (minutes % 60 === 0) return minutes === 60 ? 'every hour' : `every ${minutes / 60} hours`;
  return minutes === 1 ? 'every minute' : `every ${minutes} minutes`;
}
