//! Lists of pairs that stand for maps: `[{"key": "plan", "value": {"stringValue": "pro"}}]` is judged
//! as `{"plan": "pro"}`.
//!
//! Where the catalog names such places, the document's shadow is judged: the same document with maps
//! in place of the lists and with the wrappers off. Then the verdicts are carried over. Source and
//! shadow are gone through by the same decisions in the same order, so each verdict meets its value;
//! what goes takes its whole pair along; what stays, stays byte for byte. Knows no vendor.

use std::ops::Range;

use smallvec::SmallVec;

use super::engine::{Judge, Level};
use super::fate::{Fate, Stop};
use super::paths::NodeId;
use crate::catalog::{PairForm, Pairs};
use crate::codec::{DecodeError, DecodeErrorKind};
use crate::json::{self, Commas, Edits, Fates, Kind, Node, NodeFate, Tape, unescape_into};
use crate::selector::Segment;

impl Judge<'_, '_> {
    /// Judges the documents of a tape by their shadow; the edits are those of the documents.
    pub(super) fn paired(
        &mut self,
        text: &str,
        tape: &Tape,
        edits: &mut Edits,
        at: NodeId,
        level: Level,
    ) -> Result<Fate, Stop> {
        let plan = self.plan;
        let pairs = plan.place().map_or(&[][..], |place| &place.pairs);
        let source = Source { text, tape, pairs };
        let mut shadow = self.pools.text();
        let mut root = 0;
        while let Some(node) = tape.node(root) {
            source.read(root, None, &source.start(), &mut shadow)?;
            shadow.push('\n');
            root = node.next as usize;
        }
        let mut shadow_tape = self.pools.tape();
        json::lex_lines(&shadow, &mut shadow_tape)?;
        let mut verdicts = self.pools.edits();
        let fate = self.tape(&shadow, &shadow_tape, &mut verdicts, at, level)?;
        if fate == Fate::Changed {
            let mut carry = Carry {
                source: &source,
                fates: Fates::new(&shadow_tape, &verdicts),
                at: 0,
                edits,
            };
            carry.documents()?;
        }
        self.pools.give_edits(verdicts);
        self.pools.give_tape(shadow_tape);
        self.pools.give_text(shadow);
        Ok(fate)
    }
}

/// How far the selectors of `pairs` have matched on the way to a value.
type Places = SmallVec<[u64; 8]>;

/// The document and the places of its pairs.
struct Source<'a> {
    text: &'a str,
    tape: &'a Tape,
    pairs: &'a [Pairs],
}

/// A value without its wrapper.
struct Bare {
    at: usize,
    /// The innermost key of the wrapper.
    wrapper: Option<usize>,
}

/// What a value is in the shadow.
enum Form {
    Scalar,
    Object,
    Array,
    /// An array that is a map.
    Map,
}

/// One element of a list of pairs.
enum Pair {
    /// Key and value, and nothing else.
    Plain(usize, usize),
    /// A key and an object with more than a value; the value, if there is one.
    More(usize, Option<usize>),
    /// Not a pair.
    Odd,
}

impl<'a> Source<'a> {
    fn start(&self) -> Places {
        let selectors = self.pairs.iter().flat_map(|pairs| &pairs.at);
        selectors.map(crate::selector::Selector::start).collect()
    }

    fn step(&self, places: &Places, segment: Segment<'_>) -> Places {
        let selectors = self.pairs.iter().flat_map(|pairs| &pairs.at);
        let zip = selectors.zip(places);
        zip.map(|(selector, at)| selector.advance(*at, segment))
            .collect()
    }

    /// The pairs that the catalog names at a place, or those that are in force around it.
    fn named(&self, places: &Places, around: Option<&'a Pairs>) -> Option<&'a Pairs> {
        if around.is_some() {
            return around;
        }
        let mut places = places.iter();
        self.pairs.iter().find(|pairs| {
            let here = places.by_ref().take(pairs.at.len());
            let hits = pairs.at.iter().zip(here);
            hits.fold(false, |hit, (selector, at)| hit | selector.matched(*at))
        })
    }

    fn node(&self, at: usize) -> Result<&'a Node, Stop> {
        self.tape.node(at).ok_or_else(|| shape(0))
    }

    fn raw(&self, node: &Node) -> &'a str {
        self.text.get(node.range()).unwrap_or("")
    }

    /// Whether a key or string is this word.
    fn is(&self, at: usize, word: &str) -> bool {
        let Some(node) = self.tape.node(at) else {
            return false;
        };
        let raw = self.raw(node);
        if !node.escaped {
            return raw == word;
        }
        let mut plain = String::new();
        unescape_into(raw, &mut plain);
        plain == word
    }

    /// The nodes right below a container: keys of an object, elements of an array.
    fn children(&self, at: usize) -> impl Iterator<Item = usize> + use<'a> {
        let tape = self.tape;
        let end = tape.node(at).map_or(at, |node| node.next as usize);
        let next = move |at: &usize| tape.node(*at).map(|node| node.next as usize);
        std::iter::successors(Some(at + 1), next).take_while(move |at| *at < end)
    }

    /// Takes the wrapper off. Two values in one wrapper would be two meanings.
    fn bare(&self, at: usize, pairs: Option<&Pairs>) -> Result<Bare, Stop> {
        let none = Bare { at, wrapper: None };
        let Some(pairs) = pairs.filter(|p| !p.unwrap.is_empty()) else {
            return Ok(none);
        };
        if self.node(at)?.kind != Kind::Object {
            return Ok(none);
        }
        let mut keys = self.children(at);
        let Some(key) = keys.next() else {
            return Ok(none);
        };
        let heads = |key: usize| {
            let mut wrappers = pairs.unwrap.iter();
            wrappers.find(|w| w.first().is_some_and(|word| self.is(key, word)))
        };
        let Some(wrapper) = heads(key) else {
            return Ok(none);
        };
        if let Some(other) = keys.next() {
            return match heads(other) {
                Some(_) => Err(shape(self.node(other)?.start)),
                None => Ok(none),
            };
        }
        let mut key = key;
        for word in wrapper.iter().skip(1) {
            let mut keys = self.children(key + 1);
            match (self.node(key + 1)?.kind, keys.next(), keys.next()) {
                (Kind::Object, Some(inner), None) if self.is(inner, word) => key = inner,
                _ => return Ok(none),
            }
        }
        Ok(Bare {
            at: key + 1,
            wrapper: Some(key),
        })
    }

    fn form(&self, at: usize, pairs: Option<&Pairs>) -> Result<Form, Stop> {
        Ok(match self.node(at)?.kind {
            Kind::Object => Form::Object,
            Kind::Array => {
                let mut map = false;
                for element in self.children(at) {
                    if let Some(pairs) = pairs {
                        map |= !matches!(self.pair(element, pairs)?, Pair::Odd);
                    }
                    if map {
                        return Ok(Form::Map);
                    }
                }
                Form::Array
            }
            Kind::Key | Kind::Str | Kind::Num | Kind::Bool | Kind::Null => Form::Scalar,
        })
    }

    fn pair(&self, at: usize, pairs: &Pairs) -> Result<Pair, Stop> {
        let kind = self.node(at)?.kind;
        let is_key = |at: usize| {
            let node = self.tape.node(at);
            node.is_some_and(|n| matches!(n.kind, Kind::Str | Kind::Num))
        };
        let PairForm::Members(key_word, value_word) = &pairs.form else {
            let mut both = self.children(at).take(3);
            return Ok(match (kind, both.next(), both.next(), both.next()) {
                (Kind::Array, Some(key), Some(value), None) if is_key(key) => {
                    Pair::Plain(key, value)
                }
                _ => Pair::Odd,
            });
        };
        if kind != Kind::Object {
            return Ok(Pair::Odd);
        }
        let (mut key, mut value, mut others) = (None, None, false);
        for member in self.children(at) {
            let slot = if self.is(member, key_word) {
                &mut key
            } else if self.is(member, value_word) {
                &mut value
            } else {
                others = true;
                continue;
            };
            // Of two keys or values, one reader takes the first and another the last.
            if slot.replace(member + 1).is_some() {
                return Err(shape(self.node(member)?.start));
            }
        }
        Ok(match (key.filter(|key| is_key(*key)), value) {
            (Some(key), Some(value)) if !others => Pair::Plain(key, value),
            (Some(key), value) => Pair::More(key, value),
            (None, _) => Pair::Odd,
        })
    }

    /// Writes the shadow of a value.
    fn read(
        &self,
        at: usize,
        around: Option<&'a Pairs>,
        places: &Places,
        out: &mut String,
    ) -> Result<(), Stop> {
        let pairs = self.named(places, around);
        let bare = self.bare(at, pairs)?;
        let at = bare.at;
        let below = inner(pairs);
        match self.form(at, pairs)? {
            Form::Scalar => out.push_str(self.text.get(self.node(at)?.outer()).unwrap_or("")),
            Form::Object => self.read_object(at, places, None, out)?,
            Form::Array => {
                let places = self.step(places, Segment::Item);
                out.push('[');
                for (nth, element) in self.children(at).enumerate() {
                    comma(nth, out);
                    self.read(element, below, &places, out)?;
                }
                out.push(']');
            }
            Form::Map => {
                let Some(pairs) = pairs else {
                    return Err(shape(0));
                };
                out.push('{');
                for (nth, element) in self.children(at).enumerate() {
                    comma(nth, out);
                    self.read_pair(element, pairs, places, out)?;
                }
                out.push('}');
            }
        }
        Ok(())
    }

    fn read_pair(
        &self,
        at: usize,
        pairs: &'a Pairs,
        places: &Places,
        out: &mut String,
    ) -> Result<(), Stop> {
        let pair = self.pair(at, pairs)?;
        let raw = match pair {
            Pair::Plain(key, _) | Pair::More(key, _) => self.raw(self.node(key)?),
            Pair::Odd => "",
        };
        out.push('"');
        out.push_str(raw);
        out.push_str("\":");
        let places = self.step(places, Segment::Key(raw));
        match pair {
            Pair::Plain(_, value) => self.read(value, inner(Some(pairs)), &places, out),
            Pair::More(key, value) => self.read_object(at, &places, Some((key, value, pairs)), out),
            Pair::Odd => self.read(at, None, &places, out),
        }
    }

    /// An object's members; of a pair's object all but the key.
    fn read_object(
        &self,
        at: usize,
        places: &Places,
        pair: Option<(usize, Option<usize>, &'a Pairs)>,
        out: &mut String,
    ) -> Result<(), Stop> {
        out.push('{');
        let key = pair.map(|(key, ..)| key);
        let members = self.children(at).filter(|m| Some(m + 1) != key);
        for (nth, member) in members.enumerate() {
            comma(nth, out);
            let node = self.node(member)?;
            out.push_str(self.text.get(node.outer()).unwrap_or(""));
            out.push(':');
            let places = self.step(places, Segment::Key(self.raw(node)));
            let around = pair.and_then(|(_, value, pairs)| {
                inner(Some(pairs)).filter(|_| value == Some(member + 1))
            });
            self.read(member + 1, around, &places, out)?;
        }
        out.push('}');
        Ok(())
    }
}

/// The verdicts on the shadow, carried over to the source.
struct Carry<'a, 'e> {
    source: &'a Source<'a>,
    fates: Fates<'e>,
    /// The shadow's node that is next.
    at: usize,
    edits: &'e mut Edits,
}

/// Where a value stands, for what is cut with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// Where any JSON value may stand.
    Free,
    /// In a pair: what is no value of its own kind takes the pair along.
    InPair,
}

impl<'a> Carry<'a, '_> {
    fn documents(&mut self) -> Result<(), Stop> {
        let source = self.source;
        let mut root = 0;
        while let Some(node) = source.tape.node(root) {
            if self.value(root, None, &source.start(), Stands::Free)? {
                let line = super::walk::line_of(source.text, &node.outer());
                self.edits.cut_over(line);
            }
            root = node.next as usize;
        }
        if self.fates.all_taken() {
            Ok(())
        } else {
            // A verdict that met no value: nothing is sent rather than too much.
            Err(shape(0))
        }
    }

    /// Carries the verdict on one value over; `true`: it goes.
    fn value(
        &mut self,
        at: usize,
        around: Option<&'a Pairs>,
        places: &Places,
        stands: Stands,
    ) -> Result<bool, Stop> {
        let source = self.source;
        let shadow = self.at;
        let fate = self.fates.of(shadow);
        let pairs = source.named(places, around);
        let bare = source.bare(at, pairs)?;
        let form = source.form(bare.at, pairs)?;
        match fate {
            NodeFate::Same | NodeFate::Gone => {
                self.at = self.fates.after(shadow);
                return Ok(fate == NodeFate::Gone);
            }
            NodeFate::Text(with) => {
                self.at = shadow + 1;
                let node = source.node(bare.at)?;
                self.retype(&bare, source.raw(node), with);
                self.edits.replace(node.range(), with);
                return Ok(false);
            }
            NodeFate::Value(with) => {
                self.at = self.fates.after(shadow);
                return self.whole(&bare, &form, with, stands);
            }
            NodeFate::Inside => self.at = shadow + 1,
        }
        let below = inner(pairs);
        let close = source.node(bare.at)?.end as usize - 1;
        let mut commas = Commas::new(source.node(bare.at)?.start as usize + 1);
        match form {
            Form::Scalar => return Err(shape(close as u32)),
            Form::Object => {
                self.object(bare.at, places, None)?;
            }
            Form::Array => {
                let places = source.step(places, Segment::Item);
                for element in source.children(bare.at) {
                    let gone = self.value(element, below, &places, Stands::Free)?;
                    self.settle(gone, element, bare.at, &mut commas)?;
                }
            }
            Form::Map => {
                for element in source.children(bare.at) {
                    let gone = match pairs {
                        Some(pairs) => self.pair(element, pairs, places)?,
                        None => true,
                    };
                    self.settle(gone, element, bare.at, &mut commas)?;
                }
            }
        }
        if let Some(added) = self.fates.added(shadow) {
            // What is forced is forced on objects; a list of pairs has no place for a member.
            if !matches!(form, Form::Object) {
                return Err(shape(close as u32));
            }
            self.edits.replace(close..close, added);
        }
        Ok(false)
    }

    fn pair(&mut self, at: usize, pairs: &'a Pairs, places: &Places) -> Result<bool, Stop> {
        let source = self.source;
        let pair = source.pair(at, pairs)?;
        let (key, raw) = match pair {
            Pair::Plain(key, _) | Pair::More(key, _) => {
                let node = source.node(key)?;
                (Some(node), source.raw(node))
            }
            Pair::Odd => (None, ""),
        };
        let mut gone = false;
        let mut new_key = None;
        match self.fates.of(self.at) {
            NodeFate::Same | NodeFate::Inside => {}
            NodeFate::Gone | NodeFate::Value(_) => gone = true,
            // A key that is a number has no room for a text.
            NodeFate::Text(with) => match key.filter(|node| node.kind == Kind::Str) {
                Some(node) => new_key = Some((node.range(), with)),
                None => gone = true,
            },
        }
        self.at += 1;
        if gone {
            self.at = self.fates.after(self.at);
            return Ok(true);
        }
        // In the order of the document, whichever of the two comes first.
        let value_first = match (pair_value(&pair), &new_key) {
            (Some(value), Some((range, _))) => (source.node(value)?.start as usize) < range.start,
            _ => false,
        };
        if let Some((range, with)) = new_key.clone().filter(|_| !value_first) {
            self.edits.replace(range, with);
        }
        let places = source.step(places, Segment::Key(raw));
        let gone = match pair {
            Pair::Plain(_, value) => {
                self.value(value, inner(Some(pairs)), &places, Stands::InPair)?
            }
            Pair::More(key, value) => match self.fates.of(self.at) {
                NodeFate::Same => {
                    self.at = self.fates.after(self.at);
                    false
                }
                NodeFate::Gone | NodeFate::Value(_) | NodeFate::Text(_) => {
                    self.at = self.fates.after(self.at);
                    true
                }
                NodeFate::Inside => {
                    let shadow = self.at;
                    self.at += 1;
                    let gone = self.object(at, &places, Some((key, value, pairs)))?;
                    gone || self.fates.added(shadow).is_some()
                }
            },
            Pair::Odd => self.value(at, None, &places, Stands::Free)?,
        };
        if let Some((range, with)) = new_key.filter(|_| value_first && !gone) {
            self.edits.replace(range, with);
        }
        Ok(gone)
    }

    /// The members of an object, or of a pair that holds more than a value; `true`: its value goes.
    fn object(
        &mut self,
        at: usize,
        places: &Places,
        pair: Option<(usize, Option<usize>, &'a Pairs)>,
    ) -> Result<bool, Stop> {
        let source = self.source;
        let mut commas = Commas::new(source.node(at)?.start as usize + 1);
        let mut value_gone = false;
        for member in source.children(at) {
            let node = source.node(member)?;
            let end = source.node(member + 1)?.outer().end;
            if pair.is_some_and(|(key, ..)| key == member + 1) {
                commas.keep(end);
                continue;
            }
            let is_value = pair.is_some_and(|(_, value, _)| value == Some(member + 1));
            let key = self.fates.of(self.at);
            self.at += 1;
            let gone = if matches!(key, NodeFate::Gone | NodeFate::Value(_)) {
                self.at = self.fates.after(self.at);
                true
            } else {
                if let NodeFate::Text(with) = key {
                    self.edits.replace(node.range(), with);
                }
                let places = source.step(places, Segment::Key(source.raw(node)));
                let around = pair.and_then(|(.., pairs)| inner(Some(pairs)).filter(|_| is_value));
                let stands = if is_value {
                    Stands::InPair
                } else {
                    Stands::Free
                };
                self.value(member + 1, around, &places, stands)?
            };
            value_gone |= gone && is_value;
            self.settle(gone, member, at, &mut commas)?;
        }
        Ok(value_gone)
    }

    /// Cuts or keeps the child of a container.
    fn settle(
        &mut self,
        gone: bool,
        child: usize,
        parent: usize,
        commas: &mut Commas,
    ) -> Result<(), Stop> {
        let source = self.source;
        let node = source.node(child)?;
        let end = match node.kind {
            Kind::Key => source.node(child + 1)?.outer().end,
            Kind::Object | Kind::Array | Kind::Str | Kind::Num | Kind::Bool | Kind::Null => {
                node.outer().end
            }
        };
        if !gone {
            commas.keep(end);
            return Ok(());
        }
        let next = node.next as usize;
        let more = next < source.node(parent)?.next as usize;
        let next = source.tape.node(next).filter(|_| more);
        let whole: Range<usize> = node.outer().start..end;
        commas.cut(whole, next.map(|n| n.outer().start), self.edits);
        Ok(())
    }

    /// A value that was replaced by another; `true`: there is no room for that one.
    fn whole(
        &mut self,
        bare: &Bare,
        form: &Form,
        with: &[u8],
        stands: Stands,
    ) -> Result<bool, Stop> {
        let node = self.source.node(bare.at)?;
        let scalar = matches!(form, Form::Scalar);
        let free = stands == Stands::Free && bare.wrapper.is_none();
        // A list of pairs, or a value in a wrapper, is not what a constant may stand for.
        if (!scalar && !free) || matches!(form, Form::Map) || (with == b"null" && !free) {
            return Ok(true);
        }
        let old = self.source.text.get(node.outer()).unwrap_or("");
        self.retype(bare, old, with);
        self.edits.replace(node.outer(), with);
        Ok(false)
    }

    /// A text in place of a number (or of base64) needs the wrapper for text.
    fn retype(&mut self, bare: &Bare, old: &str, new: &[u8]) {
        let new = std::str::from_utf8(new).unwrap_or("");
        let Some(key) = bare.wrapper else {
            return;
        };
        let Some(node) = self.source.tape.node(key) else {
            return;
        };
        let wrappers = self.source.pairs.iter().filter_map(|p| p.unwrap.first());
        let mut texts = wrappers.filter_map(|wrapper| wrapper.last());
        if texts.clone().any(|word| self.source.is(key, word)) || same_make(old, new) {
            return;
        }
        if let Some(word) = texts.next() {
            self.edits.replace(node.range(), word.as_bytes());
        }
    }
}

fn pair_value(pair: &Pair) -> Option<usize> {
    match pair {
        Pair::Plain(_, value) => Some(*value),
        Pair::More(_, value) => *value,
        Pair::Odd => None,
    }
}

/// The pairs that are in force inside a value: those whose values are wrapped.
fn inner(pairs: Option<&Pairs>) -> Option<&Pairs> {
    pairs.filter(|pairs| !pairs.unwrap.is_empty())
}

/// Whether the new spelling is of the old one's type: an integer stays one of 64 bits, a number a
/// number, a truth value one, base64 base64.
pub(super) fn same_make(old: &str, new: &str) -> bool {
    let old = old.trim_matches('"');
    let new = new.trim_matches('"');
    if old.parse::<i64>().is_ok() {
        new.parse::<i64>().is_ok()
    } else if old.parse::<f64>().is_ok() {
        new.parse::<f64>().is_ok()
    } else if matches!(old, "true" | "false") {
        matches!(new, "true" | "false")
    } else {
        let digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        new.len().is_multiple_of(4) && new.bytes().all(digit)
    }
}

fn comma(nth: usize, out: &mut String) {
    if nth > 0 {
        out.push(',');
    }
}

fn shape(at: u32) -> Stop {
    DecodeError::new(DecodeErrorKind::Shape, "json", at as usize).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selector::Selector;

    const UNWRAP: &[&str] = &[
        "stringValue",
        "intValue",
        "arrayValue.values",
        "kvlistValue.values",
    ];

    fn pairs() -> Vec<Pairs> {
        let at = |text: &[&str]| text.iter().map(|t| Selector::parse(t).unwrap()).collect();
        let unwrap = UNWRAP
            .iter()
            .map(|t| t.split('.').map(Into::into).collect());
        vec![
            Pairs {
                at: at(&["**.attributes", "**.body"]),
                form: PairForm::Members("key".into(), "value".into()),
                unwrap: unwrap.collect(),
            },
            Pairs {
                at: at(&["tags", "**.headers"]),
                form: PairForm::Tuple,
                unwrap: Box::new([]),
            },
        ]
    }

    fn shadow(text: &str) -> Result<String, Stop> {
        let pairs = pairs();
        let mut tape = Tape::default();
        json::lex(text, &mut tape).unwrap();
        let source = Source {
            text,
            tape: &tape,
            pairs: &pairs,
        };
        let mut out = String::new();
        source.read(0, None, &source.start(), &mut out)?;
        Ok(out)
    }

    /// Carries over what `judge` does to the shadow's tape.
    fn carried(text: &str, judge: fn(&str, &Tape, &mut Edits)) -> String {
        let pairs = pairs();
        let (mut tape, mut shadow_tape) = (Tape::default(), Tape::default());
        json::lex(text, &mut tape).unwrap();
        let source = Source {
            text,
            tape: &tape,
            pairs: &pairs,
        };
        let shadow = shadow(text).unwrap();
        json::lex_lines(&shadow, &mut shadow_tape).unwrap();
        let (mut verdicts, mut edits) = (Edits::default(), Edits::default());
        judge(&shadow, &shadow_tape, &mut verdicts);
        let mut carry = Carry {
            source: &source,
            fates: Fates::new(&shadow_tape, &verdicts),
            at: 0,
            edits: &mut edits,
        };
        carry.documents().unwrap();
        let mut out = Vec::new();
        edits.splice(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Cuts the member whose key is `x`, which is never the last one.
    fn cut_x(shadow: &str, tape: &Tape, edits: &mut Edits) {
        let start = shadow.find(r#""x":"#).unwrap();
        let at = (0..tape.len()).find(|at| tape.node(*at).unwrap().outer().start == start);
        let next = tape.node(at.unwrap()).unwrap().next as usize;
        edits.cut(start..tape.node(next).unwrap().outer().start);
    }

    #[test]
    fn lists_of_pairs_are_maps() {
        for (text, want) in [
            (
                r#"{"attributes": [{"key":"a","value":{"stringValue":"v"}}, {"value":{"intValue":"7"},"key":"b"}]}"#,
                r#"{"attributes":{"a":"v","b":"7"}}"#,
            ),
            (
                r#"{"attributes":[{"key":"a","value":{"arrayValue":{"values":[{"stringValue":"v"},{"kvlistValue":{"values":[{"key":"k","value":{"intValue":1}}]}}]}}}]}"#,
                r#"{"attributes":{"a":["v",{"k":1}]}}"#,
            ),
            (r#"{"body":{"stringValue":"v"}}"#, r#"{"body":"v"}"#),
            (r#"{"body":{"other":"v"}}"#, r#"{"body":{"other":"v"}}"#),
            (
                r#"{"attributes":[{"key":"a"},{"key":"b","value":{},"more":1}]}"#,
                r#"{"attributes":{"a":{},"b":{"value":{},"more":1}}}"#,
            ),
            (
                r#"{"tags":[["k","v"],["n",[1]],null],"r":{"headers":[["Cookie","c"]]}}"#,
                r#"{"tags":{"k":"v","n":[1],"":null},"r":{"headers":{"Cookie":"c"}}}"#,
            ),
            (
                r#"{"tags":{"k":"v"},"other":[["k","v"]]}"#,
                r#"{"tags":{"k":"v"},"other":[["k","v"]]}"#,
            ),
        ] {
            assert_eq!(shadow(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn two_meanings_are_refused() {
        for text in [
            r#"{"attributes":[{"key":"a","key":"b","value":{"stringValue":"v"}}]}"#,
            r#"{"attributes":[{"key":"a","value":{"stringValue":"v","intValue":"1"}}]}"#,
            r#"{"attributes":[{"key":"a","value":{},"value":{"intValue":"1"}}]}"#,
        ] {
            assert!(shadow(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_goes_takes_its_pair_along() {
        assert_eq!(
            carried(
                r#"{"attributes": [ {"key":"x","value":{"stringValue":"v"}}, {"key":"b","value":{"intValue":"7"}} ]}"#,
                cut_x
            ),
            r#"{"attributes": [ {"key":"b","value":{"intValue":"7"}} ]}"#
        );
        assert_eq!(
            carried(r#"{"tags": [["x","v"] , ["y" , "w"]]}"#, cut_x),
            r#"{"tags": [["y" , "w"]]}"#
        );
    }

    #[test]
    fn what_changes_its_type_changes_its_wrapper() {
        let replace: fn(&str, &Tape, &mut Edits) = |shadow, _, edits| {
            let at = shadow.find('7').unwrap();
            edits.replace(at..at + 1, b"many");
        };
        assert_eq!(
            carried(
                r#"{"attributes":[{"key":"b","value":{"intValue":"7"}}]}"#,
                replace
            ),
            r#"{"attributes":[{"key":"b","value":{"stringValue":"many"}}]}"#
        );
    }
}
