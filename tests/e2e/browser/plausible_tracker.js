// The real `plausible-tracker` of npm, the older of the two.
import Plausible from 'plausible-tracker';
import { E2E, UTILITY, EVENT, properties, drive } from './common.js';

drive(async () => {
  const { trackPageview, trackEvent } = Plausible({ domain: 'probe.example', apiHost: E2E.base, trackLocalhost: true });
  const flat = Object.fromEntries(Object.entries(properties()).filter(([, value]) => value !== null && typeof value !== 'object'));
  const sent = (call) => new Promise((callback) => call({ callback }));
  await sent((options) => trackPageview({}, options));
  await sent((options) => trackEvent(EVENT, { ...options, props: flat }));
  await sent((options) => trackEvent(EVENT, { ...options, props: { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items } }));
});
