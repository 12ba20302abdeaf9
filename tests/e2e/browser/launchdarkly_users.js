// The LaunchDarkly client of before contexts: a user, whose key stands in place of an event's name in some events.
import * as LaunchDarkly from 'launchdarkly-js-client-sdk-2';
import { E2E, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  const user = { key: WHO.user_id, ip: WHO.ip, email: WHO.email, name: WHO.name, firstName: WHO.first_name, lastName: WHO.last_name, custom: { ...traits(), org_id: WHO.org_id }, privateAttributeNames: ['phone'] };
  const client = LaunchDarkly.initialize('64ab1ab70c0ffee123456789', user, { baseUrl: E2E.base, eventsUrl: E2E.base, streamUrl: E2E.base, flushInterval: 2000, inlineUsersInEvents: true, evaluationReasons: true, ...E2E.options });
  await client.waitForInitialization();
  if (client.variation('probe-flag', false) !== true) throw new Error('the flag did not come through');
  client.track(EVENT, properties(), UTILITY.amount);
  client.alias({ key: WHO.user_id }, { key: WHO.alias_id, anonymous: true });
  await client.identify({ key: WHO.user_id, email: WHO.email, custom: { plan: UTILITY.plan } });
  client.track(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
  await client.flush();
});
