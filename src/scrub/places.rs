//! Documents in places of their own: strings and headers that the catalog says how to unfold, texts
//! that are one leaf; and what an answer says of each event.
//!
//! Invariant: what does not unfold as the catalog says does not leave. Unfolding costs from the same
//! budget as any other fold.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Refusal;
use super::engine::{Judge, Level, MAX_FOLDS};
use super::fate::{Fate, Leaf, Stop, Text};
use super::paths::{NodeId, ROOT};
use crate::catalog::{Answer, Endpoint, Layer, ParamFormat};
use crate::codec::{DecodeError, DecodeErrorKind};
use crate::json::{Edits, Kind, Node, Tape, escape_into, unescape_into};

/// Events that an answer names, at most.
const MAX_EACH: usize = 10_000;

impl Judge<'_, '_> {
    /// Judges a string that holds a document. `None`: an action takes the string as a whole.
    pub(super) fn unfold_leaf(
        &mut self,
        unfold: u16,
        raw: &str,
        node: &Node,
        edits: &mut Edits,
        path: NodeId,
    ) -> Result<Option<Leaf>, Stop> {
        let plan = self.plan;
        let Some(unfold) = plan.vendor.unfold.get(usize::from(unfold)) else {
            return Ok(None);
        };
        let found = self.found(path);
        if self.action(found).takes_containers() {
            return Ok(None);
        }
        if self.folds >= MAX_FOLDS || self.unfold_left == 0 {
            return Ok(Some(Leaf::Remove));
        }
        let mut plain = self.pools.text();
        if node.escaped {
            unescape_into(raw, &mut plain);
        } else {
            plain.push_str(raw);
        }
        let mut new = self.pools.bytes();
        let (layers, bytes) = (&unfold.layers, plain.as_bytes());
        let fate = self.deeper(layers, bytes, path, Level::Value, &mut new);
        let leaf = match fate {
            Ok(Fate::Same) => Leaf::Keep,
            Ok(Fate::Nothing) | Err(Stop::Refuse(Refusal::Decode(_))) => Leaf::Remove,
            Ok(Fate::Changed) => match std::str::from_utf8(&new) {
                Ok(text) => {
                    edits.write(node.range(), |out| escape_into(text, out));
                    Leaf::Edited
                }
                Err(_) => Leaf::Remove,
            },
            Err(stop) => return Err(stop),
        };
        self.pools.give_text(plain);
        self.pools.give_bytes(new);
        Ok(Some(leaf))
    }

    /// A leaf in an event's place: a query string, or a text that holds the event.
    pub(super) fn event_text(
        &mut self,
        text: &str,
        node: &Node,
        edits: &mut Edits,
        path: NodeId,
        query: bool,
    ) -> Result<Leaf, Stop> {
        if node.kind == Kind::Str {
            if query {
                return self.query_item(text, node, edits);
            }
            if let Some(leaf) = self.text_item(text, node, edits, path)? {
                return Ok(leaf);
            }
        }
        let at = node.start as usize;
        Err(DecodeError::new(DecodeErrorKind::Shape, "json", at).into())
    }

    /// A string in an event's place that holds an event, as the catalog says how. `None`: it does not
    /// say. What does not unfold is no event, and the body is refused.
    fn text_item(
        &mut self,
        text: &str,
        node: &Node,
        edits: &mut Edits,
        path: NodeId,
    ) -> Result<Option<Leaf>, Stop> {
        let plan = self.plan;
        let unfold = self.paths.get(path).unfold;
        let Some(unfold) = unfold.and_then(|at| plan.vendor.unfold.get(usize::from(at))) else {
            return Ok(None);
        };
        if self.folds >= MAX_FOLDS || self.unfold_left == 0 {
            let at = node.start as usize;
            return Err(DecodeError::new(DecodeErrorKind::Shape, "json", at).into());
        }
        let mut plain = self.pools.text();
        unescape_into(text.get(node.range()).unwrap_or(""), &mut plain);
        let mut new = self.pools.bytes();
        let (layers, bytes) = (&unfold.layers, plain.as_bytes());
        let fate = self.deeper(layers, bytes, ROOT, Level::Events, &mut new);
        let leaf = match fate? {
            Fate::Same => Leaf::Keep,
            Fate::Nothing => Leaf::Remove,
            Fate::Changed => {
                let new = utf8(&new, "json")?;
                edits.write(node.range(), |out| escape_into(new, out));
                Leaf::Edited
            }
        };
        self.pools.give_text(plain);
        self.pools.give_bytes(new);
        Ok(Some(leaf))
    }

    /// Characters that stand for bytes.
    pub(super) fn latin1(
        &mut self,
        rest: &[Layer],
        cesu8: bool,
        bytes: &[u8],
        at: NodeId,
        level: Level,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let text = utf8(bytes, "latin1")?;
        let mut plain = self.pools.bytes();
        for (place, character) in text.char_indices() {
            let Ok(byte) = u8::try_from(u32::from(character)) else {
                return Err(DecodeError::new(DecodeErrorKind::Shape, "latin1", place).into());
            };
            plain.push(byte);
        }
        let fate = self.through(rest, cesu8, &plain, at, level, |_, new| {
            let mut buffer = [0; 2];
            for byte in new {
                out.extend_from_slice(char::from(*byte).encode_utf8(&mut buffer).as_bytes());
            }
            Ok(())
        })?;
        self.pools.give_bytes(plain);
        Ok(fate)
    }

    /// A text that is one leaf.
    pub(super) fn text_leaf(
        &mut self,
        bytes: &[u8],
        at: NodeId,
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let text = utf8(bytes, "text")?;
        if text.is_empty() {
            return Ok(Fate::Same);
        }
        let found = self.found(at);
        match self.text(text, found, self.folds)? {
            Text::Keep => Ok(Fate::Same),
            Text::Remove => Ok(Fate::Nothing),
            Text::DropEvent => Err(Stop::DropEvent),
            new @ (Text::Null | Text::Whole(_) | Text::Number(_) | Text::Patched(_)) => {
                Ok(match new.into_text(text) {
                    Some(new) => {
                        out.extend_from_slice(new.as_bytes());
                        Fate::Changed
                    }
                    None => Fate::Nothing,
                })
            }
        }
    }

    /// A header that unfolds as a parameter does: `$header.<name>.…`. `None`: it must not leave.
    pub(super) fn unfold_header(
        &mut self,
        param: &ParamFormat,
        value: &str,
    ) -> Result<Option<String>, Stop> {
        let parent = self.paths.child(self.plan, ROOT, ROOT, "$header");
        let at = self.paths.child(self.plan, parent, parent, &param.name);
        let mut new = self.pools.bytes();
        let (layers, level) = (&param.layers, Level::Value);
        let fate = self.layers(layers, param.cesu8, value.as_bytes(), at, level, &mut new);
        let out = match fate {
            Ok(Fate::Same) => Some(value.to_owned()),
            Ok(Fate::Changed) => std::str::from_utf8(&new).ok().map(str::to_owned),
            Ok(Fate::Nothing) | Err(Stop::Refuse(Refusal::Decode(_))) => None,
            Err(stop) => return Err(stop),
        };
        self.pools.give_bytes(new);
        self.paths.release(at);
        Ok(out)
    }

    /// Notes what an answer may have to name the event at `at` by.
    pub(super) fn note_each(&mut self, text: &str, tape: &Tape, at: usize) {
        let plan = self.plan;
        let answers = plan.place().map_or(&[][..], |place| &place.answers);
        let Some(each) = answers.iter().find_map(|answer| answer.each.as_ref()) else {
            return;
        };
        let member = tape.member(text, at, &each.key);
        let node = member.and_then(|at| tape.node(at));
        let name = node
            .filter(|node| node.kind == Kind::Str)
            .and_then(|node| text.get(node.range()))
            .filter(|name| is_uuid(name));
        if let Some(name) = name.filter(|_| self.each.len() < MAX_EACH) {
            self.each.push(name.into());
        }
    }
}

/// The success answer of an endpoint: the first whose condition was met, with what it says of each
/// event.
pub(super) fn answer<'p>(
    place: &'p Endpoint,
    hits: u32,
    names: &[Box<str>],
) -> Option<Cow<'p, Answer>> {
    let mut answers = place.answers.iter().enumerate();
    let (_, answer) = answers
        .find(|(bit, answer)| answer.when.is_none() || (*bit < 32 && hits >> bit & 1 == 1))?;
    let Some(each) = &answer.each else {
        return Some(Cow::Borrowed(answer));
    };
    let mut list = String::new();
    for name in names {
        let comma = if list.is_empty() { "" } else { "," };
        let _ = write!(list, "{comma}\"{name}\":{}", each.says);
    }
    Some(Cow::Owned(Answer {
        body: answer.body.replace('…', &list).into(),
        ..answer.clone()
    }))
}

fn utf8<'t>(bytes: &'t [u8], layer: &'static str) -> Result<&'t str, Stop> {
    std::str::from_utf8(bytes)
        .map_err(|e| DecodeError::new(DecodeErrorKind::Utf8, layer, e.valid_up_to()).into())
}

/// So that nothing else of a request can come back in an answer.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::load::load;

    #[test]
    fn an_answer_names_each_event() {
        let text = r#"
            name = "acme"
            title = "Acme"
            upstream = "https://in.acme.example"
            [formats.json]
            types = ["*"]
            layers = ["json"]
            [[endpoint]]
            paths = ["/e"]
            kind = "collect"
            methods = ["POST"]
            body = ["json"]
            events = ["."]
            answers = [{ type = "application/json", body = '{"results":{…}}', each = { key = "uuid", says = '"ok"' } }]
        "#;
        let vendor = load("acme.toml", text).unwrap_or_else(|d| panic!("{d}")).0;
        let body = |names: &[&str]| {
            let names: Vec<Box<str>> = names.iter().map(|name| (*name).into()).collect();
            let answer = answer(&vendor.endpoints[0], 0, &names).unwrap();
            answer.body.to_string()
        };
        assert_eq!(body(&[]), r#"{"results":{}}"#);
        assert_eq!(body(&["a", "b"]), r#"{"results":{"a":"ok","b":"ok"}}"#);
        assert!(is_uuid("01a20051-4df3-7f6a-9cb2-f804332076df"));
        for other in [
            "",
            "zeb@quixworth.example",
            "01a20051-4df3-7f6a-9cb2-f804332076d\"",
        ] {
            assert!(!is_uuid(other), "{other}");
        }
    }
}
