// The real klaviyo-api: an event, a profile, a subscription.
import { createRequire } from 'node:module';
import { driver, finish, properties, EVENT, UTILITY, WHO } from '../driver.mjs';

const { ApiKeySession, EventsApi, ProfilesApi } = createRequire(driver.packages)('klaviyo-api');
const trouble = [];
const session = new ApiKeySession('pk_' + driver.project);
const [events, profiles] = [new EventsApi(session), new ProfilesApi(session)];
for (const api of [events, profiles]) api.basePath = driver.base;
const call = async (name, run) => { try { await run; } catch (error) { trouble.push(`${name}: ${String(error).slice(0, 160)}`); } };
const person = {
  type: 'profile', attributes: {
    email: WHO.email, phoneNumber: '+442079460958', externalId: WHO.user_id, firstName: WHO.first_name, lastName: WHO.last_name, organization: 'Krasnapolsky Ltd', title: 'Ms',
    location: { address1: WHO.street, city: WHO.city, country: 'GB', latitude: 51.5007, longitude: -0.1246, ip: WHO.ip }, properties: { plan: UTILITY.plan, org_id: WHO.org_id, reach_via: WHO.email },
  },
};
const event = (given) => ({ data: { type: 'event', attributes: { properties: given, value: UTILITY.amount, valueCurrency: 'EUR', uniqueId: 'order-1', time: new Date(1700000000000), metric: { data: { type: 'metric', attributes: { name: EVENT } } }, profile: { data: person } } } });
await call('createEvent', events.createEvent(event(properties())));
await call('createEvent small', events.createEvent(event({ plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items })));
await call('createOrUpdateProfile', profiles.createOrUpdateProfile({ data: person }));
await call('bulkSubscribeProfiles', profiles.bulkSubscribeProfiles({ data: { type: 'profile-subscription-bulk-create-job', attributes: { profiles: { data: [{ type: 'profile', attributes: { email: WHO.email, phoneNumber: '+442079460958', subscriptions: { email: { marketing: { consent: 'SUBSCRIBED' } } } } }] } }, relationships: { list: { data: { type: 'list', id: 'Y6nRLr' } } } } }));
finish(trouble);
