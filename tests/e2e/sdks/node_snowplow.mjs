// The real @snowplow/node-tracker over POST, or GET with E2E_VARIANT=get.
import { createRequire } from 'node:module';
import { driver, finish, properties, profile, CANARIES, EVENT, UTILITY, WHO } from '../driver.mjs';

const load = createRequire(driver.packages);
const { newTracker } = load('@snowplow/node-tracker');
const { buildPageView, buildSelfDescribingEvent, buildStructEvent } = createRequire(load.resolve('@snowplow/node-tracker'))('@snowplow/tracker-core');
const trouble = [];
const tracker = newTracker(
  { namespace: 'sp', appId: driver.project, encodeBase64: driver.variant !== 'get' },
  { endpoint: driver.base, eventMethod: driver.variant === 'get' ? 'get' : 'post', bufferSize: 1, onRequestFailure: (failure) => trouble.push(String(failure.message ?? failure).slice(0, 200)) },
);
tracker.setUserId(WHO.user_id);
tracker.setIpAddress(WHO.ip);
tracker.setDomainUserId('1d2c3b4a-5f6e-4a7b-8c9d-0e1f2a3b4c5d');
tracker.setUseragent('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.7444.59 Safari/537.36 ' + CANARIES.user_agent_marker);
tracker.setScreenResolution(1280, 800);
const person = [{ schema: 'iglu:com.probe/user/jsonschema/1-0-0', data: profile() }];
tracker.track(buildPageView({ pageUrl: 'https://shop.example' + CANARIES.page.path + CANARIES.page.query, pageTitle: CANARIES.page.title, referrer: CANARIES.page.referrer }), person);
tracker.track(buildStructEvent({ category: 'checkout', action: EVENT, label: WHO.email, property: 'plan=pro', value: UTILITY.amount }), person);
tracker.track(buildSelfDescribingEvent({ event: { schema: 'iglu:com.probe/checkout/jsonschema/1-0-0', data: { event: EVENT, ...properties() } } }), [{ schema: 'iglu:com.probe/org/jsonschema/1-0-0', data: { org_id: WHO.org_id, contact_primary: WHO.email } }]);
await tracker.flush?.();
await new Promise((done) => setTimeout(done, 0));
finish(trouble);
