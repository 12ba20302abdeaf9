//! What a document says about its people in one field is masked where another field quotes it.
//!
//! A crash report holds the user's name in a field of its own and once more in the middle of a
//! message, where no detector can know a rare name. For vendors whose catalog says `quotes = true` a
//! document is judged once, the names, ids and addresses that rules took away are remembered, and if
//! one of them still stands in what would leave, the document is judged a second time with those
//! words known. Nothing is remembered beyond the document. Protocol fields are left alone.

use aho_corasick::{AhoCorasick, MatchKind};

use super::engine::{Judge, Level};
use super::fate::{Fate, Stop};
use super::paths::NodeId;
use super::{Report, Row};
use crate::category::DataCategory;
use crate::detect::{Entity, Span};
use crate::json::{Edits, Kind, Tape, escape_into, unescape_into};

/// Words remembered of one document, at most.
const MAX_WORDS: usize = 256;
const MAX_LENGTH: usize = 128;
const SHORTEST: usize = 4;
const SHORTEST_ID: usize = 6;

/// Words that are accounts or roles rather than people.
const COMMON: [&str; 14] = [
    "admin",
    "administrator",
    "anonymous",
    "customer",
    "default",
    "guest",
    "none",
    "null",
    "owner",
    "root",
    "system",
    "test",
    "undefined",
    "user",
];

/// What was said about people in the document at hand.
#[derive(Default)]
pub(super) struct Heard {
    /// Whether this is the first pass over a document of a vendor whose texts quote.
    listening: bool,
    words: Vec<(String, Entity)>,
    /// In the second pass: finds the words.
    known: Option<AhoCorasick>,
}

impl Heard {
    /// Whether a text holds a word that is known by now.
    pub(super) fn stands_in(&self, text: &[u8]) -> bool {
        self.known
            .as_ref()
            .is_some_and(|known| known.is_match(text))
    }

    /// Whether anything is known: what is judged then is not the same in other documents.
    pub(super) fn knows(&self) -> bool {
        self.known.is_some()
    }

    fn add(&mut self, word: &str, entity: Entity) {
        let new = self.words.len() < MAX_WORDS && !self.words.iter().any(|(had, _)| had == word);
        if new {
            self.words.push((word.to_owned(), entity));
        }
    }

    fn finder(&self, also_escaped: bool) -> Option<AhoCorasick> {
        let mut patterns: Vec<Vec<u8>> = Vec::new();
        for (word, _) in &self.words {
            patterns.push(word.clone().into_bytes());
            if also_escaped {
                let mut escaped = Vec::new();
                escape_into(word, &mut escaped);
                patterns.push(escaped);
                patterns.push(ascii(word).into_bytes());
            }
        }
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(patterns)
            .ok()
    }

    /// Appends what stands in a text and overlaps with no span, as whole words.
    pub(super) fn spans(&self, text: &str, spans: &mut Vec<Span>) {
        let Some(known) = &self.known else {
            return;
        };
        let found = spans.len();
        for hit in known.find_iter(text) {
            let (start, end) = (hit.start(), hit.end());
            let Some((_, entity)) = self.words.get(hit.pattern().as_usize()) else {
                continue;
            };
            let free = spans
                .iter()
                .take(found)
                .all(|span| span.end <= start || span.start >= end);
            if free && is_whole(text, start, end) {
                let entity = *entity;
                spans.push(Span { start, end, entity });
            }
        }
        spans.sort_unstable_by_key(|span| span.start);
    }
}

/// What the first pass must not leave behind when there is a second one.
pub(super) struct Before {
    report: Report,
    rows: usize,
    decided: usize,
    unfold_left: usize,
}

impl Judge<'_, '_> {
    /// Judges the documents of a tape, twice where the second pass knows more.
    pub(super) fn documents(
        &mut self,
        text: &str,
        tape: &Tape,
        edits: &mut Edits,
        at: NodeId,
        level: Level,
    ) -> Result<Fate, Stop> {
        if !self.plan.vendor.quotes || self.heard.listening || self.heard.knows() {
            return self.document_or_pairs(text, tape, edits, at, level);
        }
        let before = Before {
            report: self.report.clone(),
            rows: self
                .rows
                .as_ref()
                .map_or(0, |rows: &&mut Vec<Row>| rows.len()),
            decided: self.tally.mark(),
            unfold_left: self.unfold_left,
        };
        self.heard.listening = true;
        let first = self.document_or_pairs(text, tape, edits, at, level);
        self.heard.listening = false;
        let fate = match first {
            Ok(fate) if fate != Fate::Nothing && self.is_quoted(text, edits) => {
                edits.clear();
                *self.report = before.report;
                if let Some(rows) = &mut self.rows {
                    rows.truncate(before.rows);
                }
                self.tally.undo(before.decided);
                self.unfold_left = before.unfold_left;
                self.heard.known = self.heard.finder(false);
                self.document_or_pairs(text, tape, edits, at, level)
            }
            other => other,
        };
        self.heard = Heard::default();
        fate
    }

    fn document_or_pairs(
        &mut self,
        text: &str,
        tape: &Tape,
        edits: &mut Edits,
        at: NodeId,
        level: Level,
    ) -> Result<Fate, Stop> {
        let paired = self.plan.place().is_some_and(|p| !p.pairs.is_empty());
        let paired = paired && !self.shadowed;
        if paired {
            self.paired(text, tape, edits, at, level)
        } else {
            self.tape(text, tape, edits, at, level)
        }
    }

    fn is_quoted(&mut self, text: &str, edits: &Edits) -> bool {
        if self.heard.words.is_empty() {
            return false;
        }
        let Some(finder) = self.heard.finder(true) else {
            return false;
        };
        let mut out = self.pools.bytes();
        edits.splice(text.as_bytes(), &mut out);
        let quoted = finder.is_match(&out);
        self.pools.give_bytes(out);
        quoted
    }

    /// Remembers a text that a rule takes away, if it names someone.
    pub(super) fn hear(&mut self, text: &str, category: Option<DataCategory>) {
        if !self.heard.listening {
            return;
        }
        let Some(entity) = category.and_then(entity_of) else {
            return;
        };
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        if text.len() > MAX_LENGTH || COMMON.contains(&lower.as_str()) {
            return;
        }
        let digit = text.bytes().any(|b| b.is_ascii_digit());
        if entity == Entity::Person {
            self.hear_name(text);
        } else if digit
            && text.len() >= SHORTEST_ID
            && (entity == Entity::UserId || text.contains(' '))
        {
            self.heard.add(text, entity);
        }
    }

    /// The whole name, and each part of it that is long enough to be one.
    fn hear_name(&mut self, text: &str) {
        let words = text.split_whitespace().count();
        if words > 5 || text.chars().filter(|c| c.is_alphabetic()).count() < SHORTEST {
            return;
        }
        self.heard.add(text, Entity::Person);
        for word in text.split_whitespace().filter(|_| words > 1) {
            let name = word.chars().count() >= SHORTEST && word.chars().all(char::is_alphabetic);
            if name && !COMMON.contains(&word.to_ascii_lowercase().as_str()) {
                self.heard.add(word, Entity::Person);
            }
        }
    }

    /// The same for all texts of a container that a rule takes whole.
    pub(super) fn hear_inside(
        &mut self,
        text: &str,
        tape: &Tape,
        at: usize,
        category: Option<DataCategory>,
    ) {
        if !self.heard.listening || category.and_then(entity_of).is_none() {
            return;
        }
        let end = tape.node(at).map_or(at, |node| node.next as usize);
        for node in (at..end).filter_map(|at| tape.node(at)) {
            let raw = text.get(node.range()).unwrap_or("");
            if node.kind == Kind::Str && raw.len() <= MAX_LENGTH * 6 {
                let mut plain = self.pools.text();
                unescape_into(raw, &mut plain);
                if plain != "string" {
                    self.hear(&plain, category);
                }
                self.pools.give_text(plain);
            }
        }
    }
}

/// What a word is that a rule took away for its category; `None`: not worth remembering.
fn entity_of(category: DataCategory) -> Option<Entity> {
    let key = category.key();
    let under = |top: &str| {
        key.strip_prefix(top)
            .is_some_and(|r| r.is_empty() || r.starts_with('.'))
    };
    if under("user.name") || key == "user.account.username" {
        Some(Entity::Person)
    } else if under("user.unique_id") && !under("user.unique_id.session") || under("user.workplace")
    {
        Some(Entity::UserId)
    } else if under("user.contact.address.street") || key == "user.contact.address" {
        Some(Entity::Address)
    } else {
        None
    }
}

fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|t| t.chars().next_back());
    let after = text.get(end..).and_then(|t| t.chars().next());
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

/// As libraries write text that keep to ASCII: `J\u00fcrgen`.
fn ascii(word: &str) -> String {
    let mut out = String::new();
    for unit in word.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole_and_in_any_case() {
        let mut heard = Heard::default();
        heard.add("Zebulon Quixworth", Entity::Person);
        heard.add("Zebulon", Entity::Person);
        heard.add("u-4821", Entity::UserId);
        heard.known = heard.finder(false);
        let text = "zebulon quixworth (u-4821) is Zebulon, not Zebulonia or u-48213";
        let mut spans = Vec::new();
        heard.spans(text, &mut spans);
        let found: Vec<_> = spans.iter().map(|s| &text[s.start..s.end]).collect();
        assert_eq!(found, ["zebulon quixworth", "u-4821", "Zebulon"]);
        assert_eq!(ascii("Jürgen 😀"), "J\\u00fcrgen \\ud83d\\ude00");
    }
}
