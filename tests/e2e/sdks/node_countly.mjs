// The real countly-sdk-nodejs: a session and its events, or the bulk sender with E2E_VARIANT=bulk.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { driver, finish, properties, profile, EVENT, UTILITY, WHO } from '../driver.mjs';
import { reroute, traffic } from './reroute.mjs';

reroute('countly.probe.example'); // it takes a host without a path
const url = 'http://countly.probe.example';
const Countly = createRequire(driver.packages)('countly-sdk-nodejs');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tamis-countly-')) + '/';
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
const flat = Object.fromEntries(Object.entries(properties()).filter(([, value]) => value !== null && typeof value !== 'object'));
const details = { name: WHO.name, username: WHO.alias_id, email: WHO.email, phone: WHO.phone, organization: WHO.org_id, byear: 1979, gender: 'F', custom: profile() };
const small = { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items };
const drained = async (empty) => { for (const until = Date.now() + 20000; !empty() && Date.now() < until;) await new Promise((done) => setTimeout(done, 50)); };
if (driver.variant === 'bulk') {
  const server = new Countly.Bulk({ app_key: driver.project, url, debug: false, storage_path: folder, interval: 100 });
  const user = server.add_user({ device_id: WHO.user_id, country_code: 'GB', city: WHO.city }); // the library stumbles over its own `ip_address`
  user.user_details(details);
  user.begin_session({ _os: 'Linux' }, 60);
  user.add_event({ key: EVENT, count: 1, sum: UTILITY.amount, segmentation: flat });
  user.add_event({ key: EVENT, count: 1, sum: UTILITY.amount, segmentation: small });
  user.report_crash({ _error: 'refused for ' + WHO.email, _os: 'Linux' });
  server.start();
  await drained(() => server.queue_size() + traffic.open === 0);
} else {
  Countly.init({ app_key: driver.project, url, device_id: WHO.user_id, country_code: 'GB', city: WHO.city, ip_address: WHO.ip, debug: false, interval: 100, storage_path: folder });
  Countly.begin_session();
  Countly.user_details(details);
  Countly.userData.set('org_id', WHO.org_id);
  Countly.userData.push('mails', WHO.email);
  Countly.userData.save();
  Countly.track_view('/account/' + WHO.user_id);
  Countly.add_event({ key: EVENT, count: 1, sum: UTILITY.amount, segmentation: flat });
  Countly.log_error(new Error('refused for ' + WHO.email), { phone: WHO.phone });
  Countly.add_event({ key: EVENT, count: 1, sum: UTILITY.amount, segmentation: small });
  // Nothing tells when the queues are through: the library keeps them in files, which are full and then empty.
  const left = (name) => { try { return JSON.parse(fs.readFileSync(`${folder}__${name}.json`, 'utf8'))[name].length; } catch { return 1; } };
  let begun = false;
  await drained(() => { const all = left('cly_queue') + left('cly_event'); begun ||= all > 0; return begun && all === 0; });
}
finish();
