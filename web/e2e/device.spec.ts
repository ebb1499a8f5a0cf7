import { spawn } from 'node:child_process';
import { accessible, expect, giveFactor, test } from './fixtures';
import { environment, program } from './installation';

/** The command line on a machine of its own. */
function run(home: string, ...args: string[]) {
  const child = spawn(program, args, { env: environment(home) });
  let text = '';
  let heard: () => void = () => undefined;
  const read = (chunk: Buffer) => {
    text += chunk.toString();
    heard();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const ended = new Promise<{ code: number | null; text: string }>((resolve) => child.once('close', (code) => resolve({ code, text })));
  return {
    ended,
    /** Waits until it has written something. */
    says: (pattern: RegExp) =>
      new Promise<RegExpExecArray>((resolve, reject) => {
        heard = () => {
          const found = pattern.exec(text);
          if (found) resolve(found);
        };
        heard();
        void ended.then(() => reject(new Error(`it ended, and said: ${text}`)));
      }),
  };
}

const shown = /Open (\S+)\s+and approve the code\s+(\S+)/;

test('a command line is let in by its code, and acts as whoever let it in', async ({ page, here, watch }) => {
  watch.allow(/403/);
  await giveFactor(page, here);
  const home = here.elsewhere('laptop');
  const login = run(home, 'login', here.url);
  const [, link = '', code = ''] = await login.says(shown);
  await page.goto(link);
  await page.getByLabel('Code').fill(code);
  await page.keyboard.press('Enter');
  await expect(page.getByText(code).first()).toBeVisible();
  await expect(page.getByText(/^retinue on /)).toBeVisible();
  await accessible(page, 'approval');
  await page.getByRole('button', { name: 'Let it in as me' }).click();
  await expect(page.getByText('The command line is signed in.')).toBeVisible();
  const done = await login.ended;
  expect(done.text).toContain('signed in as Ana Ruiz');
  expect(done.code).toBe(0);
  const who = await run(home, 'whoami', '--server', here.url).ended;
  expect(who.text).toContain('Ana Ruiz');
  expect(who.text).toContain('admin');
  const list = await run(home, 'identities', 'list', '--server', here.url, '--owner', 'none').ended;
  expect(list.code).toBe(0);
  // Its token is in the console, and revoked there.
  await page.goto('/settings/tokens');
  await page.getByRole('button', { name: /^Revoke retinue on / }).click();
  await page.getByRole('dialog').getByRole('button', { name: /^Revoke retinue on / }).click();
  await expect(page.getByText(/^retinue on .* is revoked\.$/)).toBeVisible();
  const after = await run(home, 'whoami', '--server', here.url).ended;
  expect(after.code).not.toBe(0);
  expect(after.text).toMatch(/sign|login/i);
});

test('a command line is refused by the code that was typed, and says so', async ({ page, here, watch }) => {
  watch.allow(/40[34]/);
  await giveFactor(page, here);
  const login = run(here.elsewhere('stranger'), 'login', here.url);
  const [, , code = ''] = await login.says(shown);
  await page.goto('/device');
  await page.getByLabel('Code').fill('nope');
  await page.getByRole('button', { name: 'Go on' }).click();
  await expect(page.getByText('Write the code that the command line shows')).toBeVisible();
  await page.getByLabel('Code').fill('ZZZZ-ZZZZ');
  await page.getByRole('button', { name: 'Go on' }).click();
  await expect(page.getByText('No device shows this code.')).toBeVisible();
  await accessible(page, 'unknown code');
  await page.goto('/device');
  await page.getByLabel('Code').fill(code.toLowerCase());
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('button', { name: 'Refuse' }).click();
  await expect(page.getByText('It was refused.')).toBeVisible();
  const done = await login.ended;
  expect(done.code).not.toBe(0);
  expect(done.text).toMatch(/refused|denied/);
});
