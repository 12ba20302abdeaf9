// The real @sentry/browser with everything that says who somebody is.
import * as Sentry from '@sentry/browser';
import { E2E, CANARIES, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  const dsn = E2E.base.replace('://', `://${E2E.project}@`) + '/42';
  Sentry.init({
    dsn: E2E.options.tunnel ? `https://${E2E.project}@o42.ingest.sentry.io/42` : dsn, ...(E2E.options.tunnel ? { tunnel: E2E.base + '/tunnel' } : {}),
    sendDefaultPii: true, release: 'probe@1.0', environment: 'probe', tracesSampleRate: 1, enableLogs: true, integrations: [Sentry.browserTracingIntegration()],
  });
  Sentry.setUser({ id: WHO.user_id, email: WHO.email, username: WHO.name, ip_address: WHO.ip });
  Sentry.setTag('plan', UTILITY.plan);
  Sentry.setTag('org_id', WHO.org_id);
  Sentry.setContext('profile', { ...traits() });
  Sentry.setExtra('order', properties());
  Sentry.addBreadcrumb({ category: 'auth', message: 'logged in as ' + WHO.email, data: { phone: WHO.phone } });
  document.getElementById('pay').click();
  Sentry.captureMessage(EVENT);
  Sentry.captureException(new TypeError('card 5555 5555 5555 4444 refused for ' + WHO.email));
  Sentry.logger.info('mail to ' + WHO.email, { phone: WHO.phone, amount: UTILITY.amount });
  Sentry.captureFeedback({ name: WHO.name, email: WHO.email, message: CANARIES.free_text });
  Sentry.startSpan({ name: EVENT, op: 'probe', attributes: { 'user.email': WHO.email, plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items } }, () => {});
  await Sentry.flush(5000);
});
