"""The real `keen` package: single events and a batch."""
from keen.client import KeenClient

from driver import BASE, EVENT, PROJECT, UTILITY, WHO, finish, properties

client = KeenClient(project_id=PROJECT[:24], write_key=PROJECT, base_url=BASE)
who = {"user": {"uuid": WHO["user_id"], "email": WHO["email"]}, "org_id": WHO["org_id"]}
client.add_event("checkouts", {"event": EVENT, **who, **properties()})
client.add_events({"checkouts": [{"event": EVENT, **who, "plan": UTILITY["plan"], "amount": UTILITY["amount"]}, {"event": EVENT, **who, "items": UTILITY["items"]}]})
finish()
