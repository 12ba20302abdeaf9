// The real heap-api. Its host is fixed.
import { createRequire } from 'node:module';
import { driver, finish, properties, profile, EVENT, UTILITY, WHO } from '../driver.mjs';
import { reroute } from './reroute.mjs';

reroute('heapanalytics.com');
const client = createRequire(driver.packages)('heap-api')('1234567');
const trouble = [];
const flat = (given) => Object.fromEntries(Object.entries(given).filter(([, value]) => (typeof value === 'string' && value.length) || typeof value === 'number'));
const call = async (name, run) => { try { await run; } catch (error) { trouble.push(`${name}: ${String(error).slice(0, 160)}`); } };
await call('track', client.track(EVENT, WHO.user_id, flat(properties())));
await call('track small', client.track(EVENT, WHO.email, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items }));
await call('addUserProperties', client.addUserProperties(WHO.user_id, flat(profile())));
finish(trouble);
