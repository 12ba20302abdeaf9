//! The judge's state and the layers of a body: what is decoded outside in is encoded inside out.

use std::sync::Arc;

use super::classes::{ClassMask, Classes};
use super::envelope::Inside;
use super::facts::Facts;
use super::fate::{Fate, Stop};
use super::heard::Heard;
use super::issued::locator;
use super::memo::{Memo, Place};
use super::paths::{NodeId, Paths, Source};
use super::plan::{Plan, RuleId};
use super::pools::Pools;
use super::tally::{Done, Tally};
use super::{Refusal, Report, Row};
use crate::action::{Action, CountryOf, Pseudonymizer};
use crate::catalog::{Layer, Set};
use crate::category::DataCategory;
use crate::codec::base64::{self, Alphabet, Options};
use crate::codec::layers::{looks_like_gzip, looks_like_zlib, may_carry_more};
use crate::codec::{self, Coding, DecodeError, DecodeErrorKind, cesu8};
use crate::json;
use crate::selector::Step;
use crate::sensitive::SecretText;

/// Encodings inside encodings, at most (contract: 8).
pub(super) const MAX_FOLDS: usize = 8;

/// Whether a document's events are looked for, or it is just a structured value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Level {
    Events,
    Value,
}

/// What is known about a leaf that is being judged.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) path: NodeId,
    pub(super) rule: RuleId,
    pub(super) category: Option<DataCategory>,
    pub(super) source: Source,
    pub(super) protocol: bool,
    pub(super) project: bool,
}

/// Judges one request under one plan.
pub(super) struct Judge<'p, 's> {
    pub(super) plan: &'p Plan,
    pub(super) paths: &'s mut Paths,
    pub(super) classes: &'s mut Classes,
    pub(super) memo: &'s mut Memo,
    pub(super) pools: &'s mut Pools,
    pub(super) report: &'s mut Report,
    pub(super) rows: Option<&'s mut Vec<Row>>,
    pub(super) class: usize,
    pub(super) mask: Arc<ClassMask>,
    pub(super) pseudonymizer: &'s Pseudonymizer,
    pub(super) country_of: Option<&'s CountryOf>,
    /// What conditions are asked about: of the event that is judged; else of the document; else of
    /// the request.
    pub(super) facts: Facts,
    pub(super) outer: Facts,
    pub(super) request: Facts,
    /// Encodings opened to reach the document that is being walked.
    pub(super) folds: usize,
    pub(super) body_limit: usize,
    /// The project's number, where a URL in the body tells it.
    pub(super) located: Option<String>,
    /// What this document says about its people.
    pub(super) heard: Heard,
    /// Whether the document at hand is a shadow, in which lists of pairs are maps already.
    pub(super) shadowed: bool,
    /// The part of the body that is being judged, where it has parts.
    pub(super) inside: Option<Inside>,
    /// The boundary of the body's parts: the one that came, then the one that leaves.
    pub(super) boundary: Option<String>,
    /// Bytes that folded text may still unfold to in this request.
    pub(super) unfold_left: usize,
    /// Success answers whose condition a parameter has met: a bit each.
    pub(super) answers: u32,
    /// What an answer may have to name the events by.
    pub(super) each: Vec<Box<str>>,
    /// What was decided last.
    pub(super) last: Done,
    pub(super) tally: &'s mut Tally,
    /// Where the scalar that starts there is to be remembered: it was looked for in vain.
    pub(super) missed: Option<(u32, Option<Place>)>,
    /// Whether what was judged last was given a random value.
    pub(super) random: bool,
    pub(super) projects: &'s [String],
    pub(super) project_seen: bool,
    pub(super) project_other: bool,
    /// The salt of the vendor's checksums.
    pub(super) salt: Option<&'p SecretText>,
}

impl Judge<'_, '_> {
    /// The class of an event by its name.
    pub(super) fn class_of(&mut self, event: Option<&str>) -> usize {
        self.classes.of(self.plan, event, &self.facts)
    }

    /// The class by which what is known of a path is remembered.
    #[inline]
    pub(super) fn class_at(&self, path: NodeId) -> usize {
        self.paths.value_class(path, &self.mask, self.tally.on)
    }

    /// Judges from here on in a class.
    pub(super) fn use_class(&mut self, class: usize) {
        if class != self.class || class == usize::MAX {
            self.class = class;
            self.mask = self.classes.mask(class);
        }
    }

    /// Judges from here on outside of events.
    pub(super) fn start(&mut self) {
        let class = self.class_of(None);
        self.class = class;
        self.mask = self.classes.mask(class);
    }

    /// Whether rows of a report are wanted.
    pub(super) fn explains(&self) -> bool {
        self.rows.is_some()
    }

    /// Notes what was done to a leaf; `after` is `None` when it leaves as it came.
    #[inline]
    pub(super) fn note(
        &mut self,
        found: Found,
        action: &Action,
        before: &str,
        after: Option<&str>,
    ) {
        self.decided(found, action);
        if self.rows.is_some() {
            self.note_row(found, action, before, after);
        }
    }

    #[cold]
    fn note_row(&mut self, found: Found, action: &Action, before: &str, after: Option<&str>) {
        let rule = self.plan.rule(found.rule).map_or("", |rule| &rule.name);
        let row = Row {
            path: self.paths.path(found.path),
            category: found.category,
            source: found.source,
            rule: rule.into(),
            action: action.name(),
            before: before.into(),
            after: after.map(Into::into),
        };
        if let Some(rows) = &mut self.rows {
            rows.push(row);
        }
    }

    /// Notes the project token of the request.
    pub(super) fn project(&mut self, token: &str) {
        if self.projects.is_empty() || token.is_empty() {
            return;
        }
        let token = locator(token).map_or(token, |found| found.key);
        if self.projects.iter().any(|listed| listed == token) {
            self.project_seen = true;
        } else {
            self.project_other = true;
        }
    }

    fn set(&self, set: u16) -> Option<&Set> {
        self.plan.place()?.sets.get(usize::from(set))
    }

    /// The JSON text of a forced value; `None`: the field goes.
    pub(super) fn set_value(&self, set: u16) -> Option<Box<str>> {
        self.set(set)?.value.clone()
    }

    /// Key and JSON text of a member that must be there.
    pub(super) fn set_member(&self, set: u16) -> Option<(Box<str>, Box<str>)> {
        let set = self.set(set)?;
        let Step::Key(key) = set.field.steps().last()? else {
            return None;
        };
        Some((key.clone(), set.value.clone()?))
    }

    /// Judges bytes through the layers of a format. `out` holds the new bytes when something
    /// changes.
    pub(super) fn layers(
        &mut self,
        layers: &[Layer],
        cesu8: bool,
        bytes: &[u8],
        at: NodeId,
        level: Level,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let Some((layer, rest)) = layers.split_first() else {
            return Err(DecodeError::new(DecodeErrorKind::Unsupported, "body", 0).into());
        };
        match layer {
            Layer::SniffGzip | Layer::SniffZlib => {
                let coding = if *layer == Layer::SniffGzip {
                    looks_like_gzip(bytes).then_some(Coding::Gzip)
                } else {
                    looks_like_zlib(bytes).then_some(Coding::Deflate)
                };
                match coding {
                    Some(coding) => self.sniffed(coding, rest, cesu8, bytes, at, level, out),
                    None => self.layers(rest, cesu8, bytes, at, level, out),
                }
            }
            Layer::MaybeBase64 if begins_json(bytes) => {
                self.layers(rest, cesu8, bytes, at, level, out)
            }
            Layer::Base64 | Layer::MaybeBase64 | Layer::Base64Url => {
                let mut plain = self.pools.bytes();
                let options = Options {
                    blank_is_plus: true,
                    expect: if *layer == Layer::Base64Url {
                        Alphabet::Url
                    } else {
                        Alphabet::Standard
                    },
                };
                let flavour = base64::decode(bytes, options, &mut plain)?;
                let fate = self.through(rest, cesu8, &plain, at, level, |judge, new| {
                    let mut text = judge.pools.text();
                    base64::encode(flavour, new, &mut text);
                    out.extend_from_slice(text.as_bytes());
                    judge.pools.give_text(text);
                    Ok(())
                })?;
                self.pools.give_bytes(plain);
                Ok(fate)
            }
            Layer::Form(fields) => self.form(fields, rest, cesu8, bytes, level, out),
            Layer::MaybePercent => self.percent(rest, cesu8, bytes, at, level, out),
            Layer::MaybeReversed => self.reversed(rest, cesu8, bytes, at, level, out),
            Layer::MaybeLz64 => self.lz64(rest, cesu8, bytes, at, level, out),
            Layer::JsonOrQuery if begins_json(bytes) => {
                self.json(&Layer::Json, cesu8, bytes, at, level, out)
            }
            Layer::Query | Layer::JsonOrQuery => self.lines(false, bytes, at, level, out),
            Layer::Lines => self.lines(true, bytes, at, level, out),
            Layer::Latin1 => self.latin1(rest, cesu8, bytes, at, level, out),
            Layer::Text => self.text_leaf(bytes, at, out),
            Layer::Envelope(members) => self.envelope(members, cesu8, bytes, out),
            Layer::Multipart(members) => self.multipart(members, cesu8, bytes, out),
            Layer::Querypack(of) => self.querypack(of, bytes, at, level, out),
            Layer::Protobuf(of) => self.protobuf(of, bytes, at, level, out),
            Layer::Json | Layer::Ndjson | Layer::JsonOrNdjson => {
                self.json(layer, cesu8, bytes, at, level, out)
            }
        }
    }

    /// A coding that no header declares is taken off and put on again.
    #[expect(
        clippy::too_many_arguments,
        reason = "those of `layers`, and the coding"
    )]
    fn sniffed(
        &mut self,
        coding: Coding,
        rest: &[Layer],
        cesu8: bool,
        bytes: &[u8],
        at: NodeId,
        level: Level,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let mut plain = self.pools.bytes();
        codec::decode(coding, bytes, self.body_limit, &mut plain)?;
        if self.folds > 0 {
            self.unfold_left = self.unfold_left.saturating_sub(plain.len());
        }
        let mut fate = self.through(rest, cesu8, &plain, at, level, |_, new| {
            encode(coding, new, out)
        })?;
        if fate == Fate::Same && may_carry_more(coding, bytes) {
            encode(coding, &plain, out)?;
            fate = Fate::Changed;
        }
        self.pools.give_bytes(plain);
        Ok(fate)
    }

    /// Judges what a layer held through the layers below, and has `wrap` put that layer on again when
    /// something changed.
    pub(super) fn through(
        &mut self,
        rest: &[Layer],
        cesu8: bool,
        plain: &[u8],
        at: NodeId,
        level: Level,
        wrap: impl FnOnce(&mut Self, &[u8]) -> Result<(), Stop>,
    ) -> Result<Fate, Stop> {
        let mut new = self.pools.bytes();
        let fate = self.layers(rest, cesu8, plain, at, level, &mut new)?;
        if fate == Fate::Changed {
            wrap(self, &new)?;
        }
        self.pools.give_bytes(new);
        Ok(fate)
    }

    /// Judges what a value holds through its layers, one fold deeper: within what may still be unfolded.
    pub(super) fn deeper(
        &mut self,
        layers: &[Layer],
        plain: &[u8],
        at: NodeId,
        level: Level,
        new: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let limit = self.body_limit;
        self.body_limit = limit.min(self.unfold_left);
        self.folds += 1;
        let fate = self.layers(layers, false, plain, at, level, new);
        self.folds -= 1;
        self.body_limit = limit;
        fate
    }

    fn json(
        &mut self,
        layer: &Layer,
        cesu8: bool,
        bytes: &[u8],
        at: NodeId,
        level: Level,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let mut joined = self.pools.bytes();
        let (text, was_cesu) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, false),
            Err(_) if cesu8 => {
                cesu8::to_utf8(bytes, &mut joined)?;
                let text = std::str::from_utf8(&joined).map_err(|e| not_utf8(&e))?;
                (text, true)
            }
            Err(error) => return Err(not_utf8(&error).into()),
        };
        let mut tape = self.pools.tape();
        match layer {
            Layer::Ndjson => json::lex_lines(text, &mut tape)?,
            Layer::JsonOrNdjson => {
                if json::lex(text, &mut tape).is_err() {
                    json::lex_lines(text, &mut tape)?;
                }
            }
            Layer::Json
            | Layer::SniffGzip
            | Layer::SniffZlib
            | Layer::Form(_)
            | Layer::Envelope(_)
            | Layer::Multipart(_)
            | Layer::Latin1
            | Layer::Text
            | Layer::Base64
            | Layer::MaybeBase64
            | Layer::Base64Url
            | Layer::MaybeReversed
            | Layer::MaybePercent
            | Layer::MaybeLz64
            | Layer::Query
            | Layer::Lines
            | Layer::Protobuf(_)
            | Layer::Querypack(_)
            | Layer::JsonOrQuery => json::lex(text, &mut tape)?,
        }
        let mut edits = self.pools.edits();
        let mut fate = self.documents(text, &tape, &mut edits, at, level)?;
        if was_cesu && fate == Fate::Same {
            fate = Fate::Changed;
        }
        if fate == Fate::Changed {
            edits.splice(text.as_bytes(), out);
        }
        self.pools.give_edits(edits);
        self.pools.give_tape(tape);
        self.pools.give_bytes(joined);
        Ok(fate)
    }
}

/// Encodes again; a compressor that fails leaves nothing to forward.
pub(super) fn encode(coding: Coding, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Stop> {
    codec::encode(coding, bytes, out).map_err(|_| {
        let error = DecodeError::new(DecodeErrorKind::Unsupported, coding.token(), 0);
        Stop::Refuse(Refusal::Decode(error))
    })
}

pub(super) fn begins_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'['))
}

fn not_utf8(error: &std::str::Utf8Error) -> DecodeError {
    DecodeError::new(DecodeErrorKind::Utf8, "json", error.valid_up_to())
}
