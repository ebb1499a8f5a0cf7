// A real provider of OpenID Connect for tests: oidc-provider with accounts of
// its own, whose sign-in and consent finish by themselves. Arguments: the folder
// that holds node_modules, the redirect address. It prints its issuer.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, redirect] = process.argv.slice(2);
const require = createRequire(pathToFileURL(folder + '/'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const people = {
  kim: { email: 'kim@example.org', email_verified: true, name: 'Kim Lee', groups: ['platform', 'staff'] },
  lou: { email: 'lou@example.org', email_verified: true, name: 'Lou', groups: ['staff'] },
  ana: { email: 'ana@example.com', email_verified: true, name: 'Ana Ruiz', groups: ['staff'] },
  nia: { email: 'nia@example.org', email_verified: true, name: 'Nia', groups: [] },
  mal: { email: 'ada@example.org', email_verified: false, name: 'Mal', groups: ['platform'] },
};

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'retinue', client_secret: 'for-tests-' + 'only-0123456789abcdef', redirect_uris: [redirect], grant_types: ['authorization_code'], response_types: ['code'] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    pkce: { required: () => true },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_ctx, interaction) => `/finish/${interaction.uid}` },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    cookies: { keys: ['for-tests-only'] },
  });
  const serve = provider.callback();
  server.on('request', async (req, res) => {
    if (!req.url.startsWith('/finish/')) return serve(req, res);
    try {
      const details = await provider.interactionDetails(req, res);
      // The header says who sits at the keyboard.
      const who = req.headers['x-who'] ?? 'kim';
      if (details.prompt.name === 'login') {
        return await provider.interactionFinished(req, res, { login: { accountId: who } }, { mergeWithLastSubmission: false });
      }
      const grant = new provider.Grant({ accountId: details.session.accountId, clientId: 'retinue' });
      grant.addOIDCScope('openid email profile groups');
      return await provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
    } catch (error) {
      res.statusCode = 500;
      res.end(String(error));
    }
  });
  console.log(issuer);
});
