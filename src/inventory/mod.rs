//! The data map: which fields each vendor was sent, what they are, what became of them, when first
//! and last, and how often.
//!
//! Invariant: it holds names, categories, rules, counts and times by the minute; no value. Names of
//! fields are as [`crate::scrub::Sighted`] tells them. It is of bounded size, in memory and on the
//! disk. What was counted stays in memory until it is on the disk; another process of the same state
//! directory adds to the same file.

mod csv;
mod file;
mod page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::category::DataCategory;
use crate::civil;
use crate::scrub::{Sighted, Sightings};

pub use csv::csv;
pub use file::{FILE, InventoryError, read};
pub use page::page;

/// Rows in which fields are told apart, at most.
const MAX_ROWS: usize = 20_000;
/// And those beyond, whose field is `*`.
const MAX_MORE: usize = 5000;

/// Characters of a rule's reason that are told.
const MAX_REASON: usize = 1000;

/// What tells one row from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The vendor's name.
    pub vendor: String,
    /// The dotted path; `*` for keys that may be a client's words.
    pub field: String,
    /// The endpoint's name.
    pub endpoint: String,
    /// The category's key; empty: none.
    pub category: String,
    /// Whether this is about parts of texts that were kept otherwise.
    pub inside_text: bool,
    /// The action's name.
    pub action: String,
    /// Whether the policy only observed: everything left as it came, whatever the action.
    pub observed: bool,
    /// The rule's name; empty: no rule.
    pub rule: String,
}

/// What is known about a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// How the category was found.
    pub how_found: String,
    /// Whether the vendor's protocol needs the field.
    pub protocol: bool,
    /// The reason that the rule gives.
    pub reason: String,
    /// The minute in which it was first seen, as RFC 3339.
    pub first_seen: Minute,
    /// The minute in which it was last seen.
    pub last_seen: Minute,
    /// How many values.
    pub count: u64,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// What it is about.
    #[serde(flatten)]
    pub place: Place,
    /// What is known about it.
    #[serde(flatten)]
    pub seen: Seen,
}

type Rows = BTreeMap<Place, Seen>;

/// Minutes since 1970, UTC. Written as `2026-11-22T08:14Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Minute(i64);

impl Minute {
    /// This minute.
    #[must_use]
    pub fn now() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = now.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
        Self(seconds.div_euclid(60))
    }
}

impl std::fmt::Display for Minute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = civil::date(self.0.div_euclid(1440));
        let minute = self.0.rem_euclid(1440);
        let (hour, minute) = (minute / 60, minute % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}Z")
    }
}

impl From<Minute> for String {
    fn from(minute: Minute) -> Self {
        minute.to_string()
    }
}

/// Not a time as [`Minute`] is written.
#[derive(Debug, thiserror::Error)]
#[error("expected a time like 2026-11-22T08:14Z")]
pub struct NoMinute;

impl TryFrom<String> for Minute {
    type Error = NoMinute;

    fn try_from(text: String) -> Result<Self, NoMinute> {
        let part = |range: std::ops::Range<usize>| -> Option<i64> {
            let digits = text.get(range)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
            digits.parse().ok()
        };
        let read = || {
            let month = u32::try_from(part(5..7)?).ok()?;
            let day = u32::try_from(part(8..10)?).ok()?;
            let days = civil::days(part(0..4)?, month, day)?;
            let (hour, minute) = (part(11..13)?, part(14..16)?);
            (hour < 24 && minute < 60).then_some(Self(days * 1440 + hour * 60 + minute))
        };
        read()
            .filter(|minute| minute.to_string() == text)
            .ok_or(NoMinute)
    }
}

/// The data map of a running proxy.
pub struct Inventory {
    sightings: Arc<Sightings>,
    /// `None`: it is kept in memory only.
    dir: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// As on the disk the last time.
    saved: Rows,
    /// What is not there yet.
    new: Rows,
}

impl Inventory {
    /// Goes on with the data map of a state directory, or begins one there.
    ///
    /// # Errors
    /// When the file is there and cannot be read; it is then left alone.
    pub fn open(dir: Option<&Path>) -> Result<Self, InventoryError> {
        let saved = match dir {
            Some(dir) => file::load(dir)?,
            None => Rows::new(),
        };
        Ok(Self {
            sightings: Arc::new(Sightings::new()),
            dir: dir.map(Path::to_path_buf),
            state: Mutex::new(State {
                saved,
                new: Rows::new(),
            }),
        })
    }

    /// Where engines count.
    #[must_use]
    pub fn sightings(&self) -> &Arc<Sightings> {
        &self.sightings
    }

    /// All rows up to now, in order.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut state = self.lock();
        state.collect(&self.sightings, Minute::now());
        let mut all = state.saved.clone();
        add_all(&mut all, &state.new);
        entries(all)
    }

    /// Brings to the disk what is new.
    ///
    /// # Errors
    /// When it cannot be written; it is kept for the next time.
    pub fn save(&self) -> Result<(), InventoryError> {
        let mut state = self.lock();
        state.collect(&self.sightings, Minute::now());
        if let Some(dir) = self.dir.as_deref().filter(|_| !state.new.is_empty()) {
            let all = file::add(dir, &state.new)?;
            *state = State {
                saved: all,
                new: Rows::new(),
            };
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn collect(&mut self, sightings: &Sightings, now: Minute) {
        for (sighted, count) in sightings.take() {
            let (place, seen) = row(sighted, count, now);
            // What is on the disk makes no room smaller than what is new.
            let place = bounded(place, &self.new, Some(&self.saved));
            add(&mut self.new, place, seen);
        }
    }
}

fn row(of: Sighted, count: u64, now: Minute) -> (Place, Seen) {
    let place = Place {
        vendor: of.vendor.into(),
        field: of.field.into(),
        endpoint: of.endpoint.into(),
        category: of.category.map_or("", DataCategory::key).into(),
        inside_text: of.inside,
        action: of.action.into(),
        observed: of.observed,
        rule: of.rule.into(),
    };
    let seen = Seen {
        how_found: of.source.name().into(),
        protocol: of.protocol,
        reason: of.reason.chars().take(MAX_REASON).collect(),
        first_seen: now,
        last_seen: now,
        count,
    };
    (place, seen)
}

/// The place, or a vaguer one when there are too many.
fn bounded(mut place: Place, rows: &Rows, besides: Option<&Rows>) -> Place {
    let known = |place: &Place| {
        rows.contains_key(place) || besides.is_some_and(|rows| rows.contains_key(place))
    };
    let len = rows.len() + besides.map_or(0, Rows::len);
    if !known(&place) && len >= MAX_ROWS {
        place.field = "*".into();
        if !known(&place) && len >= MAX_ROWS + MAX_MORE {
            place.rule = "*".into();
            place.category = String::new();
        }
    }
    place
}

fn add(rows: &mut Rows, place: Place, seen: Seen) {
    match rows.get_mut(&place) {
        None => {
            rows.insert(place, seen);
        }
        Some(known) => {
            known.first_seen = known.first_seen.min(seen.first_seen);
            if seen.last_seen >= known.last_seen {
                known.last_seen = seen.last_seen;
                known.reason = seen.reason;
                known.how_found = seen.how_found;
                known.protocol = seen.protocol;
            }
            known.count = known.count.saturating_add(seen.count);
        }
    }
}

fn add_all(rows: &mut Rows, more: &Rows) {
    for (place, seen) in more {
        let place = bounded(place.clone(), rows, None);
        add(rows, place, seen.clone());
    }
}

fn entries(rows: Rows) -> Vec<Entry> {
    rows.into_iter()
        .map(|(place, seen)| Entry { place, seen })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(field: &str) -> Place {
        Place {
            vendor: "v".into(),
            field: field.into(),
            endpoint: "/e".into(),
            category: String::new(),
            inside_text: false,
            action: "keep".into(),
            observed: false,
            rule: String::new(),
        }
    }

    fn seen(minute: i64, count: u64) -> Seen {
        Seen {
            how_found: "-".into(),
            protocol: false,
            reason: String::new(),
            first_seen: Minute(minute),
            last_seen: Minute(minute),
            count,
        }
    }

    #[test]
    fn minutes_are_read_as_written() {
        for minute in [0, 1, 29_000_000, 29_722_094] {
            let text = Minute(minute).to_string();
            assert_eq!(Minute::try_from(text.clone()).unwrap(), Minute(minute));
            assert_eq!(text.len(), 17);
        }
        assert_eq!(Minute(29_722_094).to_string(), "2026-07-06T08:14Z");
        for bad in [
            "",
            "2026-07-06",
            "2026-02-30T00:00Z",
            "2026-07-06T24:00Z",
            "2026-07-06T07:34:00Z",
            "2026-07-06 07:34Z",
            "+026-07-06T07:34Z",
        ] {
            assert!(Minute::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn rows_are_bounded_and_nothing_is_lost() {
        let mut rows = Rows::new();
        for n in 0..MAX_ROWS + 700 {
            let place = bounded(place(&format!("f{n}")), &rows, None);
            add(&mut rows, place, seen(1, 1));
        }
        assert_eq!(rows.len(), MAX_ROWS + 1);
        assert_eq!(rows[&place("*")].count, 700);
        let again = bounded(place("f7"), &rows, None);
        assert_eq!(again.field, "f7", "what is known is told on");
    }

    #[test]
    fn first_and_last_hold_whatever_the_order() {
        let mut rows = Rows::new();
        for (minute, count) in [(5, 1), (9, 2), (3, 4)] {
            add(&mut rows, place("a"), seen(minute, count));
        }
        let row = &rows[&place("a")];
        assert_eq!(
            (row.first_seen, row.last_seen, row.count),
            (Minute(3), Minute(9), 7)
        );
    }
}
