// The real Datadog RUM and Logs SDKs; `proxy` is all that is configured.
import { datadogRum } from '@datadog/browser-rum';
import { datadogLogs } from '@datadog/browser-logs';
import { E2E, CANARIES, WHO, UTILITY, EVENT, properties, drive } from './common.js';

drive(async () => {
  const proxy = E2E.options.fn ? ({ path, parameters }) => `${E2E.base}${path}?${parameters}` : E2E.base;
  const base = { clientToken: 'pub' + E2E.project, site: 'datadoghq.com', service: 'probe', env: 'probe', version: '1.0', proxy, sessionSampleRate: 100, telemetrySampleRate: 0, allowUntrustedEvents: true };
  datadogRum.init({ ...base, applicationId: '1b6a5b3c-9c1d-4e0f-8a2b-3c4d5e6f7a8b', sessionReplaySampleRate: 0, defaultPrivacyLevel: 'allow', trackUserInteractions: true, trackResources: false });
  datadogLogs.init({ ...base, forwardErrorsToLogs: true });
  datadogRum.setUser({ id: WHO.user_id, name: WHO.name, email: WHO.email, phone: WHO.phone, plan: UTILITY.plan, ...CANARIES.oddly_named });
  datadogLogs.setUser({ id: WHO.user_id, name: WHO.name, email: WHO.email });
  datadogRum.setAccount?.({ id: WHO.org_id, name: 'Krasnapolsky Ltd' });
  datadogRum.setGlobalContextProperty('address', { street: WHO.street, city: WHO.city });
  datadogRum.addAction(EVENT, properties());
  datadogRum.addError(new Error('refused for ' + WHO.email), { phone: WHO.phone });
  datadogLogs.logger.info(`${EVENT} by ${WHO.email}`, properties());
  document.getElementById('pay').click();
});
