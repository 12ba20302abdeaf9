// The real @sentry/node: a message, an exception, a transaction, a log.
import { createRequire } from 'node:module';
import { driver, finish, properties, profile, EVENT, UTILITY, WHO } from '../driver.mjs';

const Sentry = createRequire(driver.packages)('@sentry/node');
Sentry.init({
  dsn: driver.base.replace('://', `://${driver.project}@`) + '/42', sendDefaultPii: true, tracesSampleRate: 1, release: 'probe@1.0', environment: 'probe', enableLogs: true,
  serverName: 'host-of-' + WHO.first_name,
});
Sentry.setUser({ id: WHO.user_id, email: WHO.email, username: WHO.name, ip_address: WHO.ip });
Sentry.setTag('plan', UTILITY.plan);
Sentry.setTag('org_id', WHO.org_id);
Sentry.setContext('profile', profile());
Sentry.setExtra('order', properties());
Sentry.addBreadcrumb({ category: 'auth', message: 'logged in as ' + WHO.email, data: { phone: WHO.phone } });
Sentry.captureMessage(EVENT);
Sentry.captureException(new TypeError('card 5555 5555 5555 4444 refused for ' + WHO.email));
Sentry.startSpan({ name: EVENT, op: 'probe', attributes: { 'user.email': WHO.email, plan: UTILITY.plan, amount: UTILITY.amount } }, () => {});
Sentry.logger.info('mail to ' + WHO.email, { phone: WHO.phone, amount: UTILITY.amount });
await Sentry.flush(15000);
finish();
