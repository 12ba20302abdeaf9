// The real @customerio/cdp-analytics-browser: page, identify, group, alias, checkout.
import { AnalyticsBrowser } from '@customerio/cdp-analytics-browser';
import { E2E, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  const apiHost = E2E.base.replace('http://', '') + '/v1';
  const analytics = AnalyticsBrowser.load({ writeKey: E2E.project, cdnURL: E2E.base }, { integrations: { 'Customer.io Data Pipelines': { apiHost, protocol: 'http', ...E2E.options } } });
  await analytics.page('Checkout', 'Order of ' + WHO.name, { plan: UTILITY.plan });
  await analytics.identify(WHO.user_id, traits());
  await analytics.group(WHO.org_id, { name: 'Krasnapolsky Ltd', contact_primary: WHO.email });
  await analytics.alias(WHO.user_id, WHO.alias_id);
  await analytics.track(EVENT, properties(), { context: { ip: WHO.ip, traits: { email: WHO.email } } });
  await analytics.track(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
});
