"""The real `posthog` package; E2E_VARIANT: "", gzip, or v1-<coding> for the newer endpoint."""
from posthog import Posthog

from driver import BASE, EVENT, PROJECT, UTILITY, VARIANT, WHO, finish, profile, properties

options = {"capture_mode": "v1", "capture_compression": VARIANT[3:]} if VARIANT.startswith("v1-") else {"gzip": VARIANT == "gzip"}
trouble = []
client = Posthog(PROJECT, host=BASE, flush_at=50, flush_interval=0.2, disable_geoip=False, on_error=lambda error, _: trouble.append(str(error)[:200]), **options)
me, org = WHO["user_id"], WHO["org_id"]
client.capture(EVENT, distinct_id=me, properties={**properties(), "$ip": WHO["ip"], "$set": profile(), "$set_once": {"first_city": WHO["city"]}}, groups={"company": org})
client.capture(EVENT, distinct_id=me, properties={"plan": UTILITY["plan"], "amount": UTILITY["amount"], "items": UTILITY["items"]})
client.set(distinct_id=me, properties=profile())
client.group_identify("company", org, {"name": "Krasnapolsky Ltd", "contact_primary": WHO["email"]})
client.alias(WHO["alias_id"], me)
try:
    raise ValueError("refused for " + WHO["email"])
except ValueError as error:
    client.capture_exception(error, distinct_id=me, properties={"phone": WHO["phone"]})
client.get_all_flags(me, person_properties={"email": WHO["email"]}, groups={"company": org})
client.flush()
client.shutdown()
finish(trouble)
