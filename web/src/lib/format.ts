// Numbers, times and names for people. All follow the browser's locale; what is
// exact stands in titles and exports.

const number = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 });
const exactTime = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
});
const day = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
const dayThisYear = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'always' });
const relativeDay = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

/** 12481 as "12,481". */
export const count = (n: number) => number.format(n);
/** 12481 as "12.5K", for navigation and charts. */
export const short = (n: number) => (Math.abs(n) < 10_000 ? number.format(n) : compact.format(n));
/** 0.384 as "38%". A share that is not nothing never reads "0%". */
export function share(part: number, whole: number): string {
  if (whole <= 0) return '–';
  const r = part / whole;
  if (r > 0 && r < 0.005) return `under ${percent.format(0.01)}`;
  if (r < 1 && r > 0.995) return `over ${percent.format(0.99)}`;
  return percent.format(r);
}
/** How many there are, or that there are more than were counted. */
export const total = (n: number, isMore?: boolean) => (isMore ? `more than ${count(n)}` : count(n));

/** "1 identity", "3 identities". */
export function plural(n: number, [one, many]: readonly [string, string], isMore?: boolean): string {
  return `${total(n, isMore)} ${n === 1 && !isMore ? one : many}`;
}

export type When = string | number | Date | null | undefined;

/** The time as a date, or nothing where it is not known. Go's zero time counts as not known. */
export function toDate(when: When): Date | undefined {
  if (when === null || when === undefined || when === '') return undefined;
  const d = when instanceof Date ? when : new Date(when);
  return Number.isNaN(d.getTime()) || d.getUTCFullYear() < 1971 ? undefined : d;
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365.25 * 86_400],
  ['month', 30.44 * 86_400],
  ['week', 7 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** "3 days ago", "in 2 months", "just now". */
export function ago(when: When, now = Date.now()): string {
  const d = toDate(when);
  if (!d) return 'not known';
  const seconds = (d.getTime() - now) / 1000;
  for (const [unit, size] of steps) {
    // Weeks read badly beyond a month, and days well up to two weeks.
    if (unit === 'week' && Math.abs(seconds) < 14 * 86_400) continue;
    // "20 months ago" says more than "1 year ago".
    if (unit === 'year' && Math.abs(seconds) < 2 * size) continue;
    if (Math.abs(seconds) >= size) return (unit === 'day' ? relativeDay : relative).format(Math.trunc(seconds / size), unit);
  }
  return 'just now';
}

/** The exact time with its zone. */
export const exact = (when: When) => {
  const d = toDate(when);
  return d ? exactTime.format(d) : 'not known';
};

/** "12 Mar", or with the year where it is another one. */
export const date = (when: When) => {
  const d = toDate(when);
  if (!d) return 'not known';
  return (d.getFullYear() === new Date().getFullYear() ? dayThisYear : day).format(d);
};

/** "14 months", "3 days", for spans. */
export function span(ms: number): string {
  const days = ms / 86_400_000;
  const unit = (n: number, word: string) => `${count(n)} ${word}${n === 1 ? '' : 's'}`;
  if (days >= 730) return unit(Math.floor(days / 365.25), 'year');
  if (days >= 60) return unit(Math.floor(days / 30.44), 'month');
  if (days >= 1) return unit(Math.floor(days), 'day');
  if (days >= 1 / 24) return unit(Math.floor(days * 24), 'hour');
  return unit(Math.max(1, Math.floor(days * 1440)), 'minute');
}

/** A long key cut in the middle, where it tells least. */
export function middle(text: string, most = 48): string {
  if (text.length <= most) return text;
  const tail = Math.ceil((most - 1) * 0.55);
  return `${text.slice(0, most - 1 - tail)}…${text.slice(-tail)}`;
}

const words: Record<string, string> = {
  access_key: 'access key',
  api_key: 'API key',
  api_client: 'API client',
  oauth_app: 'OAuth app',
  oauth_token: 'OAuth token',
  rpa_bot: 'RPA bot',
  jwt: 'JWT',
  ssh_key: 'SSH key',
  ssh_host_key: 'SSH host key',
  ssh_certificate: 'SSH certificate',
  non_human: 'non-human',
  ci_variable: 'CI variable',
  k8s_secret: 'Kubernetes Secret',
  mcp_config: 'MCP configuration',
  never_used: 'never used',
};

/** A value of the vocabulary in words: "service_account" as "service account". */
export const word = (value: string) => words[value] ?? value.replaceAll('_', ' ').replaceAll('-', ' ');
/** The same with a capital letter, to begin a line. */
export const Word = (value: string) => {
  const w = word(value);
  return w.charAt(0).toUpperCase() + w.slice(1);
};

/** "aws:111111111111" as its two parts. */
export function realm(value: string): { kind: string; id: string } {
  const i = value.indexOf(':');
  return i < 0 ? { kind: value, id: '' } : { kind: value.slice(0, i), id: value.slice(i + 1) };
}

/** A sentence of the server with a capital letter and one full stop. */
export function sentence(text: string): string {
  const t = text.trim().replace(/\.+$/, '');
  return t === '' ? '' : `${t.charAt(0).toUpperCase()}${t.slice(1)}${/[!?]$/.test(t) ? '' : '.'}`;
}
