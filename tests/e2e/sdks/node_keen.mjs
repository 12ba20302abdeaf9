// The real keen-tracking on a server. It takes a host without port or path.
import { createRequire } from 'node:module';
import { driver, finish, properties, EVENT, UTILITY, WHO } from '../driver.mjs';
import { reroute } from './reroute.mjs';

reroute('keen.probe.example');
const Keen = createRequire(driver.packages)('keen-tracking');
const trouble = [];
const client = new (Keen.default ?? Keen)({ projectId: driver.project.slice(0, 24), writeKey: driver.project, host: 'keen.probe.example' });
const who = { user: { uuid: WHO.user_id, email: WHO.email }, org_id: WHO.org_id };
const call = async (name, run) => { try { await run; } catch (error) { trouble.push(`${name}: ${String(error.message ?? error).slice(0, 160)}`); } };
await call('recordEvent', client.recordEvent('checkouts', { event: EVENT, ...who, ...properties() }));
await call('recordEvents', client.recordEvents({ checkouts: [{ event: EVENT, ...who, plan: UTILITY.plan, amount: UTILITY.amount }, { event: EVENT, ...who, items: UTILITY.items }] }));
finish(trouble);
