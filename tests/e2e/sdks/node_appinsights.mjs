// The real applicationinsights 3: its client on top of OpenTelemetry; the connection string is all that is configured.
import { createRequire } from 'node:module';
import { CANARIES, driver, finish, properties, EVENT, UTILITY, WHO } from '../driver.mjs';
import { reroute } from './reroute.mjs';

reroute('ingest.probe.example'); // it speaks TLS alone, whatever the connection string says
process.env.APPLICATION_INSIGHTS_NO_STATSBEAT = '1';
process.env.APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL = 'True';
process.env.OTEL_NODE_RESOURCE_DETECTORS = 'none'; // it asks the network for half a minute whether this is a machine of Azure
process.env.OTEL_TRACES_SAMPLER = 'always_on';
const appInsights = createRequire(driver.packages)('applicationinsights');
const key = driver.project.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
const trouble = [];
process.env.APPLICATIONINSIGHTS_CONNECTION_STRING = `InstrumentationKey=${key};IngestionEndpoint=https://ingest.probe.example/`;
appInsights.setup().setAutoCollectPerformance(false, false).setAutoCollectRequests(false).setAutoCollectDependencies(false).setAutoCollectConsole(false).setSendLiveMetrics(false).start();
const client = appInsights.defaultClient;
client.config.azureMonitorExporterOptions = { ...client.config.azureMonitorExporterOptions, disableOfflineStorage: true };
const flat = Object.fromEntries(Object.entries(properties()).filter(([, value]) => value !== null && typeof value !== 'object'));
client.trackEvent({ name: EVENT, properties: flat, measurements: { amount: UTILITY.amount } });
client.trackTrace({ message: CANARIES.free_text, properties: { phone: WHO.phone, plan: UTILITY.plan } });
client.trackException({ exception: new Error('refused for ' + WHO.email), properties: { phone: WHO.phone } });
client.trackRequest({ name: 'GET /account', url: 'https://shop.example' + CANARIES.page.path + CANARIES.page.query, duration: 12, resultCode: 200, success: true, properties: { user_id: WHO.user_id, org_id: WHO.org_id } });
client.trackDependency({ target: 'db.shop.example', name: 'select', data: "select * from users where email = '" + WHO.email + "'", duration: 3, resultCode: 0, success: true, dependencyTypeName: 'postgresql' });
client.trackEvent({ name: EVENT, properties: { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items } });
await client.flush();
await client.shutdown?.();
finish(trouble);
