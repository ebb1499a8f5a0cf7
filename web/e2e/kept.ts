import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environment, Installation, program } from './installation';

const account = '111122223333';
const setting = 'usage: { rawDays: 14 }\n';

const role = {
  Path: '/',
  RoleName: 'backup',
  RoleId: 'AROAEXAMPLEBACKUPROLE',
  Arn: `arn:aws:iam::${account}:role/backup`,
  CreateDate: '2025-01-01T00:00:00+00:00',
  AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [] },
  InstanceProfileList: [],
  RolePolicyList: [],
  AttachedManagedPolicies: [],
  Tags: [],
};

const session = {
  type: 'AssumedRole',
  principalId: `${role.RoleId}:i-0123`,
  arn: `arn:aws:sts::${account}:assumed-role/backup/nightly`,
  accountId: account,
  sessionContext: { sessionIssuer: { type: 'Role', principalId: role.RoleId, arn: role.Arn, accountId: account, userName: 'backup' } },
};

const person = { type: 'Root', principalId: account, arn: `arn:aws:iam::${account}:root`, accountId: account };

/** A record of CloudTrail, so many minutes old. */
const record = (n: number, minutes: number, of: object) => ({
  eventVersion: '1.09',
  eventID: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
  eventTime: `${new Date(Date.now() - minutes * 60_000).toISOString().slice(0, 19)}Z`,
  awsRegion: 'eu-west-1',
  sourceIPAddress: '198.51.100.7',
  userAgent: 'Boto3/1.34 md/Botocore#1.34',
  eventType: 'AwsApiCall',
  eventCategory: 'Management',
  managementEvent: true,
  readOnly: true,
  recipientAccountId: account,
  userIdentity: session,
  eventSource: 'iam.amazonaws.com',
  eventName: 'ListUsers',
  ...of,
});

/** A server that keeps events: of a role 150 harmless ones, one that switches a trail off and one refused, and one of a person. */
export async function keeping(): Promise<Installation> {
  const home = mkdtempSync(join(tmpdir(), 'retinue-e2e-'));
  try {
    const records = [
      ...Array.from({ length: 150 }, (_, i) => record(i, 60 + i, {})),
      record(200, 50, { eventSource: 'cloudtrail.amazonaws.com', eventName: 'StopLogging', readOnly: false, requestParameters: { name: 'org-trail' } }),
      record(201, 40, { eventName: 'CreateUser', readOnly: false, errorCode: 'AccessDenied', errorMessage: 'not authorized' }),
      record(202, 30, { userIdentity: person, sourceIPAddress: '203.0.113.9', eventName: 'GetAccountSummary' }),
    ];
    writeFileSync(join(home, 'retinue.yaml'), setting);
    writeFileSync(join(home, 'account.json'), JSON.stringify({ UserDetailList: [], GroupDetailList: [], Policies: [], RoleDetailList: [role] }));
    writeFileSync(join(home, 'trail.json'), JSON.stringify({ Records: records }));
    const run = (...args: string[]) =>
      promisify(execFile)(program, ['--config', join(home, 'retinue.yaml'), '--db', join(home, 'retinue.db'), ...args], { env: environment(home) });
    await run('scan', `aws=${join(home, 'account.json')}`);
    await run('activity', 'import', `aws=${join(home, 'trail.json')}`);
    await run('signals', 'list');
    const here = await Installation.start(home, setting);
    await here.setUp();
    return here;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
