//! The verdicts on a shadow in which lists of pairs are maps, carried over to the document.
//!
//! The document is gone through by the decisions by which its shadow was written ([`super::pairs`]), in
//! the same order, so each verdict meets its value. What goes takes its pair and its wrapper along.

use std::ops::Range;

use super::fate::Stop;
use super::pairs::{Bare, Form, Pair, Places, Source, inner, shape};
use crate::catalog::Pairs;
use crate::json::{Commas, Edits, Fates, Kind, NodeFate};
use crate::selector::Segment;

/// The verdicts on the shadow, carried over to the source.
pub(super) struct Carry<'a, 'e> {
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

impl<'a, 'e> Carry<'a, 'e> {
    pub(super) fn new(source: &'a Source<'a>, fates: Fates<'e>, edits: &'e mut Edits) -> Self {
        Self {
            source,
            fates,
            at: 0,
            edits,
        }
    }

    pub(super) fn documents(&mut self) -> Result<(), Stop> {
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
            Form::Single => {
                let gone = match pairs {
                    Some(pairs) => self.pair(bare.at, pairs, places)?,
                    None => true,
                };
                if gone {
                    self.at = self.fates.after(shadow);
                    return Ok(true);
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
        if (!scalar && !free)
            || matches!(form, Form::Map | Form::Single)
            || (with == b"null" && !free)
        {
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

/// Whether the new spelling is of the old one's type: an integer stays one of 64 bits, a number a
/// number, a truth value one, base64 base64.
fn same_make(old: &str, new: &str) -> bool {
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
