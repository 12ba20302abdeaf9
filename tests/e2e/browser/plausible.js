// The real Plausible tracker from npm.
import { init, track } from '@plausible-analytics/tracker';
import { E2E, WHO, UTILITY, EVENT, properties, drive } from './common.js';

drive(async () => {
  init({ domain: 'probe.example', endpoint: E2E.base + '/api/event', captureOnLocalhost: true, bindToWindow: false, autoCapturePageviews: true });
  const flat = Object.entries(properties()).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)).map(([key, value]) => [key, String(value)]);
  const sent = (options) => new Promise((callback) => track(EVENT, { ...options, callback }));
  await sent({ props: Object.fromEntries(flat), revenue: { currency: 'USD', amount: UTILITY.amount } });
  await sent({ props: { plan: UTILITY.plan, amount: String(UTILITY.amount), items: '3' }, interactive: false });
});
