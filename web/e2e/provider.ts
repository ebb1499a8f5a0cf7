import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'retinue-testkit/oidc-provider');
const script = join(import.meta.dirname, '../../internal/testkit/oidcprovider/provider.mjs');

/** Why there is no provider to sign in at; undefined where there is one. */
export function absent(): string | undefined {
  if (existsSync(join(folder, 'node_modules/oidc-provider/package.json'))) return undefined;
  const why = `oidc-provider is not installed: npm install --prefix ${folder} oidc-provider@9.13.3`;
  if (process.env['RETINUE_REQUIRE_ALL'] === '1') throw new Error(why);
  return why;
}

/** A real provider of OpenID Connect: oidc-provider, which signs in whoever the header X-Who names. */
export class Provider {
  readonly clientId = 'retinue';
  readonly clientSecret = ['for-tests', 'only', '0123456789abcdef'].join('-');

  private constructor(
    readonly issuer: string,
    private readonly process: ChildProcess,
  ) {}

  /** Starts it for the address to which it leads back. */
  static async start(redirect: string): Promise<Provider> {
    const child = spawn('node', [script, folder, redirect], { stdio: ['ignore', 'pipe', 'inherit'] });
    const issuer = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (line: Buffer) => resolve(line.toString().trim()));
      child.once('exit', (code) => reject(new Error(`oidc-provider ended with ${code}`)));
    });
    return new Provider(issuer, child);
  }

  stop() {
    this.process.kill();
  }
}
