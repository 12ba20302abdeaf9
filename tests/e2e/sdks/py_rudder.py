"""The real `rudder-sdk-python` package, plain or with E2E_VARIANT=gzip."""
from rudderstack.analytics.client import Client

from driver import BASE, CANARIES, EVENT, PROJECT, UTILITY, VARIANT, WHO, finish, profile, properties

trouble = []
client = Client(PROJECT, host=BASE, upload_interval=0.2, gzip=VARIANT == "gzip", on_error=lambda error, _: trouble.append(str(error)[:200]))
me, org, page = WHO["user_id"], WHO["org_id"], CANARIES["page"]
client.identify(me, profile(), context={"ip": WHO["ip"], "userAgent": CANARIES["user_agent_marker"]})
client.track(me, EVENT, properties(), context={"ip": WHO["ip"], "page": {"url": "https://shop.example/" + page["query"], "referrer": page["referrer"]}, "traits": {"email": WHO["email"]}})
client.track(me, EVENT, {"plan": UTILITY["plan"], "amount": UTILITY["amount"], "items": UTILITY["items"]})
client.page(me, "Checkout", "Order of " + WHO["name"], {"url": "https://shop.example/" + page["query"]})
client.screen(me, "Home", None, {"email": WHO["email"]})
client.group(me, org, {"name": "Krasnapolsky Ltd", "contact_primary": WHO["email"]})
client.alias(WHO["alias_id"], me)
client.flush()
client.join()
finish(trouble)
