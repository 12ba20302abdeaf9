// The real Countly web SDK: session, profile, checkout, a view, an error.
import Countly from 'countly-sdk-web';
import { E2E, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  Countly.init({ app_key: E2E.project, url: E2E.base, app_version: '1.0', debug: false, require_consent: false, interval: 300, ...E2E.options });
  Countly.set_id(WHO.user_id);
  Countly.track_sessions();
  Countly.track_pageview('/account/' + WHO.user_id + '/checkout');
  const { first_name, last_name, city, address, tags, birthday, ...rest } = traits();
  Countly.user_details({ name: WHO.name, username: WHO.alias_id, email: WHO.email, phone: WHO.phone, organization: WHO.org_id, byear: 1979, gender: 'F', picture: 'https://shop.example/pic/' + WHO.user_id, custom: { ...rest, city, mails: tags } });
  Countly.userData.set('org_id', WHO.org_id);
  Countly.userData.push('mails', WHO.email);
  Countly.userData.save();
  Countly.add_event({ key: EVENT, count: 1, sum: UTILITY.amount, segmentation: Object.fromEntries(Object.entries(properties()).filter(([, value]) => value !== null && typeof value !== 'object')) });
  Countly.recordError(new Error('refused for ' + WHO.email), true, { phone: WHO.phone });
  Countly.add_event({ key: EVENT, count: 1, sum: UTILITY.amount, segmentation: { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items } });
});
