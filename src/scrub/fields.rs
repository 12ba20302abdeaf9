//! Forms, query strings, headers and path segments: pairs of a name and a text.
//!
//! A pair that stays is copied byte for byte; a value that changes is percent-encoded anew; a pair
//! that goes takes its `&` along.

use super::Refusal;
use super::engine::{Found, Judge, Level, MAX_FOLDS};
use super::fate::{Fate, Stop, Text};
use super::paths::{NodeId, ROOT};
use crate::catalog::{Layer, ParamFormat};
use crate::codec::{DecodeError, form};
use crate::selector::glob_match;

/// How the values of some pairs unfold.
#[derive(Clone, Copy)]
pub(super) enum Unfold<'a> {
    /// None does.
    Plain { folds: usize },
    /// Catalog parameters.
    Params(&'a [ParamFormat]),
    /// The named form fields hold the rest of the layers.
    Fields {
        names: &'a [Box<str>],
        layers: &'a [Layer],
        cesu8: bool,
        level: Level,
    },
}

impl Judge<'_, '_> {
    /// Judges a query string; parameters are `$query.<name>`.
    pub(super) fn query(
        &mut self,
        query: &str,
        params: &[ParamFormat],
        out: &mut String,
    ) -> Result<Fate, Stop> {
        let base = self.paths.child(self.plan, ROOT, ROOT, "$query");
        self.request_facts("$query", query);
        self.pairs(query, base, Unfold::Params(params), out)
    }

    /// Judges a form body; fields are `$form.<name>`, but for those that hold the layers below.
    pub(super) fn form(
        &mut self,
        names: &[Box<str>],
        layers: &[Layer],
        cesu8: bool,
        bytes: &[u8],
        level: Level,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let text = std::str::from_utf8(bytes).map_err(|e| {
            crate::codec::DecodeError::new(
                crate::codec::DecodeErrorKind::Utf8,
                "form",
                e.valid_up_to(),
            )
        })?;
        self.request_facts("$form", text);
        let base = self.paths.child(self.plan, ROOT, ROOT, "$form");
        let unfold = Unfold::Fields {
            names,
            layers,
            cesu8,
            level,
        };
        let mut new = self.pools.text();
        let fate = self.pairs(text, base, unfold, &mut new)?;
        out.extend_from_slice(new.as_bytes());
        self.pools.give_text(new);
        Ok(fate)
    }

    /// Judges a query string that stood in a text. `None`: it does not read as one (`a=1;b=2`,
    /// `off=50%`), so it is text, to be searched as such.
    pub(super) fn query_text(
        &mut self,
        query: &str,
        found: Found,
        folds: usize,
        out: &mut String,
    ) -> Result<Option<Fate>, Stop> {
        match self.pairs(query, found.path, Unfold::Plain { folds }, out) {
            Err(Stop::Refuse(Refusal::Decode(_))) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Judges a single text that stands alone: a header, a path segment. `None`: it must not leave.
    pub(super) fn single(&mut self, base: &str, name: &str, text: &str) -> Result<Single, Stop> {
        let parent = self.paths.child(self.plan, ROOT, ROOT, base);
        let path = self.paths.child(self.plan, parent, parent, name);
        let found = self.found(path);
        let explicit = found.rule != super::plan::NO_RULE || found.protocol;
        let fate = self.text(text, found, 0)?;
        self.paths.release(path);
        Ok(match fate {
            Text::Keep => Single {
                explicit,
                text: Some(text.to_owned()),
            },
            other @ (Text::Remove
            | Text::Null
            | Text::Whole(_)
            | Text::Number(_)
            | Text::Patched(_)
            | Text::DropEvent) => Single {
                explicit: true,
                text: other.into_text(text),
            },
        })
    }

    pub(super) fn pairs(
        &mut self,
        input: &str,
        base: NodeId,
        unfold: Unfold<'_>,
        out: &mut String,
    ) -> Result<Fate, Stop> {
        let fate = self.each_pair(input, base, unfold, out);
        if matches!(fate, Err(Stop::DropEvent)) && !matches!(unfold, Unfold::Plain { .. }) {
            self.asked_for(input);
        }
        fate
    }

    /// What all of the fields ask of the answer: that of an event that goes is Tamis's own, and a
    /// library parses it, wherever it said how.
    fn asked_for(&mut self, input: &str) {
        for pair in form::pairs(input.as_bytes()).flatten() {
            let read = |range: std::ops::Range<usize>| {
                let mut text = String::new();
                let raw = input.as_bytes().get(range).unwrap_or_default();
                decode(raw, &mut text).is_ok().then_some(text)
            };
            if let (Some(key), Some(value)) = (read(pair.key), pair.value.and_then(read)) {
                self.answer_hits(&key, &value);
            }
        }
    }

    fn each_pair(
        &mut self,
        input: &str,
        base: NodeId,
        unfold: Unfold<'_>,
        out: &mut String,
    ) -> Result<Fate, Stop> {
        let mut changed = false;
        let mut last = base;
        let mut met: Vec<u16> = Vec::new();
        let mut kept = 0usize;
        let mut turns = Turns::default();
        for pair in form::pairs(input.as_bytes()) {
            let pair = pair?;
            let mut key = self.pools.text();
            let raw = input.as_bytes().get(pair.key.clone()).unwrap_or(&[]);
            decode(raw, &mut key)?;
            let mut value = self.pools.text();
            if let Some(range) = pair.value.clone() {
                let raw = input.as_bytes().get(range).unwrap_or(&[]);
                decode(raw, &mut value)?;
            }
            let path = self.paths.child(self.plan, base, last, &key);
            last = path;
            if !matches!(unfold, Unfold::Plain { .. }) {
                self.answer_hits(&key, &value);
            }
            let whole = input.get(pair.whole.clone()).unwrap_or("");
            let turn = self.turn(unfold, path, &key, &value, &mut turns, out.len());
            let new = match &turn {
                None => self.pair(path, &key, &value, unfold, &mut met)?,
                Some(Turn::Name(below)) => self.key_out(*below)?.map(|name| Pair::New(name.into())),
                Some(Turn::Value(below, _)) => self.pair(*below, "", &value, unfold, &mut met)?,
            };
            if new == Some(Pair::Gone)
                && let Some(Turn::Value(_, at)) = turn
            {
                // Its name goes along.
                out.truncate(at.min(out.len()));
            }
            let new_key = self.key_out(path)?;
            if !out.is_empty() && new != Some(Pair::Gone) {
                out.push('&');
            }
            match (new, new_key) {
                (None, None) => out.push_str(whole),
                (Some(Pair::Gone), _) => changed = true,
                (new, new_key) => {
                    changed = true;
                    match new_key {
                        Some(key) => form::encode(&key, out),
                        None => out.push_str(input.get(pair.key.clone()).unwrap_or("")),
                    }
                    match new {
                        Some(Pair::New(text)) => {
                            out.push('=');
                            form::encode(&text, out);
                        }
                        _ => {
                            if let Some(range) = pair.value {
                                out.push('=');
                                out.push_str(input.get(range).unwrap_or(""));
                            }
                        }
                    }
                }
            }
            kept += usize::from(!out.is_empty());
            self.pools.give_text(key);
            self.pools.give_text(value);
            self.paths.release(path);
        }
        changed |= self.add_pairs(base, &met, out);
        if matches!(unfold, Unfold::Params(_)) {
            changed |= self.copy_pairs(out);
        }
        Ok(match (kept, changed) {
            (_, false) => Fate::Same,
            (0, true) if out.is_empty() => Fate::Nothing,
            _ => Fate::Changed,
        })
    }

    /// What stands in place of a pair's value; `None`: the pair as it came.
    pub(super) fn pair(
        &mut self,
        path: NodeId,
        key: &str,
        value: &str,
        unfold: Unfold<'_>,
        met: &mut Vec<u16>,
    ) -> Result<Option<Pair>, Stop> {
        if let Some(set) = self.paths.get(path).set {
            met.push(set);
            return Ok(Some(match self.set_value(set) {
                Some(json) => Pair::New(plain(&json)),
                None => Pair::Gone,
            }));
        }
        let mut folds = 0;
        let layers = match unfold {
            Unfold::Plain { folds: at } => {
                folds = at;
                None
            }
            Unfold::Params(params) => {
                params
                    .iter()
                    .find(|param| *param.name == *key)
                    .map(|param| {
                        let level = if param.events {
                            Level::Events
                        } else {
                            Level::Value
                        };
                        (&*param.layers, param.cesu8, level)
                    })
            }
            Unfold::Fields {
                names,
                layers,
                cesu8,
                level,
            } => names
                .iter()
                .any(|name| **name == *key)
                .then_some((layers, cesu8, level)),
        };
        if let Some((layers, cesu8, level)) = layers.filter(|_| !value.is_empty()) {
            return self.unfold_pair(path, value, layers, cesu8, level);
        }
        let found = self.found(path);
        if value.is_empty() {
            let takes = self.action(found).takes_containers();
            return Ok(takes.then_some(Pair::Gone));
        }
        if folds > MAX_FOLDS {
            return Ok(Some(Pair::Gone));
        }
        Ok(match self.text(value, found, folds)? {
            Text::Keep => None,
            Text::Remove => Some(Pair::Gone),
            Text::DropEvent => return Err(Stop::DropEvent),
            new @ (Text::Null | Text::Whole(_) | Text::Number(_) | Text::Patched(_)) => {
                Some(Pair::New(new.into_text(value).unwrap_or_default()))
            }
        })
    }

    fn unfold_pair(
        &mut self,
        path: NodeId,
        value: &str,
        layers: &[Layer],
        cesu8: bool,
        level: Level,
    ) -> Result<Option<Pair>, Stop> {
        let at = if level == Level::Events { ROOT } else { path };
        let mut new = self.pools.bytes();
        let fate = self.layers(layers, cesu8, value.as_bytes(), at, level, &mut new)?;
        let out = match fate {
            Fate::Same => None,
            Fate::Nothing => Some(Pair::Gone),
            Fate::Changed => match std::str::from_utf8(&new) {
                Ok(text) => {
                    let mut copy = self.pools.text();
                    copy.push_str(text);
                    Some(Pair::New(copy))
                }
                // Layers below a form end in text; anything else must not leave.
                Err(_) => Some(Pair::Gone),
            },
        };
        self.pools.give_bytes(new);
        Ok(out)
    }

    pub(super) fn answer_hits(&mut self, key: &str, value: &str) {
        let Some(place) = self.plan.place() else {
            return;
        };
        for (bit, answer) in place.answers.iter().enumerate().take(32) {
            if let Some((name, want)) = &answer.when
                && **name == *key
                && **want == *value
            {
                self.answers |= 1 << bit;
            }
        }
    }

    fn add_pairs(&mut self, base: NodeId, met: &[u16], out: &mut String) -> bool {
        let adds = self.paths.get(base).adds.clone();
        let mut added = false;
        for set in adds {
            if met.contains(&set) {
                continue;
            }
            let Some((key, json)) = self.set_member(set) else {
                continue;
            };
            if !out.is_empty() {
                out.push('&');
            }
            form::encode(&key, out);
            out.push('=');
            form::encode(&plain(&json), out);
            added = true;
        }
        added
    }
}

/// Decodes a key or value. The `+` before a telephone number was meant as its sign and not escaped,
/// as in `tel=+14155550137`.
fn decode(raw: &[u8], out: &mut String) -> Result<(), DecodeError> {
    form::decode(raw, out)?;
    if raw.first() == Some(&b'+') && is_dialled(out) {
        out.replace_range(..1, "+");
    }
    Ok(())
}

/// Whether a text is a blank and a telephone number.
fn is_dialled(value: &str) -> bool {
    let rest = value.get(1..).unwrap_or("").as_bytes();
    let digits = rest.iter().filter(|b| b.is_ascii_digit()).count();
    let layout = |b: &u8| b.is_ascii_digit() || b" -.()/".contains(b);
    (7..=15).contains(&digits) && rest.len() <= 32 && rest.iter().all(layout)
}

/// What a parameter is that is given many times over, in turn a name and its value.
enum Turn {
    /// A name: the path of its value.
    Name(NodeId),
    /// A value: its path, and where its name begins in what was written.
    Value(NodeId, usize),
}

/// The name that waits for its value: the parameter, the name, where it begins.
#[derive(Default)]
struct Turns(Option<(String, String, usize)>);

impl Judge<'_, '_> {
    /// Whether a parameter takes turns, and whose turn it is. A value follows its name directly;
    /// what does not is taken for a name.
    fn turn(
        &mut self,
        unfold: Unfold<'_>,
        path: NodeId,
        key: &str,
        value: &str,
        turns: &mut Turns,
        written: usize,
    ) -> Option<Turn> {
        let plan = self.plan;
        let globs = &plan.place()?.alternating;
        let listed =
            matches!(unfold, Unfold::Params(_)) && globs.iter().any(|glob| glob_match(glob, key));
        let waiting = turns.0.take().filter(|_| listed);
        if !listed {
            return None;
        }
        if let Some((of, name, at)) = waiting
            && of == key
        {
            // Looked up again: beyond a bound, paths are forgotten after each pair.
            return Some(Turn::Value(self.paths.child(plan, path, path, &name), at));
        }
        turns.0 = Some((key.to_owned(), value.to_owned(), written));
        Some(Turn::Name(self.paths.child(plan, path, path, value)))
    }
}

/// What stands in place of a pair.
#[derive(PartialEq, Eq)]
pub(super) enum Pair {
    /// Nothing.
    Gone,
    /// This text.
    New(String),
}

/// A text that stands alone.
pub(super) struct Single {
    /// Whether a rule spoke about it.
    pub(super) explicit: bool,
    /// The text that may leave.
    pub(super) text: Option<String>,
}

/// The text of a JSON scalar, for places that know no JSON.
pub(super) fn plain(json: &str) -> String {
    let inside = json.strip_prefix('"').and_then(|j| j.strip_suffix('"'));
    match inside {
        Some(raw) => {
            let mut out = String::new();
            crate::json::unescape_into(raw, &mut out);
            out
        }
        None => json.to_owned(),
    }
}
