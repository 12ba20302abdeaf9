// The real @launchdarkly/node-server-sdk: contexts, a flag's evaluation, events.
import { createRequire } from 'node:module';
import { driver, finish, properties, profile, EVENT, UTILITY, WHO } from '../driver.mjs';

const LaunchDarkly = createRequire(driver.packages)('@launchdarkly/node-server-sdk');
const trouble = [];
const logger = { debug() {}, info() {}, warn() {}, error: (said) => trouble.push(String(said).slice(0, 200)) };
const client = LaunchDarkly.init('sdk-' + driver.project, { baseUri: driver.base, streamUri: driver.base, eventsUri: driver.base, stream: false, diagnosticOptOut: true, flushInterval: 3600, logger });
await client.waitForInitialization({ timeout: 20 });
const context = { kind: 'multi', user: { key: WHO.user_id, ...profile() }, organization: { key: WHO.org_id, name: 'Krasnapolsky Ltd' } };
client.identify(context);
await client.variation('probe-flag', context, false);
client.track(EVENT, context, properties(), UTILITY.amount);
client.track(EVENT, { kind: 'user', key: WHO.user_id }, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
await client.flush();
client.close();
finish(trouble);
