// The real @bugsnag/browser-performance: a page load and spans, as OTLP.
import BugsnagPerformance from '@bugsnag/browser-performance';
import { E2E, WHO, UTILITY, EVENT, properties, drive } from './common.js';

drive(async () => {
  BugsnagPerformance.start({ apiKey: E2E.project, endpoint: E2E.base + '/v1/traces', appVersion: '1.0', releaseStage: 'test', serviceName: 'probe', samplingProbability: 1, logger: { debug() {}, info() {}, warn() {}, error() {} }, ...E2E.options });
  const flat = Object.fromEntries(Object.entries(properties()).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)));
  const span = BugsnagPerformance.startSpan(EVENT);
  for (const [key, value] of Object.entries({ ...flat, 'enduser.id': WHO.user_id })) span.setAttribute(key, value);
  span.end();
  const small = BugsnagPerformance.startSpan('small');
  small.setAttribute('plan', UTILITY.plan);
  small.end();
});
