// The real keen-tracking in a browser: single events and a batch, with its own helpers' data model.
import Keen from 'keen-tracking';
import { E2E, WHO, UTILITY, EVENT, properties, drive } from './common.js';

drive(async () => {
  const client = new Keen({ projectId: E2E.project.slice(0, 24), writeKey: E2E.project, host: E2E.base.replace('http://', ''), protocol: 'http', requestType: 'xhr', ...E2E.options });
  const who = { user: { uuid: WHO.user_id, email: WHO.email }, org_id: WHO.org_id, geo: { ip_address: '${keen.ip}' }, tech: { user_agent: '${keen.user_agent}' } };
  client.extendEvents(() => ({ page: { title: document.title, url: location.href, info: Keen.helpers.getDomainProfile?.() }, referrer: document.referrer }));
  await client.recordEvent('checkouts', { event: EVENT, ...who, ...properties() });
  await client.recordEvents({ checkouts: [{ event: EVENT, ...who, plan: UTILITY.plan, amount: UTILITY.amount }, { event: EVENT, ...who, items: UTILITY.items }] });
});
