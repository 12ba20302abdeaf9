// The real statsig-node, the server library.
import { createRequire } from 'node:module';
import { CANARIES, driver, finish, properties, profile, EVENT, UTILITY, WHO } from '../driver.mjs';

const Statsig = createRequire(driver.packages)('statsig-node');
const trouble = [];
const quiet = { debug() {}, info() {}, warn() {}, error(said) { trouble.push(String(said).slice(0, 200)); } };
const details = await Statsig.initialize('secret-' + driver.project, { api: driver.base + '/v1', logger: quiet, disableDiagnostics: true });
if (details?.success === false) trouble.push('not initialized');
const user = { userID: WHO.user_id, email: WHO.email, ip: WHO.ip, country: 'GB', custom: profile(), customIDs: { orgID: WHO.org_id }, privateAttributes: { phone: WHO.phone } };
Statsig.logEvent(user, EVENT, UTILITY.amount, properties());
Statsig.logEvent(user, 'contact', WHO.email, { note: CANARIES.free_text });
Statsig.logEvent(user, EVENT, UTILITY.amount, { plan: UTILITY.plan, items: UTILITY.items });
await Statsig.flush();
await Statsig.shutdownAsync(10000);
finish(trouble);
