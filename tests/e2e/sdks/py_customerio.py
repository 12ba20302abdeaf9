"""The real `customerio` package (Track API). It takes a host without a scheme and always speaks TLS: its base address is set."""
from customerio import CustomerIO

from driver import BASE, EVENT, PROJECT, UTILITY, WHO, finish, profile, properties

trouble = []
client = CustomerIO("probe-site", PROJECT, retries=0)
client.base_url = BASE + "/api/v1"
small = {"plan": UTILITY["plan"], "amount": UTILITY["amount"], "items": UTILITY["items"]}


def call(name, run, *args, **more):
    try:
        run(*args, **more)
    except Exception as error:  # noqa: BLE001
        trouble.append(f"{name}: {str(error)[:200]}")


call("identify", client.identify, id=WHO["user_id"], **{**profile(), "email": WHO["email"]})
call("track", client.track, WHO["user_id"], EVENT, properties())
call("track small", client.track, WHO["user_id"], EVENT, small)
call("track_anonymous", client.track_anonymous, "anon-of-" + WHO["user_id"], EVENT, {**small, "email": WHO["email"]})
call("pageview", client.pageview, WHO["user_id"], "https://shop.example/account/" + WHO["user_id"])
call("add_device", client.add_device, WHO["user_id"], "token-of-" + WHO["user_id"], "ios")
call("suppress", client.suppress, WHO["alias_id"])
finish(trouble)
