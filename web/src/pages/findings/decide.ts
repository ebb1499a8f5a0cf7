import { request } from '@/api/client';

/** What findings a decision is about: these, or all that a list's filters match. */
export interface Target {
  ids?: string[];
  filter?: Record<string, string[]>;
  /** How many there are, as the list says. */
  count: number;
  /** How many the person was told it would be. */
  expect?: number;
}

export interface DecisionBody {
  state?: 'open' | 'acknowledged' | 'accepted';
  reason?: string;
  until?: string;
  assignee?: string;
}

/** What a decision would do, or did. */
export interface Effect {
  changed: number;
  /** Takes it back, until undoUntil. */
  undo?: string;
  undoUntil?: string;
}

/** Filters that hold one value; the others are lists. */
const single = new Set(['entity', 'text']);

function filterOf(filter: Record<string, string[]>): Record<string, string | string[] | undefined> {
  return Object.fromEntries(Object.entries(filter).map(([name, values]) => [name, single.has(name) ? values[0] : values]));
}

/** Decides about findings, or says what that would do. A filter is held to the number that was shown. */
export async function decide(target: Target, body: DecisionBody, dryRun = false): Promise<Effect> {
  const { data } = await request<Effect>('POST', '/findings/decisions', {
    body: {
      ...body,
      ...(target.ids ? { ids: target.ids } : { filter: filterOf(target.filter ?? {}) }),
      ...(!dryRun && target.expect !== undefined && { expect: target.expect }),
      ...(dryRun && { dryRun }),
    },
    idempotent: !dryRun,
  });
  return data;
}

/** Takes a bulk change back. */
export async function takeBack(token: string): Promise<void> {
  await request('POST', `/undo/${encodeURIComponent(token)}`);
}

/** "this finding", "12 findings". */
export function targetWords(t: Target): string {
  return t.count === 1 ? 'this finding' : `${t.count.toLocaleString()} findings`;
}
