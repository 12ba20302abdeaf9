// The real mixpanel-browser, as a shop uses it: page view, anonymous visit, sign-in, profile, group, alias, checkout.
import mixpanel from 'mixpanel-browser';
import { E2E, CANARIES, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  const { recorded, ...options } = E2E.options; // `recorded` is for run.mjs, which waits for the recorder's own timer
  mixpanel.init(E2E.project, { api_host: E2E.base, track_pageview: true, batch_flush_interval_ms: 400, ...options });
  mixpanel.track('Anonymous Visit', { plan: UTILITY.plan });
  const device = mixpanel.get_property('$device_id');
  mixpanel.register({ account_email: WHO.email, super_city: WHO.city });
  mixpanel.identify(WHO.user_id);
  const t = traits();
  mixpanel.people.set({ $name: t.name, $first_name: t.first_name, $last_name: t.last_name, $email: t.email, $phone: t.phone, $city: t.city, address: t.address, birthday: t.birthday, tags: t.tags, plan: t.plan, ...CANARIES.oddly_named });
  mixpanel.people.set_once({ invited_by: WHO.email, plan: UTILITY.plan });
  mixpanel.people.increment('checkouts', 1);
  mixpanel.people.append('mails', WHO.email);
  mixpanel.people.union('mails', [WHO.email]);
  mixpanel.people.track_charge(UTILITY.amount, { receipt_to: WHO.email });
  mixpanel.set_group('org_id', WHO.org_id);
  mixpanel.get_group('org_id', WHO.org_id).set({ company: 'Krasnapolsky Ltd', plan: UTILITY.plan, ...CANARIES.oddly_named });
  mixpanel.alias(WHO.alias_id, WHO.user_id);
  mixpanel.track(EVENT, properties());
  document.getElementById('pay').click();
  const mail = document.getElementById('mail');
  mail.value = WHO.email;
  mail.dispatchEvent(new Event('change', { bubbles: true }));
  mixpanel.track(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
  return { canaries: { device_id: device } };
});
