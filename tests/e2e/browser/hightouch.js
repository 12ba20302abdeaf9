// The real Hightouch events SDK: page, identify, group, alias, checkout.
import { HtEventsBrowser } from '@ht-sdks/events-sdk-js-browser';
import { E2E, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  const apiHost = E2E.base.replace('http://', '');
  const events = HtEventsBrowser.load({ writeKey: E2E.project }, { apiHost, protocol: 'http', ...E2E.options });
  await events.page('Checkout', 'Order of ' + WHO.name, { plan: UTILITY.plan });
  await events.identify(WHO.user_id, traits());
  await events.group(WHO.org_id, { name: 'Krasnapolsky Ltd', contact_primary: WHO.email });
  await events.alias(WHO.user_id, WHO.alias_id);
  await events.track(EVENT, properties(), { context: { ip: WHO.ip, traits: { email: WHO.email } } });
  await events.track(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
});
