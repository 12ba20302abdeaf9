// The real Braze web SDK: sign-in, profile, alias, checkout, a purchase, content cards.
import * as braze from '@braze/web-sdk';
import { E2E, CANARIES, WHO, UTILITY, EVENT, properties, drive } from './common.js';

drive(async () => {
  const key = E2E.project.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  braze.initialize(key, { baseUrl: E2E.base + (E2E.options.bare ? '' : '/api/v3'), minimumIntervalBetweenTriggerActionsInSeconds: 0, openCardsInNewTab: false });
  braze.changeUser(WHO.user_id);
  braze.openSession();
  const user = braze.getUser();
  user.setFirstName(WHO.first_name);
  user.setLastName(WHO.last_name);
  user.setEmail(WHO.email);
  user.setPhoneNumber(WHO.phone);
  user.setHomeCity(WHO.city);
  user.setDateOfBirth(1979, 11, 23);
  user.setLanguage('en');
  user.addAlias(WHO.alias_id, 'crm');
  user.setCustomUserAttribute('plan', UTILITY.plan);
  user.setCustomUserAttribute('org_id', WHO.org_id);
  user.setCustomUserAttribute('reach_via', WHO.email);
  user.setCustomUserAttribute('delivery', CANARIES.nested.delivery);
  user.setCustomLocationAttribute('home', 51.5, -0.12);
  user.addToCustomAttributeArray('mails', WHO.email);
  user.setLastKnownLocation(51.5007, -0.1246, 12);
  const { coupon, members, ...given } = properties(); // Braze takes no null
  if (!braze.logCustomEvent(EVENT, given)) throw new Error('the event was not taken');
  if (!braze.logPurchase('sku-1', UTILITY.amount, 'EUR', 3, { receipt_to: WHO.email, plan: UTILITY.plan })) throw new Error('the purchase was not taken');
  braze.logCustomEvent(EVENT, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
  braze.requestContentCardsRefresh();
  await new Promise((done) => braze.requestImmediateDataFlush(done));
});
