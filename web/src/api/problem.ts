import { sentence } from '../lib/format';

/** The text without the kind of error that it begins with: the status says it already. */
const plain = (text: string) => text.replace(/^(?:(?:invalid|conflict|denied|unsupported|unavailable|not found): )+/, '');

/** An RFC 9457 problem, or a failure to reach the server, in words. */
export class Problem extends Error {
  readonly status: number;
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  /** What stands in the server's log beside the cause. */
  readonly id: string;
  /** What is wrong with which field: "body.name" → "must not be empty". */
  readonly fields: Record<string, string>;

  constructor(init: {
    status: number;
    type?: string;
    title?: string;
    detail?: string;
    id?: string;
    fields?: Record<string, string>;
  }) {
    super(init.detail || init.title || `status ${init.status}`);
    this.name = 'Problem';
    this.status = init.status;
    this.type = init.type ?? '';
    this.title = init.title ?? '';
    this.detail = plain(init.detail ?? '');
    this.id = init.id ?? '';
    this.fields = init.fields ?? {};
  }

  static async from(response: Response): Promise<Problem> {
    const requestId = response.headers.get('X-Request-Id') ?? '';
    try {
      const body = (await response.json()) as {
        type?: string;
        title?: string;
        detail?: string;
        instance?: string;
        errors?: { location?: string; message?: string }[];
      };
      const fields: Record<string, string> = {};
      for (const e of body.errors ?? []) if (e.location) fields[e.location.replace(/^body\./, '')] = sentence(plain(e.message ?? ''));
      return new Problem({ ...body, status: response.status, id: requestId || (body.instance ?? '').replace('urn:retinue:request:', ''), fields });
    } catch {
      return new Problem({ status: response.status, title: response.statusText, id: requestId });
    }
  }

  static of(error: unknown): Problem {
    if (error instanceof Problem) return error;
    if (error instanceof TypeError) return new Problem({ status: 0, detail: 'The server could not be reached.' });
    return new Problem({ status: 0, detail: error instanceof Error ? error.message : String(error) });
  }

  /** One sentence: what happened. */
  get text(): string {
    const t = this.detail || this.title || 'The server did not say why.';
    return sentence(t);
  }

  /** What to try. */
  get hint(): string {
    switch (this.status) {
      case 0:
        return 'Check the connection to the server; this page tries again by itself.';
      case 401:
        return 'Sign in again.';
      case 403:
        return 'Ask an administrator for the permission that is named.';
      case 404:
        return 'It may have been removed, or lie outside what you may see.';
      case 409:
      case 412:
        return 'It was changed meanwhile: load it again and repeat your change.';
      case 422:
      case 400:
        return 'Correct what is named and try again.';
      case 429:
        return 'Wait a minute and try again.';
      case 503:
        return 'Something that the server needs is down; try again in a moment.';
      default:
        return 'Try again; if it stays, give the id to whoever runs the server.';
    }
  }

  /** Whether a second factor must be given again before this is allowed. */
  get needsFactor(): boolean {
    return this.type === 'urn:retinue:problem:fresh-second-factor';
  }
}
