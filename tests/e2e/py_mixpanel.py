"""The real `mixpanel` package: Consumer, or BufferedConsumer with E2E_VARIANT=buffered.

`Mixpanel.alias()` is not driven: it makes a Consumer of its own that goes to api.mixpanel.com whatever was configured.
"""
import logging

import mixpanel

from driver import BASE, CANARIES, EVENT, PROJECT, UTILITY, VARIANT, WHO, finish, profile, properties

logging.getLogger("mixpanel").setLevel(logging.ERROR)  # it warns that api_secret is old; old clients send it
urls = {"events_url": BASE + "/track", "people_url": BASE + "/engage", "groups_url": BASE + "/groups", "import_url": BASE + "/import"}
consumer = mixpanel.BufferedConsumer(max_size=20, **urls) if VARIANT == "buffered" else mixpanel.Consumer(**urls)
client = mixpanel.Mixpanel(PROJECT, consumer=consumer)
me, org = WHO["user_id"], WHO["org_id"]

client.track(me, EVENT, properties())
client.track(me, EVENT, {"plan": UTILITY["plan"], "amount": UTILITY["amount"], "items": UTILITY["items"]}, meta={"time": 1700000000})
client.people_set(me, profile(), meta={"$ip": WHO["ip"]})
client.people_set_once(me, {"first_seen_from": WHO["ip"], "plan": UTILITY["plan"]})
client.people_increment(me, {"items": 3})
client.people_append(me, {"mails": WHO["email"]})
client.people_union(me, {"mails": [WHO["email"]]})
client.people_track_charge(me, UTILITY["amount"], {"receipt_to": WHO["email"]})
client.people_unset(me, ["legacy_field"])
client.group_set("org_id", org, {"company": "Krasnapolsky Ltd", "plan": UTILITY["plan"], **CANARIES["oddly_named"]})
client.import_data(None, me, EVENT, 1700000000, properties(), api_secret="probe-api-secret")
client.merge(None, me, "anon-" + WHO["email"], api_secret="probe-api-secret")
if hasattr(consumer, "flush"):
    consumer.flush()
finish()
