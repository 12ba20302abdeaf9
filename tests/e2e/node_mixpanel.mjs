// The real `mixpanel` server library of npm: every call it has that sends something. Only host, protocol and path are set.
import { createRequire } from 'node:module';
import { driver, properties, profile, WHO, UTILITY, EVENT, CANARIES, finish } from './driver.mjs';

const Mixpanel = createRequire(driver.packages)('mixpanel');
const base = new URL(driver.base);
const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
const client = Mixpanel.init(driver.project, {
  host: base.host, protocol: 'http', path: base.pathname === '/' ? '' : base.pathname, verbose: driver.variant === 'verbose', key: 'probe-api-key', logger: quiet,
});
const me = WHO.user_id;
const trouble = [];
const call = (name, run) => new Promise((done) => run((error) => {
  const errors = [].concat(error ?? []).filter(Boolean);
  if (errors.length) trouble.push(`${name}: ${errors[0].message ?? errors[0]}`);
  done();
}));
const hour = 1700000000;

await call('track', (cb) => client.track(EVENT, { distinct_id: me, ...properties() }, cb));
await call('track_batch', (cb) => client.track_batch([
  { event: EVENT, properties: { distinct_id: me, ...properties() } },
  { event: EVENT, properties: { distinct_id: me, plan: UTILITY.plan, amount: UTILITY.amount } },
], cb));
await call('import', (cb) => client.import(EVENT, hour, { distinct_id: me, ...properties() }, cb));
await call('import_batch', (cb) => client.import_batch([
  { event: EVENT, properties: { distinct_id: me, time: hour, ...properties() } },
  { event: EVENT, properties: { distinct_id: me, time: hour + 60, plan: UTILITY.plan } },
], cb));
await call('alias', (cb) => client.alias(me, WHO.alias_id, cb));
await call('people.set', (cb) => client.people.set(me, profile(), { $ip: WHO.ip }, cb));
await call('people.set_once', (cb) => client.people.set_once(me, { plan: UTILITY.plan, referred_by: WHO.email }, cb));
await call('people.increment', (cb) => client.people.increment(me, 'items', 3, cb));
await call('people.append', (cb) => client.people.append(me, 'mails', WHO.email, cb));
await call('people.union', (cb) => client.people.union(me, { mails: [WHO.email] }, cb));
await call('people.track_charge', (cb) => client.people.track_charge(me, UTILITY.amount, { receipt_to: WHO.email }, cb));
await call('groups.set', (cb) => client.groups.set('org_id', WHO.org_id, { company: 'Krasnapolsky Ltd', plan: UTILITY.plan, ...CANARIES.oddly_named }, cb));
finish(trouble);
