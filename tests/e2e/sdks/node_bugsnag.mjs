// The real @bugsnag/node: an error with everything that says who somebody is.
import { createRequire } from 'node:module';
import { CANARIES, driver, finish, properties, profile, EVENT, WHO } from '../driver.mjs';

const Bugsnag = createRequire(driver.packages)('@bugsnag/node').default;
const trouble = [];
Bugsnag.start({
  apiKey: driver.project, endpoints: { notify: driver.base + '/notify', sessions: driver.base + '/sessions' }, hostname: 'host-of-' + WHO.first_name, appVersion: '1.0', logger: null,
  metadata: { profile: profile() }, user: { id: WHO.user_id, email: WHO.email, name: WHO.name },
});
Bugsnag.setContext(EVENT);
Bugsnag.addMetadata('order', properties());
Bugsnag.leaveBreadcrumb('logged in as ' + WHO.email, { phone: WHO.phone, note: CANARIES.free_text });
const sent = (error) => new Promise((done) => Bugsnag.notify(error, (event) => { event.addMetadata('org', { org_id: WHO.org_id }); }, (failure) => { if (failure) trouble.push(String(failure).slice(0, 200)); done(); }));
await sent(new TypeError('card 5555 5555 5555 4444 refused for ' + WHO.email));
await sent(new Error(EVENT));
finish(trouble);
