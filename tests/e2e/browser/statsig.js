// The real @statsig/js-client: initialize, log, change of user.
import { StatsigClient } from '@statsig/js-client';
import { E2E, CANARIES, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  const user = { userID: WHO.user_id, email: WHO.email, ip: WHO.ip, country: 'GB', userAgent: navigator.userAgent, custom: { ...traits() }, customIDs: { orgID: WHO.org_id }, privateAttributes: { phone: WHO.phone } };
  const client = new StatsigClient('client-' + E2E.project, user, { networkConfig: { api: E2E.base + '/v1' }, ...E2E.options });
  await client.initializeAsync();
  if (client.checkGate('probe_gate') !== true) throw new Error('the gate did not come through');
  const words = Object.fromEntries(Object.entries(properties()).filter(([, value]) => value !== null && typeof value !== 'object').map(([key, value]) => [key, String(value)]));
  client.logEvent({ eventName: EVENT, value: UTILITY.amount, metadata: words });
  client.logEvent({ eventName: 'contact', value: WHO.email, metadata: { note: CANARIES.free_text } });
  await client.updateUserAsync({ ...user, custom: { plan: UTILITY.plan } });
  client.logEvent({ eventName: EVENT, value: UTILITY.amount, metadata: { plan: UTILITY.plan, items: '3' } });
  await client.flush();
});
