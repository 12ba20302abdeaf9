//! `/api/shadow`: what the shadow policy would do otherwise. Names and counts.

use serde_json::{Value, json};

use crate::proxy::Live;

/// The differences since this pair of policies is compared, in order.
pub(super) fn answer(live: &Live) -> Value {
    let current = live.current();
    let generation = &current.generation;
    let shadow = generation.scrubber.shadow();
    let differences = &live.metrics.shadow;
    let rows: Vec<Value> = differences
        .rows()
        .into_iter()
        .map(|(of, count)| {
            json!({
                "vendor": of.vendor,
                "endpoint": of.endpoint,
                "field": of.field,
                "category": of.category,
                "inside_text": of.inside,
                "action_in_force": of.action_in_force,
                "rule_in_force": of.rule_in_force,
                "action_shadow": of.action_shadow,
                "rule_shadow": of.rule_shadow,
                "count": count,
            })
        })
        .collect();
    let requests: Vec<Value> = differences
        .requests()
        .into_iter()
        .map(|of| {
            json!({
                "vendor": of.vendor,
                "endpoint": of.endpoint,
                "same": of.same,
                "different": of.different,
            })
        })
        .collect();
    json!({
        "policy": generation.policy_name,
        "policy_digest": generation.policy_digest,
        "shadow_policy": shadow.map(|shadow| shadow.scrubber().policy().name.clone()),
        "shadow_policy_digest": shadow.map(|shadow| {
            let digest = shadow.scrubber().policy().digest.iter();
            digest.map(|byte| format!("{byte:02x}")).collect::<String>()
        }),
        "requests": requests,
        "differences": rows,
        "failures": differences.failed(),
    })
}
