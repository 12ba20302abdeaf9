//! Multipart forms: text parts are the leaves `$form.<name>`, parts that the catalog lists hold
//! layers, a file that it does not list is refused.
//!
//! A file's name is a leaf too (`$form.<name>.$filename`). The boundary is the client's own text: one
//! in which somebody is named gives way to one of ours.

use super::engine::{Found, Judge, Level};
use super::envelope::Inside;
use super::fate::{Fate, Stop, Text};
use super::fields::{Pair, Unfold, plain};
use super::headers::{is_media_type, media_type};
use super::paths::{NodeId, ROOT, Source};
use super::plan::NO_RULE;
use crate::catalog::{Member, Treat, member};
use crate::codec::multipart::{self, Part};
use crate::codec::{DecodeError, DecodeErrorKind};

/// What leaves of a part.
struct New {
    name: Option<Box<str>>,
    filename: Option<String>,
    content_type: Option<String>,
    content: Option<Vec<u8>>,
    changed: bool,
}

impl Judge<'_, '_> {
    /// Judges the parts. [`Judge::boundary`] holds the boundary, then the one that leaves.
    pub(super) fn multipart(
        &mut self,
        members: &[Member],
        cesu8: bool,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Fate, Stop> {
        let given = self.boundary.take().ok_or_else(|| unsupported(0))?;
        let parts = multipart::parts(bytes, &given)?;
        let boundary = self.boundary_out(&given, bytes)?;
        let mut changed = boundary != given;
        let base = self.paths.child(self.plan, ROOT, ROOT, "$form");
        let mut met = Vec::new();
        let (mut came, mut left) = (0u32, 0u32);
        for part in parts {
            let part = part?;
            came += 1;
            let Some(new) = self.part(members, cesu8, &part, bytes, base, &mut met)? else {
                changed = true;
                continue;
            };
            left += 1;
            multipart::write_delimiter(&boundary, out);
            if !new.changed {
                out.extend_from_slice(bytes.get(part.whole).unwrap_or_default());
                continue;
            }
            changed = true;
            let name = new.name.as_deref().unwrap_or(part.name);
            let (filename, kind) = (new.filename.as_deref(), new.content_type.as_deref());
            multipart::write_head(name, filename, kind, out);
            let old = bytes.get(part.content).unwrap_or_default();
            let content = new.content.as_deref().unwrap_or(old);
            if multipart::clashes(content, &boundary) {
                return Err(DecodeError::new(DecodeErrorKind::Shape, "multipart", 0).into());
            }
            out.extend_from_slice(content);
        }
        changed |= self.add_parts(base, &met, &boundary, out);
        multipart::write_end(&boundary, out);
        self.boundary = Some(boundary);
        Ok(match (left, changed) {
            (0, true) if came > 0 => Fate::Nothing,
            (_, true) => Fate::Changed,
            (_, false) => Fate::Same,
        })
    }

    /// `None`: the part goes.
    fn part(
        &mut self,
        members: &[Member],
        cesu8: bool,
        part: &Part<'_>,
        bytes: &[u8],
        base: NodeId,
        met: &mut Vec<u16>,
    ) -> Result<Option<New>, Stop> {
        let content = bytes.get(part.content.clone()).unwrap_or_default();
        let path = self.paths.child(self.plan, base, base, part.name);
        let listed =
            member(members, part.name).filter(|m| &*m.name != "*" || part.filename.is_some());
        let content = match listed.map(|member| &member.treat) {
            Some(Treat::Drop) => {
                self.note_dropped("$form", part.name);
                return Ok(None);
            }
            Some(Treat::Judge { layers, events }) => {
                let mut new = self.pools.bytes();
                let fate = if events.is_empty() {
                    self.layers(layers, cesu8, content, path, Level::Value, &mut new)?
                } else {
                    let inside = Inside {
                        name: part.name.into(),
                        events: events.clone(),
                    };
                    self.inside(inside, layers, cesu8, content, &mut new)?
                };
                match fate {
                    Fate::Same => None,
                    Fate::Changed => Some(new),
                    Fate::Nothing => return Ok(None),
                }
            }
            None if part.filename.is_none() => match self.text_part(path, part, content, met)? {
                None => None,
                Some(Pair::New(text)) => Some(text.into_bytes()),
                Some(Pair::Gone) => return Ok(None),
            },
            Some(Treat::Refuse) | None => return Err(unsupported(part.content.start).into()),
        };
        let name = self.key_out(path)?;
        let filename = self.filename(path, part.filename)?;
        let content_type = part.content_type.and_then(|given| {
            let (essence, charset) = media_type(given)?;
            let charset = if charset { "; charset=UTF-8" } else { "" };
            is_media_type(&essence).then(|| format!("{essence}{charset}"))
        });
        self.paths.release(path);
        let same_type = match (&content_type, part.content_type) {
            (Some(new), Some(old)) => new.eq_ignore_ascii_case(old),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let same_file = filename.as_deref() == part.filename;
        Ok(Some(New {
            changed: content.is_some() || name.is_some() || !same_file || !same_type || part.extra,
            name,
            filename,
            content_type,
            content,
        }))
    }

    /// A part that is a field: its text is a leaf.
    fn text_part(
        &mut self,
        path: NodeId,
        part: &Part<'_>,
        content: &[u8],
        met: &mut Vec<u16>,
    ) -> Result<Option<Pair>, Stop> {
        if part
            .content_type
            .is_some_and(|kind| media_type(kind).is_none())
        {
            return Err(unsupported(part.content.start).into());
        }
        let text = std::str::from_utf8(content).map_err(|e| {
            let at = part.content.start + e.valid_up_to();
            DecodeError::new(DecodeErrorKind::Utf8, "multipart", at)
        })?;
        self.answer_hits(part.name, text);
        self.pair(path, part.name, text, Unfold::Plain { folds: 0 }, met)
    }

    fn filename(&mut self, part: NodeId, given: Option<&str>) -> Result<Option<String>, Stop> {
        let Some(given) = given else {
            return Ok(None);
        };
        let path = self.paths.child(self.plan, part, part, "$filename");
        let found = self.found(path);
        let fate = self.text(given, found, 0)?;
        self.paths.release(path);
        Ok(Some(match fate {
            Text::Keep => given.to_owned(),
            // A file stays one: servers tell files by their having a name.
            other @ (Text::Remove
            | Text::Null
            | Text::Whole(_)
            | Text::Number(_)
            | Text::Patched(_)
            | Text::DropEvent) => other.into_text(given).unwrap_or_else(|| "file".into()),
        }))
    }

    /// The boundary that leaves: the client's, unless it names someone.
    fn boundary_out(&mut self, given: &str, bytes: &[u8]) -> Result<String, Stop> {
        let path = self.paths.child(self.plan, ROOT, ROOT, "$boundary");
        let found = Found {
            path,
            rule: NO_RULE,
            category: None,
            source: Source::None,
            protocol: true,
            project: false,
        };
        // Dashes and digits alone are what browsers count with.
        let random = given
            .trim_start_matches('-')
            .bytes()
            .all(|b| b.is_ascii_digit());
        if random || self.inner(given, found, 0)? == Text::Keep {
            return Ok(given.to_owned());
        }
        let ours = (0u32..).map(|n| format!("----FormBoundary{n:08}"));
        let mut free = ours.filter(|ours| !multipart::clashes(bytes, ours));
        Ok(free.next().unwrap_or_default())
    }

    /// Fields that the catalog wants to be there.
    fn add_parts(&mut self, base: NodeId, met: &[u16], boundary: &str, out: &mut Vec<u8>) -> bool {
        let mut added = false;
        for set in self.paths.get(base).adds.clone() {
            if met.contains(&set) {
                continue;
            }
            let Some((key, json)) = self.set_member(set) else {
                continue;
            };
            multipart::write_delimiter(boundary, out);
            multipart::write_head(&key, None, None, out);
            out.extend_from_slice(plain(&json).as_bytes());
            added = true;
        }
        added
    }
}

fn unsupported(at: usize) -> DecodeError {
    DecodeError::new(DecodeErrorKind::Unsupported, "multipart", at)
}
