// The real @segment/analytics-node, or RudderStack's fork of its predecessor with E2E_VARIANT=rudder.
import { createRequire } from 'node:module';
import { driver, finish, properties, profile, EVENT, UTILITY, WHO } from '../driver.mjs';

const load = createRequire(driver.packages);
const trouble = [];
const small = { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items };
const [userId, groupId, previousId] = [WHO.user_id, WHO.org_id, WHO.alias_id];
let client;
if (driver.variant === 'rudder') {
  const Rudder = load('@rudderstack/rudder-sdk-node');
  client = new (Rudder.default ?? Rudder)(driver.project, { dataPlaneUrl: driver.base, flushAt: 50, flushInterval: 60000 });
} else {
  const { Analytics } = load('@segment/analytics-node');
  const { origin, pathname } = new URL(driver.base); // the library takes a host, and a path apart
  client = new Analytics({ writeKey: driver.project, host: origin, path: pathname + '/v1/batch', flushAt: 50, flushInterval: 60000 });
  client.on('error', (error) => trouble.push(String(error.code ?? error).slice(0, 200)));
}
client.identify({ userId, traits: profile(), context: { ip: WHO.ip } });
client.track({ userId, event: EVENT, properties: properties(), context: { ip: WHO.ip, traits: { email: WHO.email } } });
client.track({ userId, event: EVENT, properties: small });
client.page({ userId, name: 'Order of ' + WHO.name, properties: small });
client.group({ userId, groupId, traits: { name: 'Krasnapolsky Ltd', contact_primary: WHO.email } });
client.alias({ userId, previousId });
if (driver.variant === 'rudder') await new Promise((done) => client.flush(done));
else await client.closeAndFlush({ timeout: 20000 });
finish(trouble);
