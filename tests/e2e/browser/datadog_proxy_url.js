// The Datadog RUM and Logs SDKs of version 4: `proxyUrl` gets the whole URL of the target.
import { datadogRum } from 'datadog-browser-rum-4';
import { datadogLogs } from 'datadog-browser-logs-4';
import { E2E, CANARIES, WHO, UTILITY, EVENT, properties, drive } from './common.js';

drive(async () => {
  const base = { clientToken: 'pub' + E2E.project, site: 'datadoghq.com', service: 'probe', env: 'probe', version: '1.0', proxyUrl: E2E.base, sampleRate: 100, telemetrySampleRate: 0 };
  datadogRum.init({ ...base, applicationId: '1b6a5b3c-9c1d-4e0f-8a2b-3c4d5e6f7a8b', replaySampleRate: 0, trackInteractions: true, trackResources: false });
  datadogLogs.init({ ...base, forwardErrorsToLogs: true });
  for (const sdk of [datadogRum, datadogLogs]) sdk.setUser({ id: WHO.user_id, name: WHO.name, email: WHO.email, phone: WHO.phone, plan: UTILITY.plan, ...CANARIES.oddly_named });
  datadogRum.setGlobalContextProperty('address', { street: WHO.street, city: WHO.city });
  datadogRum.addAction(EVENT, properties());
  datadogRum.addError(new Error('refused for ' + WHO.email), { phone: WHO.phone });
  datadogLogs.logger.info(`${EVENT} by ${WHO.email}`, properties());
  document.getElementById('pay').click();
});
