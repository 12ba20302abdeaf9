// The real OpenTelemetry web SDK over OTLP/HTTP, JSON or protobuf.
import { WebTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-web';
import { OTLPTraceExporter as Json } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as Proto } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { E2E, WHO, EVENT, properties, drive } from './common.js';

drive(async () => {
  const flat = Object.fromEntries(Object.entries(properties()).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)));
  const exporter = new (E2E.options.proto ? Proto : Json)({ url: E2E.base + '/v1/traces', headers: { 'x-api-key': E2E.project } });
  const resource = resourceFromAttributes({ 'service.name': 'probe', 'enduser.id': WHO.user_id, 'org.id': WHO.org_id });
  const provider = new WebTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: 200 })] });
  const span = provider.getTracer('probe', '1.0').startSpan(EVENT, { attributes: { ...flat, 'url.full': location.href, 'http.referrer': document.referrer, mails: [WHO.email, 'ops'] } });
  span.addEvent('mail sent to ' + WHO.email, { phone: WHO.phone });
  span.recordException(new Error('refused for ' + WHO.email));
  span.setStatus({ code: 2, message: WHO.name + ' refused' });
  span.end();
  await provider.forceFlush();
});
