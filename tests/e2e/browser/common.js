// What every page script shares. The runner puts window.__E2E there: { base, project, options, canaries }.
export const E2E = window.__E2E;
export const CANARIES = E2E.canaries;
export const WHO = CANARIES.identity;
export const UTILITY = CANARIES.utility;
export const EVENT = UTILITY.event_name;

/** What an application hands to track(): useful values, and identity in every disguise. */
export const properties = () => ({
  ...UTILITY,
  email: WHO.email, phone: WHO.phone, address: WHO.street, city: WHO.city, birthday: WHO.birthday, ip: WHO.ip, user_id: WHO.user_id, org_id: WHO.org_id,
  note: CANARIES.free_text, raw_profile: JSON.stringify({ email: WHO.email, plan: 'pro' }), ...CANARIES.oddly_named, ...CANARIES.nested,
});

/** Traits of a person, under the names that applications use. */
export const traits = () => ({
  name: WHO.name, first_name: WHO.first_name, last_name: WHO.last_name, email: WHO.email, phone: WHO.phone, city: WHO.city,
  birthday: WHO.birthday, address: { street: WHO.street, city: WHO.city }, tags: [WHO.email, 'vip'], plan: UTILITY.plan, ...CANARIES.oddly_named,
});

/** Hands a page script's main function to the runner, which calls it and gets its answer. */
export const drive = (main) => { window.__drive = main; };
