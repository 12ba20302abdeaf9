"""The real `bugsnag` package: an error with everything that says who somebody is, and a session."""
import logging

import bugsnag

from driver import BASE, CANARIES, EVENT, PROJECT, WHO, finish, profile, properties

logging.getLogger("bugsnag").setLevel(logging.CRITICAL)
bugsnag.configure(
    api_key=PROJECT, endpoint=BASE + "/notify", session_endpoint=BASE + "/sessions", hostname="host-of-" + WHO["first_name"], app_version="1.0", asynchronous=False, auto_capture_sessions=True,
    traceback_exclude_modules=[], project_root="/srv/shop",
)
bugsnag.start_session()
bugsnag.leave_breadcrumb("logged in as " + WHO["email"], {"phone": WHO["phone"], "note": CANARIES["free_text"]})
who = {"id": WHO["user_id"], "email": WHO["email"], "name": WHO["name"]}
try:
    raise ValueError("card 5555 5555 5555 4444 refused for " + WHO["email"])
except ValueError as error:
    bugsnag.notify(error, context=EVENT, user=who, metadata={"order": properties(), "profile": profile(), "org": {"org_id": WHO["org_id"]}}, asynchronous=False)
bugsnag.notify(RuntimeError(EVENT), user=who, asynchronous=False)
finish()
