"""The real `facebook_business` package, Conversions API. The graph's address is an attribute of its session: only that is changed."""
import time

from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.content import Content
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.adobjects.serverside.user_data import UserData
from facebook_business.api import FacebookAdsApi
from facebook_business.session import FacebookSession

from driver import BASE, CANARIES, EVENT, PROJECT, UTILITY, WHO, finish

FacebookSession.GRAPH = BASE
FacebookAdsApi.init(access_token="EAAB" + PROJECT, crash_log=False)
page, trouble = CANARIES["page"], []


def event(more):
    person = UserData(
        emails=[WHO["email"]], phones=[WHO["phone"]], first_names=[WHO["first_name"]], last_names=[WHO["last_name"]], cities=[WHO["city"]], zip_codes=["SW1A 1AA"], country_codes=["gb"],
        dates_of_birth=["19791123"], external_ids=[WHO["user_id"]], client_ip_address=WHO["ip"], client_user_agent="Mozilla/5.0 " + CANARIES["user_agent_marker"],
        fbp="fb.1.1700000000000.1116446470", fbc="fb.1.1700000000000.AbCdEfGhProbe",
    )
    content = Content(product_id="sku-1", quantity=3, item_price=UTILITY["amount"], title="gift for " + WHO["email"])
    data = CustomData(value=UTILITY["amount"], currency="eur", content_name=EVENT, contents=[content], custom_properties=more)
    return Event("Purchase", int(time.time()), event_id="order-1", action_source=ActionSource.WEBSITE, user_data=person, custom_data=data, event_source_url="https://shop.example" + page["path"] + page["query"])


more = {"plan": UTILITY["plan"], "note": CANARIES["free_text"], "reach_via": WHO["email"], "org_id": WHO["org_id"], "safe_integer": UTILITY["safe_integer"]}
try:
    EventRequest("5555", events=[event(more), event({"plan": UTILITY["plan"], "unicode_text": UTILITY["unicode_text"]})], test_event_code="TEST1").execute()
except Exception as error:  # noqa: BLE001
    trouble.append(str(error)[:300])
finish(trouble)
