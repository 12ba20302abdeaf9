"""The real `launchdarkly-server-sdk` package: contexts, a flag's evaluation, events."""
import logging

import ldclient
from ldclient import Context
from ldclient.config import Config

from driver import BASE, EVENT, PROJECT, UTILITY, WHO, finish, profile, properties

logging.getLogger("ldclient.util").setLevel(logging.CRITICAL)
trouble = []
ldclient.set_config(Config("sdk-" + PROJECT, base_uri=BASE, events_uri=BASE, stream_uri=BASE, stream=False, diagnostic_opt_out=True, flush_interval=3600))
client = ldclient.get()
if not client.is_initialized():
    trouble.append("not initialized")
user = Context.builder(WHO["user_id"])
for key, value in profile().items():
    user.set(key, value)
context = Context.create_multi(user.build(), Context.builder(WHO["org_id"]).kind("organization").name("Krasnapolsky Ltd").build())
client.identify(context)
client.variation("probe-flag", context, False)
client.track(EVENT, context, properties(), UTILITY["amount"])
client.track(EVENT, Context.create(WHO["user_id"]), {"plan": UTILITY["plan"], "amount": UTILITY["amount"], "items": UTILITY["items"]})
client.flush()
client.close()
finish(trouble)
