// The real script of Umami 2.10, out of the server's package, loaded by its script tag as pages do: a view, what is said of a visitor, events.
import { E2E, CANARIES, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  const id = E2E.project.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-8$4-$5');
  const script = document.createElement('script');
  script.src = '/package/umami/src/tracker/index.js';
  for (const [key, value] of Object.entries({ 'website-id': id, 'host-url': E2E.base })) script.setAttribute('data-' + key, value);
  await new Promise((resolve, reject) => { Object.assign(script, { onload: resolve, onerror: () => reject(new Error('no script')) }); document.head.append(script); });
  const { coupon, ...rest } = properties(); // Umami takes no null
  await window.umami.identify({ ...traits(), id: WHO.user_id });
  await window.umami.track(EVENT, rest);
  await window.umami.track(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
  await window.umami.track((view) => ({ ...view, title: document.title, referrer: CANARIES.page.referrer, id: WHO.user_id }));
});
