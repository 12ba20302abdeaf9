// The real posthog-js: sign-in, profile, group, alias, checkout, an exception, feature flags.
import posthog from 'posthog-js';
import { E2E, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  await new Promise((loaded) => posthog.init(E2E.project, {
    api_host: E2E.base, person_profiles: 'always', opt_out_useragent_filter: true, disable_session_recording: true, disable_surveys: true,
    request_queue_config: { flush_interval_ms: 300 }, ...E2E.options, loaded,
  }));
  posthog.register({ account_email: WHO.email });
  posthog.identify(WHO.user_id, traits(), { initial_contact: WHO.email });
  posthog.group('company', WHO.org_id, { name: 'Krasnapolsky Ltd', contact_primary: WHO.email });
  posthog.alias(WHO.alias_id);
  posthog.setPersonProperties({ street: WHO.street }, { first_city: WHO.city });
  posthog.capture(EVENT, properties());
  document.getElementById('pay').click();
  posthog.captureException(new Error('cannot charge ' + WHO.email));
  posthog.capture(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
});
