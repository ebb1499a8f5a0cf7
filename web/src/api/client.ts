import { currentAsOf } from '@/app/asof';
import { dated } from './dated';
import { Problem } from './problem';

export const base = '/api/v1';

type Query = Record<string, string | number | boolean | undefined | null | string[]>;

interface Options {
  query?: Query;
  body?: unknown;
  /** The version that a write is based on (If-Match). */
  etag?: string;
  /** Actions carry a key so that a repetition does nothing twice. */
  idempotent?: boolean;
  signal?: AbortSignal;
  /** Ask about now, although the console shows a past date. */
  now?: boolean;
}

/** The path with its query, without the parameters that say nothing. */
export function address(path: string, query: Query = {}): string {
  const q = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === '') continue;
    if (Array.isArray(value)) for (const v of value) q.append(key, v);
    else q.append(key, String(value));
  }
  const text = q.toString();
  return `${base}${path}${text ? `?${text}` : ''}`;
}

/** Called when the server says that nobody is signed in. Set by the frame. */
export const session: {
  lost: () => void;
  /** Asks for a fresh second factor, and tells whether it was given. The call is then made again. */
  factor: () => Promise<boolean>;
  /** Leads to the set-up of a second factor, without which an account may do nothing. */
  enrol: () => void;
} = { lost: () => undefined, enrol: () => undefined, factor: () => Promise.resolve(false) };

/** Whether a read answers as of the date that the console is switched to. */
const takesDate = (path: string) => dated.some((p) => p.test(path));

/** Calls the API. It throws a Problem for every answer that is not a success. */
export async function request<T>(method: string, path: string, options: Options = {}): Promise<{ data: T; etag?: string }> {
  const query = { ...options.query };
  const asOf = currentAsOf();
  if (asOf && method === 'GET' && !options.now && takesDate(path)) query['as_of'] = asOf;
  const headers: Record<string, string> = { Accept: 'application/json' };
  let body: string | undefined;
  if (options.body !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(options.body);
  }
  if (options.etag) headers['If-Match'] = options.etag;
  if (options.idempotent) headers['Idempotency-Key'] = crypto.randomUUID();
  const response = await fetch(address(path, query), {
    method,
    headers,
    credentials: 'same-origin',
    ...(body !== undefined && { body }),
    ...(options.signal && { signal: options.signal }),
  });
  if (!response.ok) {
    const problem = await Problem.from(response);
    if (problem.status === 401 && !path.startsWith('/auth/')) session.lost();
    if (problem.type === 'urn:retinue:problem:enrol-second-factor') session.enrol();
    if (problem.needsFactor && (await session.factor())) return request(method, path, options);
    throw problem;
  }
  const etag = response.headers.get('ETag') ?? undefined;
  const data = (response.status === 204 ? undefined : await response.json()) as T;
  return { data, ...(etag && { etag }) };
}

export const get = async <T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> =>
  (await request<T>('GET', path, { ...(query && { query }), ...(signal && { signal }) })).data;
