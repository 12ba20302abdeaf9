// The real @statsig/web-analytics: what it captures by itself beside an event of the shop's.
import { StatsigClient } from '@statsig/js-client';
import { runStatsigAutoCapture } from '@statsig/web-analytics';
import { E2E, WHO, UTILITY, EVENT, traits, drive } from './common.js';

drive(async () => {
  const client = new StatsigClient('client-' + E2E.project, { userID: WHO.user_id, email: WHO.email, custom: traits(), customIDs: { orgID: WHO.org_id } }, { networkConfig: { api: E2E.base + '/v1' }, ...E2E.options });
  runStatsigAutoCapture(client, { eventFilterFunc: (event) => !/performance|web_vitals|session_start|page_view_end/.test(event.eventName) }); // come or do not as the load has it
  await client.initializeAsync();
  document.getElementById('pay').click();
  document.getElementById('acct').click();
  client.logEvent({ eventName: EVENT, value: UTILITY.amount, metadata: { plan: UTILITY.plan, items: '3', email: WHO.email } });
  await client.flush();
});
