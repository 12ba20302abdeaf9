// The library of Jitsu 1, @jitsu/sdk-js: identify, a view, checkout.
import { jitsuClient } from '@jitsu/sdk-js';
import { E2E, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  const jitsu = jitsuClient({ key: 'js.' + E2E.project, tracking_host: E2E.base, ip_policy: 'keep', cookie_policy: 'keep', log_level: 'ERROR', ...E2E.options });
  await jitsu.id({ id: WHO.user_id, internal_id: WHO.user_id, email: WHO.email, ...traits() });
  jitsu.set({ org_id: WHO.org_id });
  await jitsu.track('page_view', { title: 'Order of ' + WHO.name });
  await jitsu.track(EVENT, properties());
  await jitsu.track(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
});
