// The real New Relic browser agent, all of its features.
import { BrowserAgent } from '@newrelic/browser-agent/loaders/browser-agent';
import { E2E, CANARIES, WHO, UTILITY, EVENT, properties, drive } from './common.js';

drive(async () => {
  const host = E2E.base.replace('http://', '');
  const agent = new BrowserAgent({
    info: { beacon: 'bam.nr-data.net', errorBeacon: 'bam.nr-data.net', licenseKey: E2E.project, applicationID: '2', sa: 1 },
    loader_config: { accountID: '1', trustKey: '1', agentID: '2', licenseKey: E2E.project, applicationID: '2' },
    init: {
      ssl: false, proxy: { beacon: host, assets: E2E.base }, distributed_tracing: { enabled: true }, privacy: { cookies_enabled: true }, ajax: { deny_list: [] },
      generic_events: { enabled: true, harvestTimeSeconds: 1 }, jserrors: { enabled: true, harvestTimeSeconds: 1 }, logging: { enabled: true, harvestTimeSeconds: 1 }, harvest: { interval: 1 },
      page_action: { enabled: true }, user_actions: { enabled: true }, session_replay: { enabled: false }, session_trace: { enabled: false }, soft_navigations: { enabled: true }, ...E2E.options,
    },
  });
  agent.setUserId(WHO.user_id);
  agent.setCustomAttribute('reach_via', WHO.email);
  agent.setCustomAttribute('org_id', WHO.org_id);
  agent.setCustomAttribute('plan', UTILITY.plan);
  agent.setPageViewName('/account/' + WHO.user_id);
  const flat = Object.fromEntries(Object.entries(properties()).filter(([, value]) => value !== null && typeof value !== 'object'));
  agent.addPageAction(EVENT, flat);
  agent.recordCustomEvent?.('Checkout', flat);
  agent.noticeError(new Error('refused for ' + WHO.email), { phone: WHO.phone });
  agent.log?.(CANARIES.free_text, { level: 'info', customAttributes: { phone: WHO.phone, plan: UTILITY.plan } });
  document.getElementById('pay').click();
  agent.addPageAction(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
});
