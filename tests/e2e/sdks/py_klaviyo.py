"""The real `klaviyo-api` package: an event, a profile."""
from klaviyo_api import KlaviyoAPI

from driver import BASE, EVENT, PROJECT, UTILITY, WHO, finish, properties

trouble = []
client = KlaviyoAPI("pk_" + PROJECT, max_delay=0, max_retries=0, test_host=BASE)
person = {
    "type": "profile", "attributes": {
        "email": WHO["email"], "phone_number": "+442079460958", "external_id": WHO["user_id"], "first_name": WHO["first_name"], "last_name": WHO["last_name"], "organization": "Krasnapolsky Ltd",
        "location": {"address1": WHO["street"], "city": WHO["city"], "country": "GB", "latitude": 51.5007, "longitude": -0.1246, "ip": WHO["ip"]},
        "properties": {"plan": UTILITY["plan"], "org_id": WHO["org_id"], "reach_via": WHO["email"]},
    },
}


def event(given):
    metric = {"data": {"type": "metric", "attributes": {"name": EVENT}}}
    return {"data": {"type": "event", "attributes": {"properties": given, "value": UTILITY["amount"], "value_currency": "EUR", "unique_id": "order-1", "metric": metric, "profile": {"data": person}}}}


def call(name, run, *args):
    try:
        run(*args)
    except Exception as error:  # noqa: BLE001
        trouble.append(f"{name}: {str(error)[:200]}")


call("create_event", client.Events.create_event, event(properties()))
call("create_event small", client.Events.create_event, event({"plan": UTILITY["plan"], "amount": UTILITY["amount"], "items": UTILITY["items"]}))
call("create_or_update_profile", client.Profiles.create_or_update_profile, {"data": person})
finish(trouble)
