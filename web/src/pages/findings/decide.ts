import { request } from '@/api/client';

/** What findings a decision is about: these, or all that a list's filters match. */
export interface Target {
  ids?: string[];
  filter?: Record<string, string | string[]>;
  /** How many there are, as the list says. */
  count: number;
  more?: boolean;
  /** The finding's name where there is one. */
  name?: string;
}

export interface DecisionBody {
  state?: 'open' | 'acknowledged' | 'accepted';
  reason?: string;
  until?: string;
  assignee?: string;
}

/** What a decision would do, or did. */
export interface Effect {
  /** How many it changes. */
  changed: number;
  /** How many are so already. */
  unchanged?: number;
  /** Takes it back, within the time that the server says. */
  undo?: string;
}

/** Decides about findings, or says what that would do. */
export async function decide(target: Target, body: DecisionBody, preview = false): Promise<Effect> {
  const { data } = await request<Effect>('POST', '/findings/decisions', {
    body: {
      ...body,
      ...(target.ids ? { ids: target.ids } : { filter: target.filter }),
      ...(preview && { preview }),
    },
    idempotent: !preview,
  });
  return data;
}

/** Takes a bulk change back. */
export async function takeBack(token: string): Promise<void> {
  await request('POST', `/undo/${encodeURIComponent(token)}`, { idempotent: true });
}

/** "this finding", "12 findings". */
export function targetWords(t: Target): string {
  if (t.name && t.count === 1) return t.name;
  return t.count === 1 && !t.more ? 'this finding' : `${t.more ? 'more than ' : ''}${t.count.toLocaleString()} findings`;
}
