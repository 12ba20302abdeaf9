// The real @amplitude/analytics-node.
import { createRequire } from 'node:module';
import { driver, finish, properties, profile, EVENT, UTILITY, WHO } from '../driver.mjs';

const amplitude = createRequire(driver.packages)('@amplitude/analytics-node');
const trouble = [];
await amplitude.init(driver.project, { serverUrl: driver.base + '/2/httpapi', flushIntervalMillis: 200, logLevel: 0 }).promise;
const me = { user_id: WHO.user_id, device_id: 'device-of-' + WHO.user_id, ip: WHO.ip };
const identify = new amplitude.Identify();
for (const [key, value] of Object.entries(profile())) identify.set(key, value);
const results = [
  amplitude.identify(identify, me),
  amplitude.setGroup('org', WHO.org_id, me),
  amplitude.track(EVENT, properties(), { ...me, city: WHO.city }),
  amplitude.track(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items }, me),
];
await amplitude.flush().promise;
for (const result of await Promise.all(results.map((r) => r.promise))) if (result.code !== 200) trouble.push(`${result.code} ${result.message}`.slice(0, 200));
finish(trouble);
