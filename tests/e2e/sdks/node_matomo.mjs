// The real matomo-tracker: single calls and a bulk one. Custom variables and dimensions do not leave under `default`: no utility value is in one.
import { createRequire } from 'node:module';
import { CANARIES, driver, finish, EVENT, UTILITY, WHO } from '../driver.mjs';

const Matomo = createRequire(driver.packages)('matomo-tracker');
const trouble = [];
const client = new Matomo(7, driver.base + '/matomo.php');
client.on('error', (error) => trouble.push(String(error).slice(0, 200)));
const url = 'https://shop.example' + CANARIES.page.path + CANARIES.page.query;
const who = { url, uid: WHO.user_id, _id: '0123456789abcdef', cid: '0123456789abcdef', cip: WHO.ip, token_auth: driver.project, urlref: CANARIES.page.referrer, action_name: CANARIES.page.title, ua: 'Mozilla/5.0 ' + CANARIES.user_agent_marker, lang: 'en-GB', city: WHO.city, lat: 51.5007, long: -0.1246 };
client.track(who);
client.track({ ...who, e_c: 'checkout', e_a: EVENT, e_n: 'for ' + WHO.email, e_v: UTILITY.amount, _cvar: JSON.stringify({ 1: ['contact', WHO.email], 2: ['name', WHO.name] }) });
await new Promise((done) => client.trackBulk([
  { ...who, idgoal: 0, ec_id: 'order-1', revenue: UTILITY.amount, ec_items: JSON.stringify([['sku-1', 'gift for ' + WHO.email, 'gifts', UTILITY.amount, 3]]) },
  { ...who, e_c: 'checkout', e_a: EVENT, c_n: UTILITY.plan, dimension2: WHO.email },
], done));
finish(trouble);
