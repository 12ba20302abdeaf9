// The real LaunchDarkly client: flags for a context that stands in the path (or in a REPORT body), events.
import * as LaunchDarkly from 'launchdarkly-js-client-sdk';
import { E2E, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  const context = { kind: 'multi', user: { key: WHO.user_id, anonymous: false, ...traits(), _meta: { privateAttributes: ['phone'] } }, organization: { key: WHO.org_id, name: 'Krasnapolsky Ltd' } };
  const client = LaunchDarkly.initialize('64ab1ab70c0ffee123456789', context, {
    baseUrl: E2E.base, eventsUrl: E2E.base, streamUrl: E2E.base, flushInterval: 2000, useReport: Boolean(E2E.options.useReport), evaluationReasons: true,
  });
  await client.waitForInitialization(15);
  if (client.variation('probe-flag', false) !== true) throw new Error('the flag did not come through');
  client.track(EVENT, properties(), UTILITY.amount);
  await client.identify({ kind: 'user', key: WHO.user_id, email: WHO.email, plan: UTILITY.plan });
  client.track(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
  await client.flush();
});
