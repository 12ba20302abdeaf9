// raven, Sentry's library for Node before @sentry/node: base64 of zlib, sent to the store.
import { createRequire } from 'node:module';
import { driver, finish, properties, profile, EVENT, UTILITY, WHO } from '../driver.mjs';

const Raven = createRequire(driver.packages)('raven');
const trouble = [];
Raven.config(driver.base.replace('://', `://${driver.project}:secret@`) + '/42', { release: 'probe@1.0', name: 'host-of-' + WHO.first_name, tags: { org_id: WHO.org_id } });
Raven.setContext({ user: { id: WHO.user_id, email: WHO.email, username: WHO.name, ip_address: WHO.ip }, tags: { plan: UTILITY.plan }, extra: { order: properties(), profile: profile() } });
Raven.captureBreadcrumb({ category: 'auth', message: 'logged in as ' + WHO.email, data: { phone: WHO.phone } });
const sent = (call) => new Promise((done) => call((error) => { if (error) trouble.push(String(error).slice(0, 200)); done(); }));
await sent((done) => Raven.captureMessage(EVENT, { level: 'info', extra: { amount: UTILITY.amount } }, done));
await sent((done) => Raven.captureException(new TypeError('card 5555 5555 5555 4444 refused for ' + WHO.email), done));
finish(trouble);
