// The real Grafana Faro web SDK with its own instrumentations.
import { initializeFaro, getWebInstrumentations } from '@grafana/faro-web-sdk';
import { E2E, CANARIES, WHO, UTILITY, EVENT, properties, drive } from './common.js';

drive(async () => {
  const faro = initializeFaro({
    url: E2E.base + '/collect/' + E2E.project, app: { name: 'probe', version: '1.0', environment: 'test' }, instrumentations: getWebInstrumentations({ captureConsole: true }),
    user: { id: WHO.user_id, username: WHO.name, email: WHO.email, attributes: { org_id: WHO.org_id, phone: WHO.phone } }, batching: { sendTimeout: 300 }, ...E2E.options,
  });
  faro.api.setView({ name: 'checkout' });
  const words = Object.fromEntries(Object.entries(properties()).filter(([, value]) => value !== null && typeof value !== 'object').map(([key, value]) => [key, String(value)]));
  faro.api.pushEvent(EVENT, words, 'shop');
  faro.api.pushLog([CANARIES.free_text], { context: { plan: UTILITY.plan, customer_name: WHO.name } });
  faro.api.pushMeasurement({ type: 'cart', values: { amount: UTILITY.amount, items: UTILITY.items } }, { context: { receipt_to: WHO.email } });
  faro.api.pushError(new Error('refused for ' + WHO.email), { context: { user: WHO.user_id } });
  console.error('cannot mail ' + WHO.email);
  document.getElementById('pay').click();
  faro.api.pushEvent(EVENT, { plan: UTILITY.plan, amount: String(UTILITY.amount), items: String(UTILITY.items) }, 'shop');
});
