// A real measurement-protocol library for GA4. Its host is fixed: its requests are sent to the proxy the way its users do it.
import ga4mp from '@analytics-debugger/ga4mp';
import { E2E, WHO, UTILITY, EVENT, properties, drive } from './common.js';

drive(async () => {
  const fix = (url) => String(url).replace(/^https:\/\/[^/]*google-analytics\.com/, E2E.base);
  const beacon = navigator.sendBeacon.bind(navigator);
  navigator.sendBeacon = (url, data) => beacon(fix(url), data);
  const plain = window.fetch;
  window.fetch = (url, options) => plain(fix(url), options);
  const open = XMLHttpRequest.prototype.open;
  XMLHttpRequest.prototype.open = function (method, url, ...rest) { return open.call(this, method, fix(url), ...rest); };
  const flat = Object.fromEntries(Object.entries(properties()).filter(([, value]) => ['string', 'number'].includes(typeof value)));
  const tracker = ga4mp(['G-PROBE33'], { user_id: WHO.user_id, user_properties: { email: WHO.email, plan: UTILITY.plan }, non_personalized_ads: false, debug: false });
  tracker.trackEvent('page_view', { page_location: location.href, page_referrer: document.referrer, page_title: document.title });
  tracker.trackEvent('checkout_completed', { event: EVENT, ...flat, items: [{ item_id: 'sku-1', item_name: 'for ' + WHO.name, price: UTILITY.amount, quantity: 3 }] });
});
