// What the API says about findings (store.FindingRow), in the words of its document.

export interface Ref {
  realm: string;
  kind: string;
  key: string;
}

export interface Place {
  kind: string;
  realm: string;
  container?: Ref;
  path: string;
  field?: string;
  line?: number;
  commit?: string;
}

export interface Acceptance {
  by: string;
  reason: string;
  until: string;
  at: string;
}

export interface Finding {
  id: string;
  rule: string;
  title: string;
  severity: string;
  state: string;
  owasp?: string[];
  controls?: string[];
  subject: Ref;
  entity?: string;
  name?: string;
  message: string;
  remediation?: string;
  evidence?: Record<string, unknown>;
  places?: Place[];
  family?: string;
  fix?: string;
  fixTitle?: string;
  priority: number;
  priorityReason?: string;
  firstSeen?: string;
  lastSeen?: string;
  resolvedAt?: string;
  accepted?: Acceptance;
  suppressed?: string;
  source?: string;
  owner?: string;
  assignee?: string;
  /** Of one finding only. */
  versions?: FindingVersion[] | null;
  familyCount?: number;
  fixCount?: number;
}

/** A state that a finding had. */
export interface FindingVersion {
  at: string;
  state: string;
  severity: string;
  accepted?: Acceptance;
}

/** "crd_…" and "idn_…" have pages of their own; other things have none. */
export function pageOf(entity: string | undefined): string | undefined {
  if (entity?.startsWith('idn_')) return `/identities/${entity}`;
  if (entity?.startsWith('crd_')) return `/credentials/${entity}`;
  return undefined;
}

/** Where something in a file or variable stands: "deploy/.env#TOKEN", "main.go:12 @ 3f2a91c". */
export function placeWords(p: Place): string {
  const at = p.field ? `#${p.field}` : p.line ? `:${p.line}` : '';
  const commit = p.commit ? ` @ ${p.commit.slice(0, 7)}` : '';
  return `${p.path}${at}${commit}`;
}

/** The sentences of a remediation, one a step. */
export function stepsOf(remediation: string | undefined): string[] {
  if (!remediation) return [];
  return remediation
    .split(/(?<=[.!?])\s+(?=[A-Z0-9“"'`(])/)
    .map((s) => s.trim())
    .filter(Boolean);
}

/** Whether somebody may still decide about it: what is resolved was fixed. */
export const decidable = (f: Finding) => f.state !== 'resolved';
