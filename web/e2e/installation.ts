import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request, type APIRequestContext } from '@playwright/test';
import { Authenticator } from './totp';

export const results = join(import.meta.dirname, 'results');

/** The program to test. */
export const program = process.env['RETINUE'] ?? join(import.meta.dirname, '../../bin/retinue');

/** The environment of a program whose home is a folder of its own. */
export const environment = (home: string) => ({ ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home });

export const password = ['tern', 'quarry', 'mallow', 'sixteen'].join(' ');

/** A free port of this machine. */
const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const s = createServer();
    s.once('error', reject);
    s.listen(0, '127.0.0.1', () => {
      const a = s.address();
      s.close(() => (a && typeof a === 'object' ? resolve(a.port) : reject(new Error('no port'))));
    });
  });

/** What a browser keeps of being signed in. */
export type State = Awaited<ReturnType<APIRequestContext['storageState']>>;

export const nobody: State = { cookies: [], origins: [] };

/** A stream of events that nobody serves. */
const stream = 'eventStreams: [{ name: stream-of-the-tests, servers: ["nats://127.0.0.1:9"], stream: USAGE, subjects: [{ subject: "audit.>", kind: ndjson, realms: ["test:*"] }] }]\n';

/** A server of the real program with a database of its own. */
export class Installation {
  /** What a browser keeps of the first account, once it is made. */
  state = nobody;
  /** The authenticator app of the first account. */
  readonly app = new Authenticator();
  private readonly home = mkdtempSync(join(tmpdir(), 'retinue-e2e-'));
  private log = '';
  private server?: ChildProcess;

  private constructor(
    /** Where the console is. */
    public url = '',
    /** The link that the server printed for setting it up. */
    public link = '',
  ) {}

  /** Serves a copy of the folder that holds a database, or an empty database, with further settings of retinue.yaml. */
  static async start(sample?: string, settings = ''): Promise<Installation> {
    const it = new Installation();
    if (sample) cpSync(sample, it.home, { recursive: true });
    // Providers and webhooks of the tests are on this machine.
    writeFileSync(join(it.home, 'retinue.yaml'), `outbound: { allow: ["127.0.0.1"] }\n${settings}${stream}`);
    await it.serve();
    return it;
  }

  /** A server that runs already and printed this link. */
  static running(link: string): Installation {
    return new Installation(new URL(link).origin, link);
  }

  /** A folder that is a home for programs that speak to the server. */
  elsewhere(name: string): string {
    const folder = join(this.home, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  private async serve() {
    const at = `127.0.0.1:${await freePort()}`;
    const args = ['serve', '--config', join(this.home, 'retinue.yaml'), '--db', join(this.home, 'retinue.db'), '--listen', at];
    const server = spawn(program, args, { env: environment(this.home) });
    this.server = server;
    this.link = await new Promise<string>((resolve, reject) => {
      const read = (chunk: Buffer) => {
        this.log += chunk.toString();
        const found = /https?:\/\/\S+\/setup#\S+/.exec(this.log);
        if (found) resolve(found[0]);
      };
      server.stdout.on('data', read);
      server.stderr.on('data', read);
      server.once('error', reject);
      server.once('exit', (code) => reject(new Error(`retinue serve ended with ${code}: ${this.log}`)));
    });
    this.url = new URL(this.link).origin;
  }

  /** Makes the first account by the interface, as the page of set-up does. */
  async setUp(): Promise<void> {
    const api = await request.newContext({ baseURL: this.url, extraHTTPHeaders: { Origin: this.url } });
    const post = async <T>(path: string, data?: unknown) => {
      const answer = await api.post(`/api/v1${path}`, data === undefined ? {} : { data });
      if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`);
      return (answer.status() === 204 ? undefined : await answer.json()) as T;
    };
    await post('/auth/setup', { token: new URL(this.link).hash.slice(1), name: 'Ana Ruiz', login: 'ana@example.com', password });
    this.app.secret = (await post<{ secret: string }>('/auth/totp/begin')).secret;
    await post('/auth/totp/finish', { code: await this.app.code() });
    this.state = await api.storageState();
    await api.dispose();
  }

  async stop(name: string): Promise<void> {
    const server = this.server;
    if (server) {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await ended;
      writeFileSync(join(results, `${name}.log`), this.log);
    }
    rmSync(this.home, { recursive: true, force: true });
  }
}
