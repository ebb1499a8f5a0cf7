import type { UsageEventsAnswer } from '@/api/types';
import { count, plural } from '@/lib/format';

/** What may be asked of the events, as it stands in the address. */
export const filters = ['identity', 'signal', 'from', 'to', 'action', 'outcome', 'kind'] as const;

export type Asked = Partial<Record<(typeof filters)[number], string>>;

export const outcomes = ['success', 'denied', 'error', 'unknown'] as const;

export const kinds = ['management', 'data', 'sign_in', 'insight', 'unknown'] as const;

const dayForm = /^\d{4}-\d{2}-\d{2}$/;
const timeForm = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)Z?$/;

/** A day, or a day with a time, both in UTC, as a moment. With end, a day stands for its last moment. */
export function moment(text: string, end = false): string | undefined {
  const t = text.trim();
  const at = dayForm.test(t) ? `${t}T${end ? '23:59:59.999' : '00:00:00'}Z` : t.replace(timeForm, '$1T$2Z');
  if (!timeForm.test(at)) return undefined;
  const d = new Date(at);
  // 30 February is no day, although browsers take it for one of March.
  return Number.isNaN(d.getTime()) || !d.toISOString().startsWith(at.slice(0, 10)) ? undefined : d.toISOString();
}

/** What is wrong with the times that were written, by field. */
export function wrongTimes({ from = '', to = '' }: { from?: string; to?: string }): { from?: string; to?: string } {
  const form = 'Write a day, such as 2026-03-01, or 2026-03-01 14:30, in UTC.';
  const [a, b] = [moment(from), moment(to, true)];
  return {
    ...(from.trim() && !a && { from: form }),
    ...(to.trim() && !b && { to: form }),
    ...(a && b && a > b && { to: 'Write a time that is not before the first.' }),
  };
}

/** Why no event is listed. */
export type Why = 'off' | 'none-yet' | 'understood' | 'further' | 'filtered';

export function whyEmpty(kept: UsageEventsAnswer['kept'], asked: Asked, next?: string): Why {
  if (next) return 'further';
  if (asked.kind === 'unknown') return 'understood';
  const n = (kept.of ?? []).reduce((sum, d) => sum + d.events, 0);
  if (n > 0) return 'filtered';
  return kept.days > 0 ? 'none-yet' : 'off';
}

/** What of a day is not kept, and why. */
export function lostText(d: NonNullable<UsageEventsAnswer['kept']['of']>[number], megabytes?: number): string {
  return [
    d.over ? `${count(d.over)} over the day's ${megabytes ? `${count(megabytes)} MB` : 'bound'}` : '',
    d.tooLarge ? `${count(d.tooLarge)} too large` : '',
    d.unsealed ? `${count(d.unsealed)} without the sealing key` : '',
  ]
    .filter(Boolean)
    .join(', ');
}

/** For how long events are kept, in a sentence. */
export function keptText(kept: UsageEventsAnswer['kept']): string {
  if (kept.days > 0) return `The latest first. They are kept for ${plural(kept.days, ['day', 'days'])} after they happened.`;
  return (kept.of ?? []).length > 0 ? 'The latest first. No more are kept; the last go when their days are over.' : 'The latest first.';
}
