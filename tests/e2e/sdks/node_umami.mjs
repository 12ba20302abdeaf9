// The real @umami/node: views, events, identify.
import { createRequire } from 'node:module';
import { CANARIES, driver, finish, properties, profile, EVENT, UTILITY, WHO } from '../driver.mjs';

const { Umami } = createRequire(driver.packages)('@umami/node');
const website = driver.project.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-8$4-$5');
const trouble = [];
const umami = new Umami({ websiteId: website, hostUrl: driver.base });
const flat = Object.fromEntries(Object.entries(properties()).filter(([, value]) => value !== null));
const where = { hostname: 'shop.example', url: CANARIES.page.path + CANARIES.page.query, referrer: CANARIES.page.referrer, title: CANARIES.page.title, language: 'en-GB', screen: '1280x800' };
for (const call of [
  umami.track(where),
  umami.track(EVENT, flat),
  umami.track({ ...where, name: EVENT, data: { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items }, id: WHO.user_id }),
  umami.identify({ ...profile(), user_id: WHO.user_id, org_id: WHO.org_id }),
]) {
  const answer = await call;
  if (!answer.ok) trouble.push(`answered ${answer.status}`);
}
finish(trouble);
