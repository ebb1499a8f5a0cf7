import type { ActivityLog, Simulated, UsageAnswer, UsageConsumer, UsageWindow } from '@/api/types';
import { count, date, plural, realm, sentence, share, toDate } from '@/lib/format';

/** The usage statuses, in the order in which they are shown. */
export const statuses = ['active', 'idle', 'dormant', 'never_used', 'unknown'] as const;

/** The grades of evidence, best first. */
export const grades = ['A', 'B', 'C', 'D'] as const;

/** The kinds of system whose logs are read under the same name. */
const readers = ['anthropic', 'aws', 'azure', 'gcp', 'github', 'gitlab', 'googleworkspace', 'host', 'kubernetes', 'okta', 'openai', 'postgres', 'slack', 'vault'];

/** The command that reads the log of a system. Events of any other are handed in as lines of JSON. */
export function importOf(of: string): string {
  const kind = realm(of).kind;
  return readers.includes(kind) ? `retinue activity import ${kind}=PATH` : 'retinue activity import ndjson=PATH';
}

/** "12 Mar to 4 Jun", with how much of it is missing. */
export function windowText(w: UsageWindow | undefined): string | undefined {
  if (!toDate(w?.from) || !toDate(w?.to)) return undefined;
  const gaps = w?.gaps?.length ?? 0;
  const from = date(w?.from);
  const to = date(w?.to);
  return `${from === to ? from : `${from} to ${to}`}${gaps > 0 ? `, with ${plural(gaps, ['gap', 'gaps'])}` : ''}`;
}

/** Why something is called dormant then: how sure it is, or that a limit decides. */
export function dormantBy(u: Pick<UsageAnswer, 'dormantConfidence' | 'windowTooShort'>): string {
  if (u.dormantConfidence) return `${share(u.dormantConfidence, 1)} sure`;
  return u.windowTooShort ? 'by limit: too little is known of its rhythm' : 'by limit';
}

/** What changed last about a consumer. */
export function changeWords(of: UsageConsumer['changes']): string | undefined {
  const c = (of ?? []).at(-1);
  if (!c) return undefined;
  return c.what === 'network' ? `moved from ${c.from} to ${c.to} on ${date(c.at)}` : `${c.to} in place of ${c.from} since ${date(c.at)}`;
}

const hour = 3_600_000;
const dayLength = 24 * hour;

/** Whether a moment is in a window and in none of its gaps. */
function inside(at: number, w: UsageWindow): boolean {
  const from = toDate(w.from)?.getTime();
  const to = toDate(w.to)?.getTime();
  if (from === undefined || to === undefined || at < from || at >= to) return false;
  return !(w.gaps ?? []).some((g) => at >= Date.parse(g.from) && at < Date.parse(g.to));
}

/** Which hours of the week, Monday 00:00 UTC first, a window covers at least once; of long windows its last eight weeks are looked at. */
export function coveredHours(w: UsageWindow): boolean[] {
  const covered = new Array<boolean>(168).fill(false);
  const from = toDate(w.from)?.getTime();
  const to = toDate(w.to)?.getTime();
  if (from === undefined || to === undefined) return covered;
  const first = Math.ceil(Math.max(from, to - 8 * 7 * dayLength) / hour) * hour;
  for (let at = first; at < to; at += hour) {
    // 1970 began on a Thursday.
    if (inside(at, w)) covered[(at / hour + 72) % 168] = true;
  }
  return covered;
}

export interface DayBar {
  day: string;
  uses: number;
  denied: number;
  /** Whether a log covers the day; nothing is known of the others. */
  known: boolean;
}

const dayName = (at: number) => new Date(at).toISOString().slice(0, 10);

/** Every day from the first that is known of to the last: the last of them where they are many, those before where they are few. */
export function dayBars(days: { day: string; uses: number; denied?: number }[], w: UsageWindow, most = 365, least = 28): DayBar[] {
  const by = new Map(days.map((d) => [d.day, d]));
  const marks = [days[0]?.day, days.at(-1)?.day].flatMap((d) => (d ? [Date.parse(d)] : []));
  const from = toDate(w.from)?.getTime();
  const to = toDate(w.to)?.getTime();
  if (from !== undefined && to !== undefined) for (const at of [from, to - 1]) marks.push(Math.floor(at / dayLength) * dayLength);
  if (marks.length === 0) return [];
  const last = Math.max(...marks);
  const first = Math.max(Math.min(...marks, last - (least - 1) * dayLength), last - (most - 1) * dayLength);
  const out: DayBar[] = [];
  for (let at = first; at <= last; at += dayLength) {
    const d = by.get(dayName(at));
    const seen = (d?.uses ?? 0) + (d?.denied ?? 0) > 0;
    out.push({ day: dayName(at), uses: d?.uses ?? 0, denied: d?.denied ?? 0, known: seen || inside(at + dayLength / 2, w) });
  }
  return out;
}

export const uses = (n: number) => plural(n, ['use', 'uses']);

/** What a picture of days shows, in a sentence. */
export function daysText(bars: DayBar[], begin = 'Used on'): string {
  const used = bars.filter((b) => b.uses > 0).length;
  const denied = bars.reduce((n, b) => n + b.denied, 0);
  const unknown = bars.filter((b) => !b.known).length;
  return [
    `${begin} ${count(used)} of ${plural(bars.length, ['day', 'days'])}`,
    denied > 0 && `${plural(denied, ['attempt', 'attempts'])} denied`,
    unknown > 0 && `${plural(unknown, ['day', 'days'])} not known`,
  ]
    .filter(Boolean)
    .join('; ');
}

const fates: Record<string, string> = {
  refused: 'it would be refused',
  goes_on: 'it would go on',
  unjudged: 'it cannot be judged',
  unexplained: 'it is not explained by what is known of access',
};

export const fateWord = (fate: string) => fates[fate] ?? fate;

/** What a simulation found, in a sentence that a person acts on. */
export function simulationText(s: Pick<Simulated, 'counts' | 'refusedBy' | 'coverage' | 'shares'>): string {
  if (s.coverage.uses === 0) return 'No use is on record.';
  if (s.shares) return `${plural(s.shares.length, ['consumer', 'consumers'])} would each take an identity of their own.`;
  const by = s.refusedBy ?? [];
  const n = s.counts['refused'] ?? 0;
  if (n === 0) return 'Nothing that could be judged would have been refused.';
  return `${uses(n)} by ${plural(by.length, ['consumer', 'consumers'])} would have been refused, the last on ${date(by[0]?.last)}.`;
}

/** What is unusual, in a sentence: the identity whose page it stands on is "it", and a vendor's key keeps its letters. */
export function signalText(s: { sentence: string; subject: { key: string } }): string {
  const of = s.subject.key;
  if (of && s.sentence.startsWith(of)) return sentence(`it${s.sentence.slice(of.length)}`);
  return /^[a-z]+[:/]/.test(s.sentence) ? s.sentence : sentence(s.sentence);
}

/** How much of the time that a log covers is proven to be whole and came by a way that only its system can write to, from 0 to 1. */
export function provenShare(l: Pick<ActivityLog, 'from' | 'to' | 'coverage'>): number {
  const from = toDate(l.from)?.getTime();
  const to = toDate(l.to)?.getTime();
  if (from === undefined || to === undefined || to <= from) return 0;
  const stretches = (l.coverage ?? [])
    .filter((c) => c.proof && c.authenticated)
    .map((c) => [Date.parse(c.from), Date.parse(c.to)] as const)
    .sort((a, b) => a[0] - b[0]);
  let covered = 0;
  let end = from;
  for (const [a, b] of stretches) {
    covered += Math.max(0, b - Math.max(a, end));
    end = Math.max(end, b);
  }
  return covered / (to - from);
}
