//! The data map as one HTML page, for people who sign policies: nothing is loaded from elsewhere, it
//! runs no script, and it prints.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Entry, Minute};

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1a1a1a;background:#fff}\
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.5rem;border-bottom:2px solid #1a1a1a}\
table{border-collapse:collapse;width:100%;font-size:.9rem}\
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #ddd;overflow-wrap:anywhere}\
th{font-weight:600}td.n{text-align:right;white-space:nowrap}td.t{white-space:nowrap}\
code{font-size:.95em}small{color:#555;display:block}\
.sent{color:#8a4b00;font-weight:600}.gone{color:#1b5e20;font-weight:600}.changed{color:#0b4f8a;font-weight:600}\
@media print{body{margin:0;max-width:none;font-size:9pt}h2{break-after:avoid}tr{break-inside:avoid}thead{display:table-header-group}}";

/// The page. `titles` are the vendors' names for people, by their names.
#[must_use]
pub fn page(entries: &[Entry], titles: &BTreeMap<String, String>) -> String {
    let mut out = String::from(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>Data map</title>",
    );
    let _ = write!(out, "<style>{STYLE}</style><h1>Data map</h1>");
    let _ = write!(
        out,
        "<p>Which fields came for each vendor, what they are, and what became of them before anything left. \
         Names, counts and times only: no value of anybody is kept. Times are UTC, by the minute. \
         <code>*</code> stands for keys that may be somebody's own words. Printed {}.",
        Minute::now()
    );
    let mut vendors: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        vendors.entry(&entry.place.vendor).or_default().push(entry);
    }
    if vendors.is_empty() {
        out.push_str("<p>Nothing was seen yet.");
        return out;
    }
    if entries.iter().any(|entry| entry.place.observed) {
        out.push_str(
            "<p><strong>Where it says so, the policy only observed: the field was sent as it came, \
             and what is told is what the policy would have done.</strong>",
        );
    }
    for (vendor, rows) in vendors {
        let title = titles.get(vendor).map_or(vendor, String::as_str);
        section(&mut out, title, vendor, &rows);
    }
    out
}

fn section(out: &mut String, title: &str, vendor: &str, rows: &[&Entry]) {
    let first = rows.iter().map(|row| row.seen.first_seen).min();
    let last = rows.iter().map(|row| row.seen.last_seen).max();
    let _ = write!(
        out,
        "<h2>{} <small>{}: {} rows, {} to {}</small></h2><table><thead><tr><th>Field<th>Category\
         <th>What leaves<th>Rule and reason<th>First seen<th>Last seen<th>Values</thead><tbody>",
        escape(title),
        escape(vendor),
        rows.len(),
        first.map_or_else(String::new, |m| m.to_string()),
        last.map_or_else(String::new, |m| m.to_string()),
    );
    for Entry { place, seen } in rows {
        let _ = write!(
            out,
            "<tr><td><code>{}</code>{}<small>{}</small>",
            escape(&place.field),
            if place.inside_text {
                " <small>parts of its text</small>"
            } else {
                ""
            },
            escape(&place.endpoint),
        );
        let category = match (&*place.category, seen.protocol) {
            ("", true) => "<small>needed by the vendor's protocol</small>".to_owned(),
            ("", false) => "–".to_owned(),
            (category, _) => format!(
                "{}<small>by {}</small>",
                escape(category),
                escape(&seen.how_found)
            ),
        };
        let (class, words) = words(&place.action);
        let leaves = if place.observed && place.action != "keep" {
            format!(
                "<span class=sent>sent as it came</span><small>only observed; would be: {}</small>",
                escape(words)
            )
        } else {
            format!("<span class={class}>{}</span>", escape(words))
        };
        let rule = if place.rule.is_empty() {
            "<small>no rule speaks about it</small>".to_owned()
        } else {
            escape(&place.rule)
        };
        let _ = write!(
            out,
            "<td>{category}<td>{leaves}<td>{rule}<small>{}</small><td class=t>{}<td class=t>{}<td class=n>{}",
            escape(&seen.reason),
            seen.first_seen,
            seen.last_seen,
            seen.count,
        );
    }
    out.push_str("</tbody></table>");
}

/// An action in words, and how it is shown.
fn words(action: &str) -> (&'static str, &str) {
    match action {
        "keep" => ("sent", "as it came"),
        "drop" => ("gone", "nothing"),
        "null" => ("gone", "null in its place"),
        "replace" => ("gone", "a constant in its place"),
        "mask" => ("changed", "masked"),
        "hash" => ("changed", "a pseudonym"),
        "random" => ("changed", "a random value, each time another"),
        "generalize" => ("changed", "made coarser"),
        "encrypt" => ("changed", "encrypted"),
        "shift" => ("changed", "a date shifted for each person"),
        "drop_event" => ("gone", "nothing of the whole event"),
        "reject" => ("gone", "nothing of the whole request"),
        other => ("sent", other),
    }
}

/// Text as HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::super::{Place, Seen};
    use super::*;

    #[test]
    fn everything_is_escaped_and_nothing_is_loaded() {
        let evil = "<script>alert('&\"')</script>";
        let entry = Entry {
            place: Place {
                vendor: evil.into(),
                field: evil.into(),
                endpoint: evil.into(),
                category: evil.into(),
                inside_text: true,
                action: evil.into(),
                observed: true,
                rule: evil.into(),
            },
            seen: Seen {
                how_found: evil.into(),
                protocol: true,
                reason: evil.into(),
                first_seen: Minute(0),
                last_seen: Minute(1),
                count: 7,
            },
        };
        let titles = BTreeMap::from([(evil.to_owned(), evil.to_owned())]);
        let text = page(&[entry], &titles);
        assert!(!text.contains("<script"), "{text}");
        assert_eq!(text.matches("&lt;script&gt;").count(), 9);
        assert!(!text.contains("src=") && !text.contains("http:") && !text.contains("href"));
        assert!(text.contains("@media print") && text.contains("only observed"));
        assert!(page(&[], &titles).contains("Nothing was seen yet"));
    }
}
