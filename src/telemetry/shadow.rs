//! Metrics of the shadow policy: read off its table when somebody asks, so that a request pays nothing
//! for them.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use crate::scrub::Differences;

/// The table of differences as metrics; nothing as long as no shadow policy was in use.
#[derive(Debug)]
pub(super) struct Shadowed(pub(super) Arc<Differences>);

impl Collector for Shadowed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let requests = self.0.all_requests();
        if requests.is_empty() && self.0.failed() == 0 {
            return Ok(());
        }
        let mut family = encoder.encode_descriptor(
            "shadow_requests",
            "Requests that the shadow policy judged, by whether it would have done the same.",
            None,
            MetricType::Counter,
        )?;
        for of in requests {
            for (result, count) in [("same", of.same), ("different", of.different)] {
                let labels = [
                    ("vendor", &*of.vendor),
                    ("endpoint", &*of.endpoint),
                    ("result", result),
                ];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "shadow_differences",
            "Values about which the shadow policy would have decided otherwise.",
            None,
            MetricType::Counter,
        )?;
        for of in self.0.totals() {
            let labels = [
                ("vendor", &*of.vendor),
                ("endpoint", &*of.endpoint),
                ("category", of.category),
                ("action_in_force", of.action_in_force),
                ("action_shadow", of.action_shadow),
            ];
            ConstCounter::new(of.count).encode(family.encode_family(&labels)?)?;
        }
        let family = encoder.encode_descriptor(
            "shadow_failures",
            "Requests at which the shadow policy's engine failed; the requests did not.",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(self.0.failed()).encode(family)
    }
}
