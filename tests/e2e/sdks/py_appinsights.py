"""The real `applicationinsights` package, or with E2E_VARIANT=opencensus the real `opencensus-ext-azure`."""
import logging
import os

from driver import BASE, CANARIES, EVENT, PROJECT, UTILITY, VARIANT, WHO, finish, properties

KEY = f"{PROJECT[:8]}-{PROJECT[8:12]}-{PROJECT[12:16]}-{PROJECT[16:20]}-{PROJECT[20:]}"
PAGE = "https://shop.example" + CANARIES["page"]["path"] + CANARIES["page"]["query"]
SMALL = {"plan": UTILITY["plan"], "unicode_text": UTILITY["unicode_text"]}
flat = {key: str(value) for key, value in properties().items() if value is not None and not isinstance(value, (dict, list))}
trouble = []


def refused():
    raise ValueError("refused for " + WHO["email"])


def old():
    from applicationinsights import TelemetryClient
    from applicationinsights.channel import SynchronousQueue, SynchronousSender, TelemetryChannel

    client = TelemetryClient(KEY, TelemetryChannel(None, SynchronousQueue(SynchronousSender(BASE + "/v2/track"))))
    client.context.user.id, client.context.user.auth_user_id, client.context.user.account_id = WHO["alias_id"], WHO["user_id"], WHO["org_id"]
    client.context.location.ip, client.context.session.id = WHO["ip"], "s-" + WHO["user_id"]
    client.context.device.id = client.context.cloud.role_instance = "host-of-" + WHO["first_name"]
    client.track_event(EVENT, flat, {"amount": UTILITY["amount"], "items": UTILITY["items"]})
    client.track_trace(CANARIES["free_text"], {"phone": WHO["phone"], **SMALL}, severity="ERROR")
    client.track_pageview("Order of " + WHO["name"], PAGE, properties={"org_id": WHO["org_id"]})
    client.track_request("GET /account", PAGE, True, duration=12, response_code=200, http_method="GET", properties={"user_id": WHO["user_id"]})
    client.track_dependency("select", "select * from users where email = '" + WHO["email"] + "'", type="SQL", target="db.shop.example", duration=3, success=True)
    client.track_metric("amount", UTILITY["amount"], properties=SMALL)
    try:
        refused()
    except ValueError:
        client.track_exception(properties={"phone": WHO["phone"]})
    client.track_event(EVENT, SMALL)
    client.flush()


def opencensus():
    os.environ["APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL"] = "True"
    from opencensus.ext.azure.log_exporter import AzureEventHandler, AzureLogHandler
    from opencensus.ext.azure.trace_exporter import AzureExporter
    from opencensus.trace.samplers import AlwaysOnSampler
    from opencensus.trace.tracer import Tracer

    where = {"connection_string": f"InstrumentationKey={KEY};IngestionEndpoint={BASE}", "enable_local_storage": False, "enable_stats_metrics": False}
    logger, events = logging.getLogger("shop"), logging.getLogger("shop.events")
    handlers = [AzureLogHandler(**where), AzureEventHandler(**where)]
    for log, handler in zip((logger, events), handlers):
        log.propagate = False
        log.setLevel(logging.INFO)
        log.addHandler(handler)
    events.info(EVENT, extra={"custom_dimensions": flat, "custom_measurements": {"amount": UTILITY["amount"], "items": UTILITY["items"]}})
    events.info(EVENT, extra={"custom_dimensions": SMALL})
    logger.error("mail to " + WHO["email"], extra={"custom_dimensions": {"phone": WHO["phone"], **SMALL}})
    try:
        refused()
    except ValueError:
        logger.exception("refused", extra={"custom_dimensions": {"user_id": WHO["user_id"], **SMALL}})
    exporter = AzureExporter(**where)
    tracer = Tracer(exporter=exporter, sampler=AlwaysOnSampler())
    with tracer.span(name="checkout") as span:
        span.add_attribute("http.url", PAGE)
        span.add_attribute("user_id", WHO["user_id"])
        span.add_attribute("plan", UTILITY["plan"])
    for handler in handlers:
        handler.flush()
        handler.close()
    tracer.end_span()
    exporter._worker.stop()  # noqa: SLF001 -- it has no public way to be told to finish


try:
    (opencensus if VARIANT == "opencensus" else old)()
except Exception as error:  # noqa: BLE001
    trouble.append(str(error)[:300])
finish(trouble)
