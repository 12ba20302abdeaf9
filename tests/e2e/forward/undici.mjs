// Node's undici through the forward proxy: fetch with a ProxyAgent, the host being the vendor's own.
import { createRequire } from 'node:module';

const packages = createRequire(process.env.E2E_PACKAGES ?? new URL('../../.cache/node/package.json', import.meta.url));
const { ProxyAgent, fetch } = packages('undici');

const dispatcher = new ProxyAgent(process.env.E2E_PROXY);
const answer = await fetch('https://api.mixpanel.com/track', {
  method: 'POST', dispatcher, headers: { 'content-type': 'application/json' }, body: process.env.E2E_BODY,
});
if (answer.status !== 200) throw new Error(`status ${answer.status}: ${await answer.text()}`);
await answer.text();
await dispatcher.close();
