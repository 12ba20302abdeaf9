//! The data map as CSV (RFC 4180), for spreadsheets.
//!
//! A cell that a spreadsheet would take for a formula is written as text.

use std::fmt::Write as _;

use super::Entry;

/// A head and a line for each row.
#[must_use]
pub fn csv(entries: &[Entry]) -> String {
    let mut out = String::from(
        "vendor,endpoint,field,category,how_found,inside_text,protocol,action,observed,rule,reason,first_seen,last_seen,count\r\n",
    );
    for entry in entries {
        let (place, seen) = (&entry.place, &entry.seen);
        let cells = [
            cell(&place.vendor),
            cell(&place.endpoint),
            cell(&place.field),
            cell(&place.category),
            cell(if seen.how_found == "-" {
                ""
            } else {
                &seen.how_found
            }),
            place.inside_text.to_string(),
            seen.protocol.to_string(),
            cell(&place.action),
            place.observed.to_string(),
            cell(&place.rule),
            cell(&seen.reason),
            seen.first_seen.to_string(),
            seen.last_seen.to_string(),
            seen.count.to_string(),
        ];
        let _ = write!(out, "{}\r\n", cells.join(","));
    }
    out
}

fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        assert_eq!(cell("a.b"), "a.b");
        assert_eq!(cell("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("@x,y"), "\"'@x,y\"");
    }
}
