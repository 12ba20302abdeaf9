// The real Snowplow browser tracker: page view, structured and self-describing events, entities.
import { newTracker, trackPageView, trackStructEvent, trackSelfDescribingEvent, setUserId, addGlobalContexts, flushBuffer } from '@snowplow/browser-tracker';
import { E2E, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  newTracker('sp', E2E.base, { appId: E2E.project, eventMethod: 'post', bufferSize: 1, contexts: { webPage: true, session: true, browser: true }, ...E2E.options });
  setUserId(WHO.user_id);
  addGlobalContexts([{ schema: 'iglu:com.probe/user/jsonschema/1-0-0', data: traits() }]);
  trackPageView({ title: 'Order of ' + WHO.name });
  trackStructEvent({ category: 'checkout', action: EVENT, label: WHO.email, property: 'plan=pro', value: UTILITY.amount });
  trackSelfDescribingEvent({
    event: { schema: 'iglu:com.probe/checkout/jsonschema/1-0-0', data: { event: EVENT, ...properties() } },
    context: [{ schema: 'iglu:com.probe/org/jsonschema/1-0-0', data: { org_id: WHO.org_id, contact_primary: WHO.email } }],
  });
  flushBuffer();
});
