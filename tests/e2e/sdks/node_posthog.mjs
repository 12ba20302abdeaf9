// The real posthog-node: identify, group, alias, checkout.
import { createRequire } from 'node:module';
import { driver, finish, properties, profile, EVENT, UTILITY, WHO } from '../driver.mjs';

const { PostHog } = createRequire(driver.packages)('posthog-node');
const trouble = [];
const client = new PostHog(driver.project, { host: driver.base, flushAt: 50, flushInterval: 200, disableGeoip: false });
client.on('error', (error) => trouble.push(String(error).slice(0, 200)));
const distinctId = WHO.user_id;
client.identify({ distinctId, properties: { $set: profile(), $set_once: { first_city: WHO.city } } });
client.groupIdentify({ groupType: 'company', groupKey: WHO.org_id, properties: { name: 'Krasnapolsky Ltd', contact_primary: WHO.email } });
client.alias({ distinctId, alias: WHO.alias_id });
client.capture({ distinctId, event: EVENT, properties: { ...properties(), $ip: WHO.ip }, groups: { company: WHO.org_id } });
client.capture({ distinctId, event: EVENT, properties: { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items } });
await client.shutdown(20000);
finish(trouble);
