// The real customerio-node (Track API), or @customerio/cdp-analytics-node with E2E_VARIANT=cdp.
import { createRequire } from 'node:module';
import { driver, finish, properties, profile, EVENT, UTILITY, WHO } from '../driver.mjs';

const load = createRequire(driver.packages);
const trouble = [];
const small = { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items };
const [userId, groupId, previousId] = [WHO.user_id, WHO.org_id, WHO.alias_id];
if (driver.variant === 'cdp') {
  const { Analytics } = load('@customerio/cdp-analytics-node');
  const { origin, pathname } = new URL(driver.base);
  const client = new Analytics({ writeKey: driver.project, host: origin, path: pathname + '/v1/batch', maxEventsInBatch: 50, flushInterval: 60000 });
  client.on('error', (error) => trouble.push(String(error.code ?? error).slice(0, 200)));
  client.identify({ userId, traits: profile(), context: { ip: WHO.ip } });
  client.track({ userId, event: EVENT, properties: properties(), context: { ip: WHO.ip, traits: { email: WHO.email } } });
  client.track({ userId, event: EVENT, properties: small });
  client.page({ userId, name: 'Order of ' + WHO.name, properties: small });
  client.group({ userId, groupId, traits: { name: 'Krasnapolsky Ltd', contact_primary: WHO.email } });
  client.alias({ userId, previousId });
  await client.closeAndFlush({ timeout: 20000 });
} else {
  const { TrackClient } = load('customerio-node');
  const client = new TrackClient('probe-site', driver.project, { url: driver.base + '/api/v1' });
  const call = async (name, run) => { try { await run; } catch (error) { trouble.push(`${name}: ${String(error).slice(0, 160)}`); } };
  await call('identify', client.identify(userId, { ...profile(), email: WHO.email, created_at: 1700000000 }));
  await call('track', client.track(userId, { name: EVENT, data: properties() }));
  await call('track small', client.track(userId, { name: EVENT, data: small }));
  await call('trackAnonymous', client.trackAnonymous('anon-of-' + userId, { name: EVENT, data: { ...small, email: WHO.email } }));
  await call('trackPageView', client.trackPageView(userId, 'https://shop.example/account/' + userId + '?email=' + encodeURIComponent(WHO.email)));
  await call('addDevice', client.addDevice(userId, 'token-of-' + userId, 'ios', { last_used: 1700000000 }));
  await call('mergeCustomers', client.mergeCustomers('id', userId, 'email', WHO.email));
  await call('suppress', client.suppress(WHO.alias_id));
}
finish(trouble);
