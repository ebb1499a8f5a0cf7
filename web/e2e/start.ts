import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const results = join(import.meta.dirname, 'results');

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

/**
 * Makes the sample company in a database of its own, serves it with the real
 * program, and hands the tests its address and the link for setting it up.
 * With RETINUE_LINK, the link that a running server printed, that one is used.
 */
export default async function start() {
  const running = process.env['RETINUE_LINK'];
  if (running) {
    process.env['RETINUE_URL'] = new URL(running).origin;
    mkdirSync(results, { recursive: true });
    return;
  }
  const program = process.env['RETINUE'] ?? join(import.meta.dirname, '../../bin/retinue');
  const folder = mkdtempSync(join(tmpdir(), 'retinue-e2e-'));
  const db = join(folder, 'demo.db');
  mkdirSync(results, { recursive: true });
  const env = { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  const demo = spawnSync(program, ['demo', '--db', db], { encoding: 'utf8', env });
  if (demo.status !== 0) throw new Error(`retinue demo: ${demo.stderr || demo.error}`);

  const port = await freePort();
  const server = spawn(program, ['serve', '--db', db, '--listen', `127.0.0.1:${port}`], { env });
  let text = '';
  const link = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      text += chunk.toString();
      const found = /https?:\/\/\S+\/setup#\S+/.exec(text);
      if (found) resolve(found[0]);
    };
    server.stdout.on('data', read);
    server.stderr.on('data', read);
    server.once('exit', (code) => reject(new Error(`retinue serve ended with ${code}: ${text}`)));
    setTimeout(() => reject(new Error(`retinue serve printed no link: ${text}`)), 30_000);
  });
  process.env['RETINUE_LINK'] = link;
  process.env['RETINUE_URL'] = new URL(link).origin;

  return async () => {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
    writeFileSync(join(results, 'server.log'), text);
    rmSync(folder, { recursive: true, force: true });
  };
}
