"""The real `python-intercom` package: events, a contact, a company."""
from intercom import Intercom

from driver import BASE, EVENT, PROJECT, UTILITY, WHO, finish, properties

trouble = []
client = Intercom(token=PROJECT, base_url=BASE)


def call(name, run, request):
    try:
        run(request=request, request_options={"max_retries": 0})
    except Exception as error:  # noqa: BLE001
        trouble.append(f"{name}: {str(error)[:300]}")


call("contact", client.contacts.create, {"role": "user", "external_id": WHO["user_id"], "email": WHO["email"], "phone": WHO["phone"], "name": WHO["name"], "custom_attributes": {"plan": UTILITY["plan"], "org_id": WHO["org_id"], "reach_via": WHO["email"]}})
call("company", client.companies.create_or_update, {"company_id": WHO["org_id"], "name": "Krasnapolsky Ltd", "plan": UTILITY["plan"], "custom_attributes": {"contact_primary": WHO["email"]}})
call("event", client.events.create, {"event_name": EVENT, "created_at": 1700000000, "user_id": WHO["user_id"], "email": WHO["email"], "metadata": properties()})
finish(trouble)
