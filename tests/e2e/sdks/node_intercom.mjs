// The real intercom-client: events, contacts, companies, a merge.
import { createRequire } from 'node:module';
import { driver, finish, properties, profile, EVENT, UTILITY, WHO } from '../driver.mjs';

const { IntercomClient } = createRequire(driver.packages)('intercom-client');
const trouble = [];
const client = new IntercomClient({ token: driver.project, baseUrl: driver.base, maxRetries: 0 });
const call = async (name, run) => { try { await run(); } catch (error) { trouble.push(`${name}: ${String(error).slice(0, 200)}`); } };
await call('event', () => client.events.create({ event_name: EVENT, created_at: 1700000000, user_id: WHO.user_id, email: WHO.email, metadata: properties() }));
await call('event small', () => client.events.create({ event_name: EVENT, created_at: 1700000001, user_id: WHO.user_id, metadata: { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items } }));
await call('contact', () => client.contacts.create({ role: 'user', external_id: WHO.user_id, email: WHO.email, phone: WHO.phone, name: WHO.name, avatar: 'https://shop.example/pic/' + WHO.user_id, custom_attributes: { ...profile(), org_id: WHO.org_id, tags: undefined, address: undefined } }));
await call('company', () => client.companies.createOrUpdate({ company_id: WHO.org_id, name: 'Krasnapolsky Ltd', plan: UTILITY.plan, custom_attributes: { contact_primary: WHO.email } }));
await call('merge', () => client.contacts.mergeLeadInUser?.({ from: '5ba682d23d7cf92bef87bfd4', into: '5ba682d23d7cf92bef87bfd5' }));
finish(trouble);
