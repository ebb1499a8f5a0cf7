import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environment, program, results } from './installation';

/** Makes the sample company once. Each worker serves a copy of its own. */
export default async function sample() {
  mkdirSync(results, { recursive: true });
  // A folder with a sample that was made before, as retinue.db, saves making it.
  if (process.env['RETINUE_LINK'] || process.env['RETINUE_SAMPLE']) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'retinue-e2e-'));
  const home = join(folder, 'sample');
  mkdirSync(home);
  await promisify(execFile)(program, ['demo', '--db', join(home, 'retinue.db')], { env: environment(home) });
  process.env['RETINUE_SAMPLE'] = home;
  return () => rmSync(folder, { recursive: true, force: true });
}
