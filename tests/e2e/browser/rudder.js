// The real RudderStack JavaScript SDK, bundled with its plugins: page, identify, group, alias, checkout.
import { RudderAnalytics } from '@rudderstack/analytics-js/bundled';
import { E2E, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  const rudder = new RudderAnalytics();
  rudder.load(E2E.project, E2E.base, { configUrl: E2E.base, queueOptions: { minRetryDelay: 500 }, ...E2E.options });
  await new Promise((ready) => rudder.ready(ready));
  const sent = (call) => new Promise((done) => call(done));
  await sent((done) => rudder.page('Checkout', 'Order of ' + WHO.name, { plan: UTILITY.plan }, done));
  await sent((done) => rudder.identify(WHO.user_id, traits(), done));
  await sent((done) => rudder.group(WHO.org_id, { name: 'Krasnapolsky Ltd', contact_primary: WHO.email }, done));
  await sent((done) => rudder.alias(WHO.user_id, WHO.alias_id, done));
  await sent((done) => rudder.track(EVENT, properties(), { ip: WHO.ip }, done));
  await sent((done) => rudder.track(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items }, done));
});
