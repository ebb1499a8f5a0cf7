import type { Browser, Page } from '@playwright/test';
import { accessible, expect, giveFactor, settled, test as base } from './fixtures';
import { Installation, nobody } from './installation';
import { absent, Provider } from './provider';

// Roles and providers are changed here: the server is one of its own, without the sample.
const test = base.extend<object, { here: Installation; provider: Provider }>({
  here: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use, info) => {
      const here = await Installation.start();
      await here.setUp();
      await use(here);
      await here.stop(`server-${info.workerIndex}-signon`);
    },
    { scope: 'worker' },
  ],
  provider: [
    async ({ here }, use) => {
      const provider = await Provider.start(`${here.url}/api/v1/auth/sign-in/oidc/callback`);
      await use(provider);
      provider.stop();
    },
    { scope: 'worker' },
  ],
});

test.describe.configure({ mode: 'serial' });
test.skip(() => absent() !== undefined, 'oidc-provider is not installed');

/** A browser of somebody else, whom the provider knows. */
async function browserOf(browser: Browser, who: string): Promise<Page> {
  const context = await browser.newContext({ storageState: nobody, extraHTTPHeaders: { 'x-who': who }, locale: 'en-GB' });
  return context.newPage();
}

/** A device that keeps passkeys and knows its owner, as the browser's own protocol offers it for tests. */
async function device(page: Page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
  });
  return {
    /** Whether its owner is known by finger or face. */
    known: (isUserVerified: boolean) => cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
    keys: async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
  };
}

test('a provider is set up, and its groups are given roles', async ({ page, here, provider, watch }) => {
  watch.allow(/403|422/);
  await giveFactor(page, here);
  await page.goto('/settings/sign-on');
  await settled(page);
  await page.getByRole('button', { name: 'Add provider' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'Add provider' });
  await dialog.getByLabel('Name').fill('Company');
  await dialog.getByLabel('Issuer').fill(`${provider.issuer}/nowhere`);
  await dialog.getByLabel('Client id').fill(provider.clientId);
  await dialog.getByRole('textbox', { name: 'Client secret' }).fill(provider.clientSecret);
  await dialog.getByRole('button', { name: 'Add provider' }).click();
  // What is wrong with the address is said here, and not to the first who signs in.
  await expect(dialog.getByText('No provider of OpenID Connect answers there')).toBeVisible();
  await expect(dialog.getByLabel('Issuer')).toHaveAttribute('aria-invalid', 'true');
  await accessible(page, 'provider that does not answer');
  await dialog.getByLabel('Issuer').fill(provider.issuer);
  await dialog.getByLabel('Further scopes').fill('groups');
  await page.keyboard.press('Enter');
  await dialog.getByLabel(/^A verified e-mail address/).check();
  for (const [group, role] of [
    ['platform', 'operator'],
    ['staff', 'viewer'],
  ] as const) {
    await dialog.getByRole('button', { name: 'Add a group' }).click();
    const one = page.getByRole('dialog', { name: 'Role of a group' });
    await one.getByLabel('Group').fill(group);
    await one.getByRole('combobox', { name: 'Role' }).click();
    await page.getByRole('option', { name: role, exact: true }).click();
    await one.getByRole('button', { name: 'Add the group' }).click();
    await expect(dialog.getByRole('row', { name: new RegExp(group) })).toContainText(role);
  }
  await accessible(page, 'provider');
  await dialog.getByRole('button', { name: 'Add provider' }).click();
  await expect(page.getByText('Company is saved.')).toBeVisible();
  await expect(page.getByRole('row', { name: /Company/ })).toContainText('2 groups have one');
});

test('somebody signs in at the provider, comes back to where they wanted to be, and has the roles of their groups', async ({ browser, here }) => {
  const page = await browserOf(browser, 'kim');
  await page.goto(`${here.url}/findings?severity=critical`);
  await page.getByRole('button', { name: 'Continue with Company' }).click();
  await expect(page).toHaveURL(/\/findings\?severity=critical/);
  await settled(page);
  await page.goto(`${here.url}/settings/you`);
  await settled(page);
  const who = page.getByRole('region', { name: 'Who you are' });
  await expect(who).toContainText('Kim Lee');
  await expect(who).toContainText('operator');
  await expect(who).toContainText('viewer');
  // Operators add sources; accounts are an administrator's.
  await page.goto(`${here.url}/sources`);
  await expect(page.getByRole('button', { name: 'Add source' }).first()).toBeVisible();
  await page.goto(`${here.url}/settings/people`);
  await expect(page.getByRole('button', { name: 'Invite somebody' })).toHaveCount(0);
  await page.context().close();
});

test('somebody of another group has its role alone', async ({ browser, here }) => {
  const page = await browserOf(browser, 'lou');
  await page.goto(`${here.url}/sign-in?to=%2Fsettings%2Fyou`);
  await page.getByRole('button', { name: 'Continue with Company' }).click();
  await settled(page);
  const who = page.getByRole('region', { name: 'Who you are' });
  await expect(who).toContainText('viewer');
  await expect(who).not.toContainText('operator');
  await page.context().close();
});

test('somebody whom the provider knows, and whose groups have no role, is told whom to ask', async ({ browser, here }) => {
  const page = await browserOf(browser, 'nia');
  await page.goto(`${here.url}/sign-in`);
  await page.getByRole('button', { name: 'Continue with Company' }).click();
  await expect(page.getByText('Ask an administrator for an invitation.')).toBeVisible();
  await accessible(page, 'not let in');
  await page.context().close();
});

test.describe('passkeys', () => {
  test.use({ signedIn: false, extraHTTPHeaders: { 'x-who': 'ana' } });

  test('a passkey is made, asked for as a fresh second factor, signs in, and is removed', async ({ page, context, here, provider, watch }) => {
    watch.allow(/40[13]/);
    watch.allow(new RegExp(`request to ${provider.issuer}`));
    const own = await device(page);
    // By the provider, whose e-mail address is that of the account: signed in without a second factor.
    await page.goto('/sign-in?to=%2Fsettings%2Fyou');
    await page.getByRole('button', { name: 'Continue with Company' }).click();
    await settled(page);
    await expect(page.getByRole('region', { name: 'Who you are' })).toContainText('admin');
    await page.getByRole('button', { name: 'Add passkey' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add passkey' });
    await dialog.getByLabel('Name of the passkey').fill('test key');
    await dialog.getByRole('button', { name: 'Add passkey' }).click();
    // Whoever has taken the session over cannot add a key of their own.
    const ask = page.getByRole('dialog', { name: 'Confirm that it is you' });
    await ask.getByRole('textbox', { name: /code/i }).fill(await here.app.code());
    await ask.getByRole('button', { name: 'Confirm' }).click();
    await expect(page.getByRole('row', { name: /test key/ })).toBeVisible();
    expect(await own.keys()).toHaveLength(1);
    // The same device twice is said in words.
    await page.getByRole('button', { name: 'Add passkey' }).click();
    await dialog.getByLabel('Name of the passkey').fill('again');
    await dialog.getByRole('button', { name: 'Add passkey' }).click();
    await expect(dialog.getByRole('alert')).toContainText('already has a passkey');
    await dialog.getByRole('button', { name: 'Cancel' }).click();

    // As the second factor of another session that has none.
    await context.clearCookies();
    await page.goto('/sign-in?to=%2Fsettings%2Ftokens');
    await page.getByRole('button', { name: 'Continue with Company' }).click();
    await settled(page);
    await page.getByRole('button', { name: 'Create token' }).first().click();
    const form = page.getByRole('dialog', { name: /token/i });
    await form.getByLabel('Name', { exact: true }).fill('by-passkey');
    await own.known(false);
    await form.getByRole('button', { name: 'Create token' }).click();
    await ask.getByRole('button', { name: 'Use a passkey' }).click();
    await expect(ask.getByRole('alert')).toContainText('closed or timed out');
    await accessible(page, 'second factor refused');
    await own.known(true);
    await ask.getByRole('button', { name: 'Use a passkey' }).click();
    await expect(page.getByText('Copy this token now.')).toBeVisible();
    await page.getByRole('button', { name: 'I have kept it' }).click();

    // Signing in with nothing else.
    await context.clearCookies();
    await page.goto('/sign-in?to=%2Fsettings%2Fyou');
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await settled(page);
    await expect(page.getByRole('region', { name: 'Where you are signed in' })).toContainText(/passkey/i);
    // It is a second factor as well: nothing more is asked for.
    await page.getByRole('button', { name: 'Remove test key' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove passkey test key' }).click();
    await expect(page.getByText('Removed.')).toBeVisible();

    // A passkey that was removed signs nobody in.
    await context.clearCookies();
    await page.goto('/sign-in');
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await expect(page.getByRole('alert')).toContainText('did not match');
  });
});
