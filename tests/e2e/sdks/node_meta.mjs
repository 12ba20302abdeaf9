// The real facebook-nodejs-business-sdk, Conversions API. The graph's address is a constant of the library: only that is changed.
import { createRequire } from 'node:module';
import { CANARIES, driver, finish, EVENT, UTILITY, WHO } from '../driver.mjs';

const sdk = createRequire(driver.packages)('facebook-nodejs-business-sdk');
Object.defineProperty(sdk.FacebookAdsApi, 'GRAPH', { get: () => driver.base });
const { Content, CustomData, EventRequest, ServerEvent, UserData } = sdk;
const trouble = [];
const person = () => new UserData().setEmails([WHO.email]).setPhones([WHO.phone]).setFirstNames([WHO.first_name]).setLastNames([WHO.last_name]).setCities([WHO.city]).setZips(['SW1A 1AA']).setCountries(['gb'])
  .setDatesOfBirth(['19791123']).setExternalIds([WHO.user_id]).setClientIpAddress(WHO.ip).setClientUserAgent('Mozilla/5.0 ' + CANARIES.user_agent_marker).setFbp('fb.1.1700000000000.1116446470').setFbc('fb.1.1700000000000.AbCdEfGhProbe');
const event = (more) => new ServerEvent().setEventName('Purchase').setEventTime(Math.floor(Date.now() / 1000)).setEventId('order-1').setActionSource('website').setUserData(person())
  .setEventSourceUrl('https://shop.example' + CANARIES.page.path + CANARIES.page.query)
  .setCustomData(new CustomData().setValue(UTILITY.amount).setCurrency('eur').setContentName(EVENT).setContents([new Content().setId('sku-1').setQuantity(3).setItemPrice(UTILITY.amount).setTitle('gift for ' + WHO.email)]).setCustomProperties(more));
const events = [event({ plan: UTILITY.plan, note: CANARIES.free_text, reach_via: WHO.email, org_id: WHO.org_id, safe_integer: UTILITY.safe_integer }), event({ plan: UTILITY.plan, unicode_text: UTILITY.unicode_text })];
try {
  await new EventRequest('EAAB' + driver.project, '5555').setEvents(events).setTestEventCode('TEST1').execute();
} catch (error) {
  trouble.push(String(error.message ?? error).slice(0, 300));
}
finish(trouble);
