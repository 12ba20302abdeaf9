"""The real `snowplow-tracker` package: page view, structured and self-describing events."""
import logging

from snowplow_tracker import EmitterConfiguration, PageView, SelfDescribing, SelfDescribingJson, Snowplow, StructuredEvent, Subject, TrackerConfiguration

from driver import BASE, CANARIES, EVENT, PROJECT, UTILITY, VARIANT, WHO, finish, profile, properties

logging.disable(logging.INFO)  # it says each request
trouble, page = [], CANARIES["page"]
subject = Subject()
subject.set_user_id(WHO["user_id"]).set_ip_address(WHO["ip"]).set_domain_user_id("1d2c3b4a-5f6e-4a7b-8c9d-0e1f2a3b4c5d").set_timezone("Europe/London").set_lang("en-GB").set_screen_resolution(1280, 800)
subject.set_useragent("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.7444.59 Safari/537.36 " + CANARIES["user_agent_marker"])
tracker = Snowplow.create_tracker(
    namespace="sp", endpoint=BASE, method="get" if VARIANT == "get" else "post", app_id=PROJECT, subject=subject, tracker_config=TrackerConfiguration(encode_base64=VARIANT != "get"),
    emitter_config=EmitterConfiguration(batch_size=1, on_failure=lambda *failed: trouble.append(f"{failed[0]} were sent")),
)
person = [SelfDescribingJson("iglu:com.probe/user/jsonschema/1-0-0", profile())]
tracker.track(PageView(page_url="https://shop.example" + page["path"] + page["query"], page_title=page["title"], referrer=page["referrer"], context=person))
tracker.track(StructuredEvent(category="checkout", action=EVENT, label=WHO["email"], property_="plan=pro", value=UTILITY["amount"], context=person))
org = [SelfDescribingJson("iglu:com.probe/org/jsonschema/1-0-0", {"org_id": WHO["org_id"], "contact_primary": WHO["email"]})]
tracker.track(SelfDescribing(SelfDescribingJson("iglu:com.probe/checkout/jsonschema/1-0-0", {"event": EVENT, **properties()}), context=org))
tracker.flush()
finish(trouble)
