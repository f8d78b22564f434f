// oidc-provider with rotation on, as the judge of token-server: it revokes a grant when a refresh token comes back.
//
//   node server.mjs
//
// Prints one JSON line {"issuer", "control"} once both listen on free loopback ports. The control port:
//   POST /credentials {client}  mints a grant; answers {refresh_token, grant}
//   GET  /events                all that happened, in order
//   POST /delay {ms}            holds the answers of later token requests back by so long, after the work is done
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import { MemoryAdapter } from './memory_adapter.mjs';

const ACCESS_TOKEN_SECONDS = Number(process.env.ACCESS_TOKEN_SECONDS ?? 4);
const CLIENT_SECRET = 'a secret/with+marks:and %41';

const listen = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`)));

const front = createServer();
const issuer = await listen(front);

// Clients of private_key_jwt, one an algorithm. The key with the right kid is not the first of its set.
const keyPair = (alg) =>
  alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 });
const signers = Object.fromEntries(['ES256', 'RS256', 'PS256'].map((alg) => [alg, { own: keyPair(alg), other: keyPair(alg) }]));
const publicJwk = (pair, kid) => ({ ...pair.publicKey.export({ format: 'jwk' }), kid, use: 'sig' });
const signerPems = Object.fromEntries(Object.entries(signers).map(
  ([alg, { own }]) => [alg, own.privateKey.export({ type: 'pkcs8', format: 'pem' })]));

const redirects = { redirect_uris: ['https://client.example.org/callback'], response_types: ['code'] };
const grants = { grant_types: ['authorization_code', 'refresh_token'] };
const provider = new Provider(issuer, {
  adapter: MemoryAdapter,
  clients: [
    { client_id: 'public', token_endpoint_auth_method: 'none', ...redirects, ...grants },
    { client_id: 'basic', client_secret: CLIENT_SECRET, token_endpoint_auth_method: 'client_secret_basic',
      ...redirects, ...grants },
    { client_id: 'post', client_secret: CLIENT_SECRET, token_endpoint_auth_method: 'client_secret_post',
      ...redirects, ...grants },
    ...Object.entries(signers).map(([alg, { own, other }]) => ({
      client_id: alg, token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: alg,
      jwks: { keys: [publicJwk(other, 'other'), publicJwk(own, 'own')] }, ...redirects, ...grants })),
  ],
  cookies: { keys: ['only for this test'] },
  scopes: ['openid', 'offline_access'],
  rotateRefreshToken: () => true,
  ttl: { AccessToken: ACCESS_TOKEN_SECONDS, RefreshToken: 86400, Grant: 86400, IdToken: 60 },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: { devInteractions: { enabled: false } },
});

const events = [];
const record = (event, fields) => events.push({ event, time: Date.now() / 1000, ...fields });
provider.on('grant.success', (ctx) => record('success', { grant: ctx.oidc.entities.RefreshToken?.grantId }));
provider.on('grant.error', (ctx, error) => record('error', { error: error.error, detail: error.error_detail }));
provider.on('grant.revoked', (ctx, grant) => record('revoked', { grant }));
provider.on('server_error', (ctx, error) => record('server_error', { detail: String(error) }));

let delay = 0;
provider.use(async (ctx, next) => {
  const token = ctx.path === '/token';
  if (token) record('request', {});
  await next();
  if (token && delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
});
front.on('request', provider.callback());

const mint = async ({ client: clientId }) => {
  const client = await provider.Client.find(clientId);
  const accountId = `account-${events.length}`;
  const grant = new provider.Grant({ accountId, clientId });
  grant.addOIDCScope('openid offline_access');
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    accountId, client, grantId, scope: 'openid offline_access', gty: 'authorization_code', rotations: 0,
    authTime: Math.floor(Date.now() / 1000), sessionUid: 'none', expiresWithSession: false,
  });
  return { refresh_token: await token.save(), grant: grantId };
};

const control = createServer((request, response) => {
  let body = '';
  request.on('data', (part) => { body += part; });
  request.on('end', async () => {
    const asked = body ? JSON.parse(body) : {};
    let answer = {};
    if (request.url === '/credentials') answer = await mint(asked);
    if (request.url === '/events') answer = events;
    if (request.url === '/delay') delay = asked.ms;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(answer));
  });
});

console.log(JSON.stringify({ issuer, control: await listen(control), secret: CLIENT_SECRET, keys: signerPems }));
