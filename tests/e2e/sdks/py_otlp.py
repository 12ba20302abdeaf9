"""The real OpenTelemetry SDK over OTLP/HTTP protobuf: a trace, a metric, a log; E2E_VARIANT: none, gzip or deflate."""
import logging

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from driver import BASE, CANARIES, EVENT, PROJECT, UTILITY, VARIANT, WHO, finish, properties

coding = {"gzip": Compression.Gzip, "deflate": Compression.Deflate}.get(VARIANT, Compression.NoCompression)
headers = {"x-api-key": PROJECT}
flat = {k: v for k, v in properties().items() if isinstance(v, (str, int, float, bool)) and (not isinstance(v, int) or v < 2**63)}
resource = Resource.create({"service.name": "probe", "enduser.id": WHO["user_id"], "org.id": WHO["org_id"]})
tracing = TracerProvider(resource=resource)
tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=BASE + "/v1/traces", headers=headers, compression=coding)))
with tracing.get_tracer("probe", "1.0").start_as_current_span(EVENT, attributes={**flat, "mails": [WHO["email"], "ops"]}) as span:
    span.add_event("mail sent to " + WHO["email"], {"phone": WHO["phone"]})
    span.record_exception(ValueError("refused for " + WHO["email"]))
tracing.force_flush()
tracing.shutdown()
reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=BASE + "/v1/metrics", headers=headers, compression=coding), export_interval_millis=60000)
metering = MeterProvider(resource=resource, metric_readers=[reader])
metering.get_meter("probe").create_counter("checkouts").add(3, {"plan": UTILITY["plan"], "user.email": WHO["email"]})
metering.force_flush()
metering.shutdown()
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=BASE + "/v1/logs", headers=headers, compression=coding)))
logger = logging.getLogger("probe.checkout")
logger.setLevel(logging.INFO)
logger.addHandler(LoggingHandler(logger_provider=logs))
logger.info(CANARIES["free_text"], extra={"user_email": WHO["email"], "plan": UTILITY["plan"], "amount": UTILITY["amount"], "safe_integer": UTILITY["safe_integer"]})
logs.force_flush()
logs.shutdown()
finish()
