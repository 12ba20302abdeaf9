"""The real `tiktok-business-api-sdk-official` package: its two calls for events of a web pixel."""
from business_api_client import ApiClient, Configuration
from business_api_client.api.event_callback_api import EventCallbackApi

from driver import BASE, CANARIES, EVENT, PROJECT, UTILITY, WHO, finish

configuration = Configuration()
configuration.host = BASE
api, trouble = EventCallbackApi(ApiClient(configuration)), []
PAGE = {"url": "https://shop.example" + CANARIES["page"]["path"] + CANARIES["page"]["query"], "referrer": CANARIES["page"]["referrer"]}


def event(number):
    return {
        "event": "CompletePayment", "event_id": f"order-{number}", "timestamp": "2026-11-22T10:00:00Z", "type": "track",
        "context": {
            "page": PAGE, "ip": WHO["ip"], "user_agent": "Mozilla/5.0 " + CANARIES["user_agent_marker"], "ad": {"callback": "cb-" + WHO["user_id"]},
            "user": {"external_id": WHO["user_id"], "email": WHO["email"], "phone_number": WHO["phone"], "ttp": "ttp-" + WHO["alias_id"]},
        },
        "properties": {
            "currency": "EUR", "value": UTILITY["amount"], "description": "gift for " + WHO["email"], "plan": UTILITY["plan"], "event": EVENT,
            "contents": [{"price": UTILITY["amount"], "quantity": UTILITY["items"], "content_id": "sku-1", "content_name": "gift for " + WHO["email"]}],
        },
    }


def call(name, run, body):
    try:
        run("token-" + PROJECT, body=body)
    except Exception as error:  # noqa: BLE001
        trouble.append(f"{name}: {str(error)[:200]}")


call("track", api.pixel_track, {"pixel_code": "PROBE33", **event(1)})
call("batch", api.pixel_batch, {"pixel_code": "PROBE33", "batch": [event(2), event(3)]})
finish(trouble)
