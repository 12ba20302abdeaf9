// The real @jitsu/js: page, identify, group, checkout.
import { jitsuAnalytics } from '@jitsu/js';
import { E2E, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  const jitsu = jitsuAnalytics({ host: E2E.base, writeKey: E2E.project + ':secret', fetchTimeoutMs: 20000 });
  await jitsu.page({ name: 'Order of ' + WHO.name, plan: UTILITY.plan });
  await jitsu.identify(WHO.user_id, traits());
  await jitsu.group(WHO.org_id, { name: 'Krasnapolsky Ltd', contact_primary: WHO.email });
  await jitsu.track(EVENT, properties());
  await jitsu.track(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
});
