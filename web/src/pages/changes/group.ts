import type { FieldChange } from '@/api/types';

/** A change of one fact, as it was recorded. */
export interface Change {
  change: 'added' | 'changed' | 'ended';
  type: string;
  ref: { realm: string; kind: string; key: string };
  entity?: string;
  name: string;
  source: string;
  at: string;
  recorded: string;
  revision: number;
  before?: unknown;
  after?: unknown;
}

export interface Day {
  day: string;
  words: string;
  groups: { key: string; changes: Change[] }[];
}

const words = new Intl.DateTimeFormat(undefined, { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' });

/** Changes by day, and within a day equal ones of one source and revision together. */
export function grouped(changes: Change[]): Day[] {
  const days: Day[] = [];
  for (const c of changes) {
    const at = new Date(c.recorded);
    const day = at.toDateString();
    let d = days.at(-1);
    if (d?.day !== day) days.push((d = { day, words: words.format(at), groups: [] }));
    const key = [c.change, c.type, c.source, c.revision].join(' ');
    const same = d.groups.find((g) => g.key === key);
    if (same) same.changes.push(c);
    else d.groups.push({ key, changes: [c] });
  }
  return days;
}

/** The fields that differ between two bodies, one level deep in objects. */
export function fieldsOf(before: unknown, after: unknown): FieldChange[] {
  const a = flat(before);
  const b = flat(after);
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((k) => JSON.stringify(a[k]) !== JSON.stringify(b[k]))
    .sort()
    .map((field) => ({ field, before: a[field], after: b[field] }));
}

function flat(value: unknown): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [k, v] of Object.entries((value as Record<string, unknown> | undefined) ?? {})) {
    if (v !== null && typeof v === 'object' && !Array.isArray(v)) for (const [l, w] of Object.entries(v)) out[`${k}.${l}`] = w;
    else out[k] = v;
  }
  return out;
}
