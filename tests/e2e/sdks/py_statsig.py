"""The real `statsig` package."""
import logging

from statsig import StatsigEvent, StatsigOptions, StatsigUser, statsig

from driver import BASE, CANARIES, EVENT, PROJECT, UTILITY, WHO, finish, profile, properties

logging.getLogger("statsig.sdk").setLevel(logging.CRITICAL)
trouble = []
details = statsig.initialize("secret-" + PROJECT, StatsigOptions(api=BASE + "/v1/", disable_diagnostics=True, init_timeout=20))
if details.source == "Uninitialized" or details.error:
    trouble.append("not initialized")
user = StatsigUser(WHO["user_id"], email=WHO["email"], ip=WHO["ip"], country="GB", custom=profile(), private_attributes={"phone": WHO["phone"]}, custom_ids={"orgID": WHO["org_id"]})
statsig.log_event(StatsigEvent(user, EVENT, UTILITY["amount"], properties()))
statsig.log_event(StatsigEvent(user, "contact", WHO["email"], {"note": CANARIES["free_text"]}))
statsig.log_event(StatsigEvent(user, EVENT, UTILITY["amount"], {"plan": UTILITY["plan"], "items": UTILITY["items"]}))
statsig.flush()
statsig.shutdown()
finish(trouble)
