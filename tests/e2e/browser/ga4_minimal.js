// The real @minimal-analytics/ga4, a page script that speaks GA4's own protocol: a view, a checkout.
import { track } from '@minimal-analytics/ga4';
import { E2E, WHO, UTILITY, EVENT, properties, drive } from './common.js';

drive(async () => {
  window.minimalAnalytics = { analyticsEndpoint: E2E.base + '/g/collect' };
  const flat = Object.entries(properties()).filter(([, value]) => ['string', 'number'].includes(typeof value));
  const named = Object.fromEntries(flat.map(([key, value]) => [`${typeof value === 'number' ? 'epn' : 'ep'}.${key}`, value]));
  track('G-PROBE33', { type: 'page_view', event: { uid: WHO.user_id, 'up.email': WHO.email, 'up.plan': UTILITY.plan } });
  track('G-PROBE33', { type: 'checkout_completed', event: { uid: WHO.user_id, 'ep.event': EVENT, ...named } });
});
