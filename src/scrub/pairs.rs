//! Lists of pairs that stand for maps: `[{"key": "plan", "value": {"stringValue": "pro"}}]` is judged
//! as `{"plan": "pro"}`.
//!
//! Where the catalog names such places, the document's shadow is judged: the same document with maps
//! in place of the lists and with the wrappers off. Then the verdicts are carried over. Source and
//! shadow are gone through by the same decisions in the same order, so each verdict meets its value;
//! what goes takes its whole pair along; what stays, stays byte for byte. Knows no vendor.

use smallvec::SmallVec;

use super::carry::Carry;
use super::engine::{Judge, Level};
use super::fate::{Fate, Stop};
use super::paths::NodeId;
use crate::catalog::{PairForm, Pairs};
use crate::codec::{DecodeError, DecodeErrorKind};
use crate::json::{self, Edits, Fates, Kind, Node, Tape, unescape_into};
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
            Carry::new(&source, Fates::new(&shadow_tape, &verdicts), edits).documents()?;
        }
        self.pools.give_edits(verdicts);
        self.pools.give_tape(shadow_tape);
        self.pools.give_text(shadow);
        Ok(fate)
    }
}

/// How far the selectors of `pairs` have matched on the way to a value.
pub(super) type Places = SmallVec<[u64; 8]>;

/// The document and the places of its pairs.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) tape: &'a Tape,
    pub(super) pairs: &'a [Pairs],
}

/// A value without its wrapper.
pub(super) struct Bare {
    pub(super) at: usize,
    /// The innermost key of the wrapper.
    pub(super) wrapper: Option<usize>,
}

/// What a value is in the shadow.
pub(super) enum Form {
    Scalar,
    Object,
    Array,
    /// An array that is a map.
    Map,
    /// An object that is a map of one pair.
    Single,
}

/// One element of a list of pairs.
pub(super) enum Pair {
    /// Key and value, and nothing else.
    Plain(usize, usize),
    /// A key and an object with more than a value; the value, if there is one.
    More(usize, Option<usize>),
    /// Not a pair.
    Odd,
}

impl<'a> Source<'a> {
    pub(super) fn start(&self) -> Places {
        let selectors = self.pairs.iter().flat_map(|pairs| &pairs.at);
        selectors.map(crate::selector::Selector::start).collect()
    }

    pub(super) fn step(&self, places: &Places, segment: Segment<'_>) -> Places {
        let selectors = self.pairs.iter().flat_map(|pairs| &pairs.at);
        let zip = selectors.zip(places);
        zip.map(|(selector, at)| selector.advance(*at, segment))
            .collect()
    }

    /// The pairs that the catalog names at a place, or those that are in force around it.
    pub(super) fn named(&self, places: &Places, around: Option<&'a Pairs>) -> Option<&'a Pairs> {
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

    pub(super) fn node(&self, at: usize) -> Result<&'a Node, Stop> {
        self.tape.node(at).ok_or_else(|| shape(0))
    }

    pub(super) fn raw(&self, node: &Node) -> &'a str {
        self.text.get(node.range()).unwrap_or("")
    }

    /// Whether a key or string is this word.
    pub(super) fn is(&self, at: usize, word: &str) -> bool {
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
    pub(super) fn children(&self, at: usize) -> impl Iterator<Item = usize> + use<'a> {
        let tape = self.tape;
        let end = tape.node(at).map_or(at, |node| node.next as usize);
        let next = move |at: &usize| tape.node(*at).map(|node| node.next as usize);
        std::iter::successors(Some(at + 1), next).take_while(move |at| *at < end)
    }

    /// Takes the wrapper off. Two values in one wrapper would be two meanings.
    pub(super) fn bare(&self, at: usize, pairs: Option<&Pairs>) -> Result<Bare, Stop> {
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

    pub(super) fn form(&self, at: usize, pairs: Option<&Pairs>) -> Result<Form, Stop> {
        Ok(match self.node(at)?.kind {
            Kind::Object => match pairs.filter(|pairs| pairs.single) {
                Some(pairs) if !matches!(self.pair(at, pairs)?, Pair::Odd) => Form::Single,
                _ => Form::Object,
            },
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

    pub(super) fn pair(&self, at: usize, pairs: &Pairs) -> Result<Pair, Stop> {
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
            Form::Single => {
                let Some(pairs) = pairs else {
                    return Err(shape(0));
                };
                out.push('{');
                self.read_pair(at, pairs, places, out)?;
                out.push('}');
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

/// The pairs that are in force inside a value: those whose values are wrapped.
pub(super) fn inner(pairs: Option<&Pairs>) -> Option<&Pairs> {
    pairs.filter(|pairs| !pairs.unwrap.is_empty())
}

fn comma(nth: usize, out: &mut String) {
    if nth > 0 {
        out.push(',');
    }
}

pub(super) fn shape(at: u32) -> Stop {
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
                single: false,
                unwrap: unwrap.collect(),
            },
            Pairs {
                at: at(&["tags", "**.headers"]),
                form: PairForm::Tuple,
                single: false,
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
        let fates = Fates::new(&shadow_tape, &verdicts);
        Carry::new(&source, fates, &mut edits).documents().unwrap();
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
