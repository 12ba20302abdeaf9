"""The real `amplitude-analytics` package."""
from amplitude import Amplitude, BaseEvent, EventOptions, Identify

from driver import BASE, EVENT, PROJECT, UTILITY, WHO, finish, profile, properties

trouble = []
client = Amplitude(PROJECT)
client.configuration.server_url = BASE + "/2/httpapi"
client.configuration.callback = lambda event, code, message=None: trouble.append(f"{code} {message}"[:200]) if code != 200 else None
me = {"user_id": WHO["user_id"], "device_id": "device-of-" + WHO["user_id"]}
identify = Identify()
for key, value in profile().items():
    identify.set(key, value)
client.identify(identify, EventOptions(**me, ip=WHO["ip"]))
client.set_group("org", WHO["org_id"], EventOptions(**me))
client.track(BaseEvent(EVENT, **me, ip=WHO["ip"], city=WHO["city"], event_properties={key: value for key, value in properties().items() if value is not None and key not in ("nested", "members")}))
client.track(BaseEvent(EVENT, **me, event_properties={"plan": UTILITY["plan"], "amount": UTILITY["amount"], "items": UTILITY["items"]}))
for sent in client.flush():
    sent.result()
client.shutdown()
finish(trouble)
