// The real Application Insights web SDK; the connection string is all that is configured.
import { ApplicationInsights } from '@microsoft/applicationinsights-web';
import { E2E, CANARIES, WHO, UTILITY, EVENT, properties, drive } from './common.js';

drive(async () => {
  const key = E2E.project.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const ai = new ApplicationInsights({ config: {
    connectionString: `InstrumentationKey=${key};IngestionEndpoint=${E2E.base}`, maxBatchInterval: 300, disableFetchTracking: true, disableAjaxTracking: true, disableStatsbeat: true,
    extensionConfig: { AppInsightsCfgSyncPlugin: { cfgUrl: '' } }, ...E2E.options,
  } });
  ai.loadAppInsights();
  ai.setAuthenticatedUserContext(WHO.user_id, WHO.org_id, true);
  ai.addTelemetryInitializer((item) => { item.data = { ...item.data, reach_via: WHO.email }; });
  ai.trackPageView({ name: 'Order of ' + WHO.name, uri: location.href, properties: { plan: UTILITY.plan } });
  ai.trackEvent({ name: EVENT, properties: properties(), measurements: { amount: UTILITY.amount } });
  ai.trackTrace({ message: CANARIES.free_text, severityLevel: 1 }, { phone: WHO.phone });
  ai.trackException({ exception: new Error('refused for ' + WHO.email), properties: { phone: WHO.phone } });
  ai.trackMetric({ name: 'amount', average: UTILITY.amount }, { plan: UTILITY.plan, email: WHO.email });
  ai.trackDependencyData({ id: 'a1', name: 'GET /users/' + WHO.email, target: 'api.shop.example', responseCode: 200, duration: 12, success: true, data: 'https://api.shop.example/users?email=' + encodeURIComponent(WHO.email) });
  ai.trackEvent({ name: EVENT, properties: { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items } });
  ai.flush();
});
