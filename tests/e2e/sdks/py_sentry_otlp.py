"""The real `sentry-sdk` package with its OTLP integration: spans of OpenTelemetry, in protobuf, to Sentry's own address for them."""
import sentry_sdk
from opentelemetry import trace
from sentry_sdk.integrations.otlp import OTLPIntegration

from driver import BASE, CANARIES, EVENT, PROJECT, UTILITY, WHO, finish

sentry_sdk.init(dsn=BASE.replace("://", f"://{PROJECT}@") + "/42", integrations=[OTLPIntegration()], server_name="host-of-" + WHO["first_name"])
tracer = trace.get_tracer("shop")
with tracer.start_as_current_span(EVENT) as span:
    span.set_attributes({
        "plan": UTILITY["plan"], "amount": UTILITY["amount"], "items": UTILITY["items"], "unicode_text": UTILITY["unicode_text"], "user.id": WHO["user_id"],
        "user.email": WHO["email"], "note": CANARIES["free_text"], "url.full": "https://shop.example" + CANARIES["page"]["path"] + CANARIES["page"]["query"],
        "client.address": WHO["ip"], "session.id": "s-" + WHO["user_id"],
    })
    with tracer.start_as_current_span("select") as below:
        below.set_attributes({"db.statement": "select * from users where email = '" + WHO["email"] + "'", "plan": UTILITY["plan"]})
        below.add_event("mailed", {"to": WHO["email"]})
trace.get_tracer_provider().force_flush()
finish([])
