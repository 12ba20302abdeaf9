//! The data map: `/api/inventory` as JSON, `/inventory` as a page. Names, counts and times.

use std::collections::BTreeMap;

use http::StatusCode;

use super::{Answer, json, text, typed};
use crate::inventory;
use crate::proxy::Live;

/// All rows up to now.
pub(super) fn answer(live: &Live) -> Answer {
    match &live.inventory {
        None => json(
            StatusCode::NOT_FOUND,
            &serde_json::json!({"enabled": false}),
        ),
        Some(inventory) => json(
            StatusCode::OK,
            &serde_json::json!({ "fields": inventory.entries() }),
        ),
    }
}

/// The same for people.
pub(super) fn page(live: &Live) -> Answer {
    let Some(inventory) = &live.inventory else {
        return text(StatusCode::NOT_FOUND, "the data map is switched off\n");
    };
    let current = live.current();
    let vendors = current.generation.scrubber.vendors().iter();
    let titles: BTreeMap<String, String> = vendors
        .map(|vendor| (vendor.name.to_string(), vendor.title.to_string()))
        .collect();
    let page = inventory::page(&inventory.entries(), &titles);
    typed(StatusCode::OK, "text/html; charset=utf-8", page)
}
