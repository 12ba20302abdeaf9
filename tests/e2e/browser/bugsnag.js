// The real @bugsnag/browser: a session, an error with everything that says who somebody is.
import Bugsnag from '@bugsnag/browser';
import { E2E, CANARIES, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  Bugsnag.start({
    apiKey: E2E.project, endpoints: { notify: E2E.base + '/notify', sessions: E2E.base + '/sessions' }, appVersion: '1.0', releaseStage: 'test', collectUserIp: true, logger: null, ...E2E.options,
    user: { id: WHO.user_id, email: WHO.email, name: WHO.name }, metadata: { profile: traits() }, featureFlags: [{ name: 'plan', variant: UTILITY.plan }, { name: 'owner', variant: WHO.email }],
  });
  Bugsnag.setContext(EVENT);
  Bugsnag.addMetadata('order', properties());
  Bugsnag.leaveBreadcrumb('logged in as ' + WHO.email, { phone: WHO.phone, note: CANARIES.free_text });
  document.getElementById('pay').click();
  const sent = (error, more) => new Promise((done) => Bugsnag.notify(error, more, done));
  await sent(new TypeError('card 5555 5555 5555 4444 refused for ' + WHO.email), (event) => { event.addMetadata('org', { org_id: WHO.org_id }); event.groupingHash = 'checkout'; });
  await sent(new Error(EVENT));
});
