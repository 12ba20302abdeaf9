//! Envelopes: headers are judged as `$envelope.…` and `$item.…`, payloads through the layers that
//! the catalog gives their type.
//!
//! An item of a type that the catalog does not know never leaves. Lengths and counts are written
//! anew for what is left; an envelope of which no item is left does not leave at all.

use std::sync::Arc;

use super::engine::{Found, Judge, Level};
use super::fate::{Fate, Stop};
use super::issued::locator;
use super::paths::{ROOT, Source};
use super::plan::NO_RULE;
use crate::action::Action;
use crate::catalog::{EventRoot, Layer, Member, Treat, member};
use crate::codec::{DecodeError, DecodeErrorKind, envelope};
use crate::json::{self, Edits, Kind, Tape, unescape_into};

static DROP: Action = Action::Drop;

/// The part of a body that is being judged: its type is the event's name.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    pub(super) name: Box<str>,
    pub(super) events: Arc<[EventRoot]>,
}

/// What an item's header says about its framing.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    kind: String,
    length: Option<usize>,
    count: Option<usize>,
}

impl Judge<'_, '_> {
    pub(super) fn envelope(
        &mut self,
        members: &[Member],
        cesu8: bool,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let head = envelope::line(bytes, 0);
        let mut at = head.end;
        self.locate(slice(bytes, head.clone()))?;
        let Some(mut changed) = self.head("$envelope", cesu8, slice(bytes, head), out)? else {
            return Ok(Fate::Nothing);
        };
        let (mut came, mut left) = (0u32, 0u32);
        while let Some(start) = envelope::next_item(bytes, at) {
            let header = envelope::line(bytes, start);
            let facts = facts(slice(bytes, header.clone()))?;
            let payload = envelope::payload(bytes, header.end, facts.length)?;
            at = payload.end;
            came += 1;
            let (header, payload) = (slice(bytes, header), slice(bytes, payload));
            match member(members, &facts.kind) {
                Some(Member {
                    treat: Treat::Judge { layers, events },
                    ..
                }) => match self.item(layers, events, cesu8, (&facts, header, payload), out)? {
                    Fate::Same => left += 1,
                    Fate::Changed => {
                        left += 1;
                        changed = true;
                    }
                    Fate::Nothing => changed = true,
                },
                Some(Member {
                    treat: Treat::Drop, ..
                }) => {
                    self.note_dropped("$item", &facts.kind);
                    changed = true;
                }
                Some(Member {
                    treat: Treat::Refuse,
                    ..
                })
                | None => {
                    let kind = DecodeErrorKind::Unsupported;
                    return Err(DecodeError::new(kind, "envelope", start).into());
                }
            }
        }
        if bytes.ends_with(b"\n") {
            out.push(b'\n');
        }
        Ok(match (left, changed) {
            (0, _) if came > 0 => Fate::Nothing,
            (_, true) => Fate::Changed,
            (_, false) => Fate::Same,
        })
    }

    /// Reads the URL that tells the path, where the endpoint is one for any project.
    fn locate(&mut self, head: &[u8]) -> Result<(), Stop> {
        let plan = self.plan;
        let Some(told) = plan.place().and_then(|place| place.locator.as_ref()) else {
            return Ok(());
        };
        let text = std::str::from_utf8(head).map_err(|_| shape())?;
        let mut tape = Tape::default();
        json::lex(text, &mut tape).map_err(|_| shape())?;
        let node = only(text, &tape, &told.member)?.and_then(|at| tape.node(at));
        let node = node.filter(|n| n.kind == Kind::Str).ok_or_else(shape)?;
        let mut url = String::new();
        unescape_into(text.get(node.range()).unwrap_or(""), &mut url);
        let found = locator(&url).ok_or_else(shape)?;
        self.located = Some(found.project.to_owned());
        Ok(())
    }

    /// Judges a header line and appends it; whether it changed, or `None` when nothing of it stays.
    fn head(
        &mut self,
        base: &str,
        cesu8: bool,
        line: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<bool>, Stop> {
        let object = line.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
        if !object {
            return Err(DecodeError::new(DecodeErrorKind::Shape, "envelope", 0).into());
        }
        let path = self.paths.child(self.plan, ROOT, ROOT, base);
        let mut new = self.pools.bytes();
        let fate = self.layers(&[Layer::Json], cesu8, line, path, Level::Value, &mut new)?;
        match fate {
            Fate::Same => out.extend_from_slice(line),
            Fate::Changed => out.extend_from_slice(&new),
            Fate::Nothing => {}
        }
        self.pools.give_bytes(new);
        self.paths.release(path);
        Ok((fate != Fate::Nothing).then_some(fate == Fate::Changed))
    }

    fn item(
        &mut self,
        layers: &[Layer],
        events: &Arc<[EventRoot]>,
        cesu8: bool,
        (facts, header, payload): (&Facts, &[u8], &[u8]),
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let (came, left) = (self.report.events_in, self.report.events_out);
        let mut new = self.pools.bytes();
        let inside = Inside {
            name: facts.kind.as_str().into(),
            events: Arc::clone(events),
        };
        let fate = self.inside(inside, layers, cesu8, payload, &mut new)?;
        let came = self.report.events_in - came;
        let left = self.report.events_out - left;
        if fate == Fate::Nothing || (came > 0 && left == 0) {
            self.pools.give_bytes(new);
            return Ok(Fate::Nothing);
        }
        let payload = if fate == Fate::Same { payload } else { &new };
        let mut head = self.pools.bytes();
        let Some(changed) = self.head("$item", cesu8, header, &mut head)? else {
            return Ok(Fate::Nothing);
        };
        let count = (came != left).then_some(left as usize);
        let mut line = self.pools.bytes();
        reframe(&head, facts, payload.len(), count, &mut line)?;
        if facts.length.is_none() && memchr::memchr(b'\n', payload).is_some() {
            return Err(DecodeError::new(DecodeErrorKind::Shape, "envelope", 0).into());
        }
        envelope::write_item(&line, payload, out);
        self.pools.give_bytes(head);
        self.pools.give_bytes(line);
        self.pools.give_bytes(new);
        Ok(if fate == Fate::Changed || changed {
            Fate::Changed
        } else {
            Fate::Same
        })
    }

    /// Judges a part of a body through its own layers, with its own places of events.
    pub(super) fn inside(
        &mut self,
        inside: Inside,
        layers: &[Layer],
        cesu8: bool,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let level = if inside.events.is_empty() {
            Level::Value
        } else {
            Level::Events
        };
        let around = self.inside.replace(inside);
        let fate = self.layers(layers, cesu8, bytes, ROOT, level, out);
        self.inside = around;
        fate
    }

    /// Notes that a part of a body went because of its type.
    pub(super) fn note_dropped(&mut self, base: &str, kind: &str) {
        let path = self.paths.child(self.plan, ROOT, ROOT, base);
        let found = Found {
            path,
            rule: NO_RULE,
            category: None,
            source: Source::Catalog,
            protocol: false,
            project: false,
        };
        self.note(found, &DROP, kind, Some(""));
        self.paths.release(path);
    }
}

fn slice(bytes: &[u8], range: std::ops::Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

fn shape() -> DecodeError {
    DecodeError::new(DecodeErrorKind::Shape, "envelope", 0)
}

fn facts(header: &[u8]) -> Result<Facts, DecodeError> {
    let text = std::str::from_utf8(header)
        .map_err(|e| DecodeError::new(DecodeErrorKind::Utf8, "envelope", e.valid_up_to()))?;
    let mut tape = Tape::default();
    json::lex(text, &mut tape)?;
    let mut kind = String::new();
    let node = only(text, &tape, "type")?.and_then(|at| tape.node(at));
    let node = node.filter(|n| n.kind == Kind::Str).ok_or_else(shape)?;
    unescape_into(text.get(node.range()).unwrap_or(""), &mut kind);
    Ok(Facts {
        kind,
        length: number(text, &tape, "length")?,
        count: number(text, &tape, "item_count")?,
    })
}

/// The member of a key of which there may be one: of two, readers take either.
fn only(text: &str, tape: &Tape, key: &str) -> Result<Option<usize>, DecodeError> {
    let Some(at) = tape.member(text, 0, key) else {
        return Ok(None);
    };
    let rest = tape.node(at).map_or(at, |n| n.next as usize);
    match tape.member_from(text, 0, rest, key) {
        Some(_) => Err(shape()),
        None => Ok(Some(at)),
    }
}

fn number(text: &str, tape: &Tape, key: &str) -> Result<Option<usize>, DecodeError> {
    let Some(node) = only(text, tape, key)?.and_then(|at| tape.node(at)) else {
        return Ok(None);
    };
    if node.kind == Kind::Null {
        return Ok(None);
    }
    let digits = text.get(node.range()).filter(|_| node.kind == Kind::Num);
    let number = digits.and_then(|digits| digits.parse().ok());
    number.map(Some).ok_or_else(shape)
}

/// Writes an item's header with the length and count of what is left.
fn reframe(
    header: &[u8],
    facts: &Facts,
    length: usize,
    count: Option<usize>,
    out: &mut Vec<u8>,
) -> Result<(), Stop> {
    let text = std::str::from_utf8(header).map_err(|_| shape())?;
    let mut tape = Tape::default();
    json::lex(text, &mut tape).map_err(|_| shape())?;
    let wanted = [
        ("length", facts.length.map(|_| length)),
        ("item_count", facts.count.map(|had| count.unwrap_or(had))),
    ];
    let mut at: Vec<(usize, usize)> = Vec::new();
    for (key, number) in wanted {
        if let Some(number) = number {
            at.push((only(text, &tape, key)?.ok_or_else(shape)?, number));
        }
    }
    at.sort_unstable();
    let mut edits = Edits::default();
    for (at, number) in at {
        let node = tape.node(at).ok_or_else(shape)?;
        edits.replace(node.outer(), number.to_string().as_bytes());
    }
    let from = out.len();
    edits.splice(text.as_bytes(), out);
    // A rule may have touched what the framing stands on.
    let now = self::facts(slice(out, from..out.len()))?;
    if now.kind == facts.kind {
        Ok(())
    } else {
        Err(shape().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(header: &str) -> Result<(String, Option<usize>), DecodeErrorKind> {
        let facts = facts(header.as_bytes()).map_err(|e| e.kind)?;
        Ok((facts.kind, facts.length))
    }

    #[test]
    fn an_items_header_is_read_in_one_way_or_not_at_all() {
        let read = kind_of(r#"{"type":"\u0065vent","length":12}"#);
        assert_eq!(read, Ok(("event".into(), Some(12))));
        assert_eq!(
            kind_of(r#"{"type":"event","length":null}"#),
            Ok(("event".into(), None))
        );
        for bad in [
            r#"{}"#,
            r#"{"type":1}"#,
            r#"{"type":"a","type":"b"}"#,
            r#"{"type":"a","\u0074ype":"b"}"#,
            r#"{"type":"a","length":"3"}"#,
            r#"{"type":"a","length":-3}"#,
            r#"{"type":"a","length":3.0}"#,
            r#"{"type":"a","length":3,"length":4}"#,
            r#"["type"]"#,
        ] {
            assert_eq!(kind_of(bad), Err(DecodeErrorKind::Shape), "{bad}");
        }
    }

    #[test]
    fn lengths_and_counts_are_written_anew() {
        let header = br#"{"length":3,"type":"log", "item_count":2,"x":[1]}"#;
        let facts = facts(header).unwrap();
        let mut out = Vec::new();
        reframe(header, &facts, 12, Some(1), &mut out).unwrap();
        let want = r#"{"length":12,"type":"log", "item_count":1,"x":[1]}"#;
        assert_eq!(String::from_utf8(out).unwrap(), want);
        let mut out = Vec::new();
        assert!(reframe(b"{\"type\":\"log\"}", &facts, 12, None, &mut out).is_err());
    }
}
