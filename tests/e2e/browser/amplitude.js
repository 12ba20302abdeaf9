// The real Amplitude browser SDK with autocapture; without what it measures of the machine (web vitals, network, frustration), whose events come or
// do not as the load has it.
import * as amplitude from '@amplitude/analytics-browser';
import { E2E, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  await amplitude.init(E2E.project, undefined, {
    serverUrl: E2E.base + '/2/httpapi', flushIntervalMillis: 300, autocapture: { elementInteractions: true }, remoteConfig: { fetchRemoteConfig: false }, fetchRemoteConfig: false, ...E2E.options,
  }).promise;
  amplitude.track('Anonymous Visit', { plan: UTILITY.plan });
  amplitude.setUserId(WHO.user_id);
  const identify = new amplitude.Identify();
  for (const [key, value] of Object.entries(traits())) identify.set(key, value);
  identify.add('checkouts', 1).append('mails', WHO.email).setOnce('first_city', WHO.city);
  amplitude.identify(identify, { user_id: WHO.user_id });
  amplitude.setGroup('org', WHO.org_id);
  amplitude.groupIdentify('org', WHO.org_id, new amplitude.Identify().set('contact_primary', WHO.email));
  amplitude.track(EVENT, properties(), { ip: WHO.ip, city: WHO.city, location_lat: 37.77 });
  amplitude.revenue(new amplitude.Revenue().setProductId('sku-1').setPrice(UTILITY.amount).setQuantity(3).setEventProperties({ receipt_to: WHO.email }));
  await amplitude.track(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items }).promise;
});
