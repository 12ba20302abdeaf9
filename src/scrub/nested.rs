//! Text that holds another document: opened, judged, written back in the same encoding.
//!
//! JSON, query strings, percent-encoding, base64 (either alphabet, also reversed, also with a
//! compressed stream inside), hex. At most [`MAX_FOLDS`] deep; what is still folded there is dropped.
//! Text that begins like a document but does not read as one is dropped as well: a cut document
//! still names people. What all of it unfolds to is bounded per request.

use super::engine::{Found, Judge, Level, MAX_FOLDS};
use super::fate::{Fate, Stop, Text};
use super::objects::objects;
use super::unfold::{
    MIN_BASE64, MIN_RUN, Opened, Unpacked, base64_runs, base64_text, decode_percent, has_percent,
    hex_runs, hex_text, is_base64, is_form, is_percent_text, legible, looks_like_query,
    may_be_legible, mixes_cases, opens_joined, opens_reversed, pack_base64, run_starts, to_hex,
};
use crate::action::Action;
use crate::codec::base64::Flavour;
use crate::codec::form;
use crate::detect::{self, Entity};
use crate::json::{self, Patch};

impl Judge<'_, '_> {
    /// Opens a text that as a whole is another document; `None` when it is plain text.
    pub(super) fn nested(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
    ) -> Result<Option<Text>, Stop> {
        let trimmed = text.trim();
        if let Some(fate) = self.nested_json(text, trimmed, found, folds)? {
            return Ok(Some(fate));
        }
        if self.nested_quoted(text, found) {
            return Ok(Some(Text::Remove));
        }
        if let Some(fate) = self.nested_query(text, found, folds)? {
            return Ok(Some(fate));
        }
        if let Some(fate) = self.nested_escapes(text, found, folds)? {
            return Ok(Some(fate));
        }
        if trimmed.len() >= MIN_BASE64
            && let Some(fate) = self.nested_base64(text, found, folds)?
        {
            return Ok(Some(fate));
        }
        if trimmed.len() >= MIN_BASE64
            && let Some(fate) = self.nested_hex(text, found, folds)?
        {
            return Ok(Some(fate));
        }
        if !text.bytes().all(is_percent_text) {
            return Ok(None);
        }
        self.nested_percent(text, found, folds)
    }

    fn nested_json(
        &mut self,
        text: &str,
        trimmed: &str,
        found: Found,
        folds: usize,
    ) -> Result<Option<Text>, Stop> {
        let [first, .., last] = trimmed.as_bytes() else {
            return Ok(None);
        };
        let closed = matches!((first, last), (b'{', b'}') | (b'[', b']') | (b'"', b'"'));
        let begins =
            trimmed.starts_with("{\"") || trimmed.starts_with("[{") || trimmed.starts_with("[\"");
        if !closed && !begins {
            return Ok(None);
        }
        let mut tape = self.pools.tape();
        let good = json::lex(text, &mut tape).is_ok();
        if !good {
            self.pools.give_tape(tape);
            return Ok(begins.then_some(Text::Remove));
        }
        if folds >= MAX_FOLDS {
            self.pools.give_tape(tape);
            return Ok(Some(Text::Remove));
        }
        let mut edits = self.pools.edits();
        // The document around this one may be less deep than this text: a key, a query between.
        let around = std::mem::replace(&mut self.folds, folds + 1);
        let fate = self.tape(text, &tape, &mut edits, found.path, Level::Value);
        self.folds = around;
        let out = match fate {
            Err(stop) => Err(stop),
            Ok(Fate::Same) => Ok(Some(Text::Keep)),
            Ok(Fate::Nothing) => Ok(Some(Text::Remove)),
            Ok(Fate::Changed) => {
                let mut out = Vec::with_capacity(text.len());
                edits.splice(text.as_bytes(), &mut out);
                Ok(Some(
                    String::from_utf8(out).map_or(Text::Remove, Text::Whole),
                ))
            }
        };
        self.pools.give_edits(edits);
        self.pools.give_tape(tape);
        out
    }

    /// `a=b&c=d`, with or without `?` in front: keys are plain words, there is no blank.
    fn nested_query(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
    ) -> Result<Option<Text>, Stop> {
        let query = text.strip_prefix('?').unwrap_or(text);
        // What does not decode as a form is text, which is searched as such.
        if !looks_like_query(query, text.len() != query.len()) || !is_form(query) {
            return Ok(None);
        }
        if folds >= MAX_FOLDS {
            return Ok(Some(Text::Remove));
        }
        let mut out = String::new();
        let Some(fate) = self.query_text(query, found, folds + 1, &mut out)? else {
            return Ok(None);
        };
        Ok(Some(match fate {
            Fate::Same => Text::Keep,
            Fate::Nothing => Text::Remove,
            Fate::Changed => {
                if query.len() != text.len() {
                    out.insert(0, '?');
                }
                Text::Whole(out)
            }
        }))
    }

    /// Text of which parts are percent-encoded: asked when all that stands in it openly was judged.
    pub(super) fn nested_percent(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
    ) -> Result<Option<Text>, Stop> {
        if !has_percent(text) {
            return Ok(None);
        }
        let plain = decode_percent(text, b'%');
        if folds >= MAX_FOLDS {
            return Ok(Some(Text::Remove));
        }
        let fate = self.unfolded(&plain, found, folds + 1)?;
        Ok(match fate {
            // What is harmless unfolded is still searched as it stands.
            Text::Keep => None,
            other @ (Text::Remove
            | Text::Null
            | Text::Whole(_)
            | Text::Number(_)
            | Text::Patched(_)
            | Text::DropEvent) => Some(rewrap(other, &plain, |new| {
                if !text.bytes().all(is_percent_text) {
                    // Only parts of it were encoded: encoding all of it would read as something else.
                    return new.to_owned();
                }
                let mut out = String::new();
                form::encode(new, &mut out);
                out
            })),
        })
    }

    fn nested_hex(&mut self, text: &str, found: Found, folds: usize) -> Result<Option<Text>, Stop> {
        let Some(plain) = hex_text(text) else {
            return Ok(None);
        };
        if folds >= MAX_FOLDS {
            return Ok(Some(Text::Remove));
        }
        let fate = self.unfolded(&plain, found, folds + 1)?;
        Ok(Some(rewrap(fate, &plain, to_hex)))
    }

    /// Quoted-printable: only an address counts, since `=` and two digits stand in many texts.
    fn nested_quoted(&mut self, text: &str, found: Found) -> bool {
        memchr::memchr(b'=', text.as_bytes()).is_some()
            && (text.contains("=40") || text.contains("=2E") || text.contains("=2e"))
            && {
                let plain = decode_percent(text, b'=');
                self.names_someone(&plain, found, |entity| {
                    matches!(entity, Entity::Email | Entity::IpAddress)
                })
            }
    }

    /// Escapes that were escaped once more: `\\\\u0040`.
    fn nested_escapes(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
    ) -> Result<Option<Text>, Stop> {
        if memchr::memchr(b'\\', text.as_bytes()).is_none() {
            return Ok(None);
        }
        if !text.contains("\\\\u") && !text.contains("\\\\x") {
            return Ok(None);
        }
        if folds >= MAX_FOLDS {
            return Ok(Some(Text::Remove));
        }
        let plain = text.replace("\\\\", "\\");
        let fate = self.unfolded(&plain, found, folds + 1)?;
        Ok((fate != Text::Keep).then(|| rewrap(fate, &plain, |new| new.replace('\\', "\\\\"))))
    }

    fn nested_base64(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
    ) -> Result<Option<Text>, Stop> {
        let blank = |b: u8| matches!(b, b'\n' | b'\r' | b'\t' | b' ');
        if !text.bytes().all(|b| is_base64(b) || blank(b)) {
            return Ok(None);
        }
        if text.bytes().any(blank) {
            // Broken over lines, as MIME does; what changes is written without the breaks.
            if !opens_joined(text) {
                return Ok(None);
            }
            let joined: String = text.split_ascii_whitespace().collect();
            return match base64_text(&joined, &mut self.unfold_left) {
                Opened::Text(flavour, unpacked) => self
                    .open_base64(flavour, unpacked, found, folds, |s| s)
                    .map(|fate| (fate != Text::Keep).then_some(fate)),
                Opened::Broken => Ok(Some(Text::Remove)),
                Opened::No => Ok(None),
            };
        }
        match base64_text(text, &mut self.unfold_left) {
            Opened::Text(flavour, unpacked) => {
                return self
                    .open_base64(flavour, unpacked, found, folds, |s| s)
                    .map(Some);
            }
            Opened::Broken => return Ok(Some(Text::Remove)),
            Opened::No => {}
        }
        if opens_reversed(text) {
            let reversed: String = text.chars().rev().collect();
            if let Opened::Text(flavour, unpacked) = base64_text(&reversed, &mut self.unfold_left) {
                let back = |s: String| s.chars().rev().collect();
                return self
                    .open_base64(flavour, unpacked, found, folds, back)
                    .map(Some);
            }
        }
        Ok(None)
    }

    fn open_base64(
        &mut self,
        flavour: Flavour,
        unpacked: Unpacked,
        found: Found,
        folds: usize,
        finish: impl Fn(String) -> String,
    ) -> Result<Text, Stop> {
        if folds >= MAX_FOLDS {
            return Ok(Text::Remove);
        }
        let mut fate = self.unfolded(&unpacked.text, found, folds + 1)?;
        if fate == Text::Keep && unpacked.more {
            fate = Text::Whole(unpacked.text.clone());
        }
        Ok(rewrap(fate, &unpacked.text, |new| {
            finish(pack_base64(flavour, unpacked.coding, new))
        }))
    }

    /// JSON objects inside a longer text, as messages of logs hold them: what only a key tells is
    /// found nowhere else.
    fn objects_within(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
        patches: &mut Vec<Patch>,
    ) -> Result<(), Stop> {
        for range in objects(text) {
            let inside = text.get(range.clone()).unwrap_or("");
            let mut tape = self.pools.tape();
            let good = json::lex(inside, &mut tape).is_ok();
            self.pools.give_tape(tape);
            if !good {
                continue;
            }
            let fate = self.nested_json(inside, inside, found, folds)?;
            let new = fate.and_then(|fate| patch(fate, inside, range.clone(), str::to_owned));
            if let Some(mut new) = new {
                // Its own verdicts replace those on spans of the text. Where one of these crosses its
                // ends, or was about what still stands there, since what stands beside it told what
                // it is, nothing of the object stays.
                let crosses = |p: &Patch| p.range.start < range.end && range.start < p.range.end;
                for old in patches.extract_if(.., |p| crosses(p)) {
                    let across = old.range.start < range.start || range.end < old.range.end;
                    let was = text.get(old.range.clone()).unwrap_or("");
                    if across || new.with.contains(was) {
                        new.range.start = new.range.start.min(old.range.start);
                        new.range.end = new.range.end.max(old.range.end);
                        new.with = "[encoded]".into();
                    }
                }
                patches.push(new);
            }
        }
        Ok(())
    }

    /// Base64 and hex runs inside a longer text, also glued to a prefix (`RS_ENC_v3_<base64>`).
    pub(super) fn folded_runs(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
        patches: &mut Vec<Patch>,
    ) -> Result<(), Stop> {
        self.objects_within(text, found, folds, patches)?;
        if text.len() < MIN_RUN {
            return Ok(());
        }
        let runs = base64_runs(text);
        if runs.is_empty() {
            // Hex digits are base64 digits, and their runs are longer.
            return Ok(());
        }
        let taken = Taken::by(patches);
        for run in hex_runs(text) {
            let Some(plain) = text.get(run.clone()).and_then(hex_text) else {
                continue;
            };
            if taken.leaves(&run) {
                let fate = self.below(&plain, found, folds)?;
                patches.extend(patch(fate, &plain, run, to_hex));
            }
        }
        let taken = Taken::by(patches);
        for run in runs {
            if taken.leaves(&run) {
                self.folded_run(text, run, found, folds, patches)?;
            }
        }
        Ok(())
    }

    fn folded_run(
        &mut self,
        text: &str,
        run: std::ops::Range<usize>,
        found: Found,
        folds: usize,
        patches: &mut Vec<Patch>,
    ) -> Result<(), Stop> {
        let whole = text.get(run.clone()).unwrap_or("");
        for skip in run_starts(whole) {
            let tail = whole.get(skip..).unwrap_or("");
            let range = run.start + skip..run.end;
            let before = run.start..range.start;
            match base64_text(tail, &mut self.unfold_left) {
                Opened::No => {}
                Opened::Broken => {
                    patches.extend(patch(Text::Remove, "", range, to_hex));
                    self.head_of_run(text, before, found, patches);
                    return Ok(());
                }
                Opened::Text(flavour, unpacked) => {
                    let mut fate = self.below(&unpacked.text, found, folds)?;
                    if fate == Text::Keep && unpacked.more {
                        fate = Text::Whole(unpacked.text.clone());
                    }
                    patches.extend(patch(fate, &unpacked.text, range, |new| {
                        pack_base64(flavour, unpacked.coding, new)
                    }));
                    self.head_of_run(text, before, found, patches);
                    return Ok(());
                }
            }
        }
        if self.buried(whole, found) {
            patches.extend(patch(Text::Remove, "", run, to_hex));
        }
        Ok(())
    }

    /// What stands in a run before the base64 that was opened may be base64 as well.
    fn head_of_run(
        &mut self,
        text: &str,
        head: std::ops::Range<usize>,
        found: Found,
        patches: &mut Vec<Patch>,
    ) {
        let digits = text.get(head.clone()).unwrap_or("");
        if digits.len() >= MIN_BASE64 && self.buried(digits, found) {
            patches.extend(patch(Text::Remove, "", head, to_hex));
        }
    }

    /// Whether base64 that is no text as a whole, or begins anywhere, names someone.
    fn buried(&mut self, run: &str, found: Found) -> bool {
        mixes_cases(run)
            && run
                .split('=')
                .filter(|part| part.len() >= MIN_BASE64)
                .any(|part| {
                    (0..4)
                        .filter_map(|skip| part.get(skip..).filter(|part| may_be_legible(part)))
                        .filter_map(legible)
                        .any(|text| self.names_someone(&text, found, |_| true))
                })
    }

    /// Whether something stands in a text that may not leave.
    fn names_someone(&mut self, text: &str, found: Found, counts: impl Fn(Entity) -> bool) -> bool {
        use Entity::{Address, CreditCard, Email, Iban, IpAddress, Phone};
        let mut spans = Vec::new();
        let wanted = self.wanted(found);
        detect::scan_entities_for(text, wanted, &mut spans);
        spans.iter().any(|span| {
            matches!(
                span.entity,
                Email | Phone | CreditCard | Iban | IpAddress | Address
            ) && counts(span.entity)
                && span
                    .entity
                    .category()
                    .is_some_and(|category| *self.span_action(found.path, category) != Action::Keep)
        })
    }

    /// A text that stood folded inside another one: what is folded deeper than the bound goes.
    fn below(&mut self, text: &str, found: Found, folds: usize) -> Result<Text, Stop> {
        if folds >= MAX_FOLDS {
            return Ok(Text::Remove);
        }
        self.unfolded(text, found, folds + 1)
    }

    /// A text that stood folded: its own value may give it a category, unless the field had one.
    fn unfolded(&mut self, text: &str, found: Found, folds: usize) -> Result<Text, Stop> {
        // All that a request folds is bounded together, so that no nesting multiplies its cost.
        let Some(left) = self.unfold_left.checked_sub(text.len()) else {
            return Ok(Text::Remove);
        };
        self.unfold_left = left;
        if found.category.is_some() || found.protocol {
            self.inner(text, found, folds)
        } else {
            self.text(text, found, folds)
        }
    }
}

/// The parts of a text that patches take, in order: asked once a run, of which there may be as many
/// as patches.
struct Taken(Vec<std::ops::Range<usize>>);

impl Taken {
    fn by(patches: &[Patch]) -> Self {
        let mut ranges: Vec<_> = patches.iter().map(|patch| patch.range.clone()).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        Self(ranges)
    }

    /// Whether no patch takes a part of `run`.
    fn leaves(&self, run: &std::ops::Range<usize>) -> bool {
        let next = self.0.partition_point(|taken| taken.end <= run.start);
        self.0.get(next).is_none_or(|taken| taken.start >= run.end)
    }
}

/// Wraps a changed text again; what is gone stays gone.
fn rewrap(fate: Text, old: &str, wrap: impl Fn(&str) -> String) -> Text {
    match fate {
        Text::Keep | Text::Remove | Text::DropEvent | Text::Null => fate,
        Text::Whole(_) | Text::Number(_) | Text::Patched(_) => fate
            .into_text(old)
            .map_or(Text::Remove, |new| Text::Whole(wrap(&new))),
    }
}

/// What stands in place of a folded part of a text.
fn patch(
    fate: Text,
    old: &str,
    range: std::ops::Range<usize>,
    wrap: impl Fn(&str) -> String,
) -> Option<Patch> {
    if fate == Text::Keep {
        return None;
    }
    let with = fate
        .into_text(old)
        .map_or_else(|| "[encoded]".into(), |new| wrap(&new));
    Some(Patch { range, with })
}
