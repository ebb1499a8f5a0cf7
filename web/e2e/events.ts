import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environment, program } from './installation';

const hour = 3_600_000;
const realm = 'aws:111122223333';
const role = (name: string, of = realm) => ({ realm: of, kind: 'role', key: `arn:aws:iam::${of.slice(4)}:role/${name}` });

/** The same uses each time, counted back from midnight: a nightly job, a busy service with refusals, a key, and two that no source lists. */
function events(key: { realm: string; kind: string; key: string } | undefined): unknown[] {
  const midnight = Math.floor(Date.now() / (24 * hour)) * 24 * hour;
  const out: unknown[] = [];
  const add = (at: number, id: string, more: Record<string, unknown>) =>
    out.push({ log: 'sample.audit', id: `${id}-${out.length}`, at: new Date(at).toISOString(), realm, class: 'data', outcome: 'success', ...more });
  for (let day = 90; day >= 1; day--) {
    const at = midnight - day * 24 * hour;
    const weekday = new Date(at).getUTCDay() % 6 !== 0;
    add(at + 2 * hour + 300_000, 'nightly', {
      identity: role('ais-feed-worker'),
      action: 's3:PutObject',
      resource: { realm, kind: 'bucket', key: 'arn:aws:s3:::ais-archive' },
      origin: { address: '192.0.2.14', agent: 'Boto3/1.34', workload: { realm, kind: 'function', key: 'nightly-copy' } },
    });
    if (key && day % 7 === 0)
      add(at + 6 * hour, 'key', { credential: key, identity: { realm, kind: 'user', key: 'arn:aws:iam::111122223333:user/ci-backup' }, action: 's3:ListBucket', origin: { address: '198.51.100.7', agent: 'aws-cli/2.15' } });
    for (let h = 7; weekday && h < 19; h += 2)
      for (const [i, action] of ['s3:GetObject', 'kms:Decrypt', 'sqs:SendMessage', 'sqs:ReceiveMessage', 'dynamodb:Query', 'dynamodb:PutItem'].entries())
        if ((day + h + i) % 3 === 0)
          add(at + h * hour + i * 60_000, 'api', {
            identity: role('ais-feed-api'),
            action,
            outcome: action === 'kms:Decrypt' && day % 5 === 0 ? 'denied' : 'success',
            resource: { realm, kind: 'resource', key: `arn:aws:${action.split(':')[0] ?? ''}:eu-west-1:111122223333:ais-${i}` },
            origin: { address: `192.0.2.${20 + (h % 3)}`, agent: h % 3 === 0 ? 'aws-sdk-go-v2/1.30' : 'Boto3/1.34', workload: { realm, kind: 'task', key: `ais-feed-api-${h % 3}` } },
          });
  }
  const last = midnight - 30 * hour;
  add(last, 'touch', { identity: role('break-glass-admin'), class: 'management', action: 'iam:PutRolePolicy', touches: [{ kind: 'edit', target: role('ais-feed-api') }] });
  add(last, 'shadow', { identity: role('made-by-hand'), class: 'management', action: 'iam:ListRoles', origin: { address: '203.0.113.9', agent: 'aws-cli/2.15' } });
  add(last, 'other', { realm: 'kubernetes:old-cluster', identity: { realm: 'kubernetes:old-cluster', kind: 'service_account', key: 'sync/sync' }, class: 'management', operation: 'list pods' });
  return out;
}

/** Hands a small log in to the sample company of a folder. One of its lines cannot be read. */
export async function importEvents(home: string): Promise<void> {
  const run = async (...args: string[]) => (await promisify(execFile)(program, [...args, '--db', join(home, 'retinue.db')], { env: environment(home), maxBuffer: 1 << 26 })).stdout;
  const keys = JSON.parse(await run('credentials', 'list', '--kind', 'access_key', '--format', 'json')) as { name: string; realm: string; refKind: string; key: string }[];
  const key = keys.find((k) => k.realm === realm && k.name === 'access key of ci-backup');
  const lines = events(key && { realm: key.realm, kind: key.refKind, key: key.key }).map((e) => JSON.stringify(e));
  const file = join(home, 'sample-events.ndjson');
  writeFileSync(file, [...lines, '{"log":"sample.audit","at":"yesterday"}', ''].join('\n'));
  await run('activity', 'import', `ndjson=${file}`);
}
