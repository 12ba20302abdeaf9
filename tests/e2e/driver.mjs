// Shared by the JavaScript server drivers: the environment the runner gives, the invented values, the report at the end.
import fs from 'node:fs';

export const CANARIES = JSON.parse(fs.readFileSync(new URL('./canaries.json', import.meta.url)));
export const WHO = CANARIES.identity;
export const UTILITY = CANARIES.utility;
export const EVENT = UTILITY.event_name;
export const driver = {
  base: process.env.E2E_BASE, // where the vendor's paths stand: http://127.0.0.1:PORT[/vendor]
  project: process.env.E2E_PROJECT, // the project token; the runner tells drivers apart by it
  variant: process.env.E2E_VARIANT ?? '',
  packages: new URL(process.env.E2E_PACKAGES ?? '../.cache/node/package.json', import.meta.url),
};

/** What an application hands to track(): useful values, and identity in every disguise. */
export const properties = () => ({
  ...UTILITY,
  email: WHO.email, phone: WHO.phone, address: WHO.street, city: WHO.city, birthday: WHO.birthday, ip: WHO.ip, user_id: WHO.user_id, org_id: WHO.org_id,
  note: CANARIES.free_text, page: 'https://shop.example' + CANARIES.page.path + CANARIES.page.query, referrer: CANARIES.page.referrer,
  raw_profile: JSON.stringify({ email: WHO.email, plan: 'pro' }),
  ...CANARIES.oddly_named, ...CANARIES.nested,
});

/** What an application hands to people.set(). */
export const profile = () => ({
  $name: WHO.name, $first_name: WHO.first_name, $last_name: WHO.last_name, $email: WHO.email, $phone: WHO.phone, $city: WHO.city,
  birthday: WHO.birthday, address: { street: WHO.street, city: WHO.city }, tags: [WHO.email, 'vip'], plan: UTILITY.plan, ...CANARIES.oddly_named,
});

/** The last line of a driver's output: what went wrong, and values it learnt that must not leave either. */
export const finish = (trouble = [], extra = {}) => {
  process.stdout.write(JSON.stringify({ trouble, ...extra }) + '\n', () => process.exit(trouble.length ? 1 : 0));
};
