// The real mParticle web SDK: identify, attributes, alias, checkout, a purchase. It takes hosts without a scheme.
import mParticle from '@mparticle/web-sdk';
import { E2E, WHO, UTILITY, EVENT, properties, traits, drive } from './common.js';

drive(async () => {
  const host = E2E.base.replace('http://', '');
  const urls = { v3SecureServiceUrl: host + '/v3/JS/', v2SecureServiceUrl: host + '/v2/JS/', v1SecureServiceUrl: host + '/v1/JS/', identityUrl: host + '/v1/', configUrl: host + '/JS/v2/', aliasUrl: host + '/v1/identity/' };
  const hosts = E2E.options.domain ? { domain: host } : urls;
  const identities = { customerid: WHO.user_id, email: WHO.email, other: WHO.alias_id };
  await new Promise((ready) => {
    mParticle.init('us1-' + E2E.project, {
      isDevelopmentMode: false, forceHttps: false, requestConfig: false, flags: { eventsV3: '100', eventBatchingIntervalMillis: 300 }, workspaceToken: 'probe',
      identifyRequest: { userIdentities: identities }, identityCallback: ready, dataPlan: { planId: 'shop', planVersion: 1 }, ...hosts,
    });
  });
  const flat = Object.fromEntries(Object.entries(properties()).filter(([, value]) => typeof value !== 'object'));
  const user = mParticle.Identity.getCurrentUser();
  for (const [key, value] of Object.entries({ $FirstName: WHO.first_name, $LastName: WHO.last_name, $Mobile: WHO.phone, $City: WHO.city, $Address: WHO.street, org_id: WHO.org_id, reach_via: WHO.email })) user.setUserAttribute(key, value);
  // no utility value among the attributes: each change says its value apart from its name, and that leaves as a pseudonym
  user.setUserAttributeList('mails', traits().tags);
  mParticle.setPosition(51.5007, -0.1246);
  mParticle.logPageView('checkout', { title: document.title, page: location.href });
  mParticle.logEvent(EVENT, mParticle.EventType.Transaction, flat, { 'Google.Page': location.href });
  mParticle.logError(new Error('refused for ' + WHO.email));
  const product = mParticle.eCommerce.createProduct('gift for ' + WHO.email, 'sku-1', UTILITY.amount, 3);
  mParticle.eCommerce.logProductAction(mParticle.ProductActionType.Purchase, [product], { plan: UTILITY.plan, receipt_to: WHO.email }, null, { Id: 'order-1', Revenue: UTILITY.amount });
  mParticle.logEvent(EVENT, mParticle.EventType.Transaction, { plan: UTILITY.plan, amount: UTILITY.amount, items: UTILITY.items });
  await new Promise((ready) => mParticle.Identity.modify({ userIdentities: { ...identities, mobile_number: WHO.phone } }, ready));
  mParticle.upload();
});
