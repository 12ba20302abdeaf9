//! Decoded text: categorised by its value if nothing else knew, acted upon, and, if it is kept,
//! searched for spans that identify someone. What is folded inside is opened in [`super::nested`].

use super::Refusal;
use super::engine::{Found, Judge, MAX_FOLDS};
use super::fate::{Stop, Text};
use super::issued::is_issued;
use super::leaf::shown;
use super::paths::{KeyOut, NodeId, Source};
use super::plan::NO_RULE;
use super::unfold::{is_percent_text, may_unfold};
use crate::action::{Action, Effect, Value};
use crate::detect::{self, Entity, Span, Wanted};
use crate::json::Patch;

impl Judge<'_, '_> {
    /// Judges a text; `folds` is how many encodings were opened to reach it.
    pub(super) fn text(
        &mut self,
        text: &str,
        mut found: Found,
        folds: usize,
    ) -> Result<Text, Stop> {
        if found.project {
            self.project(text);
        }
        if found.protocol && self.paths.get(found.path).issued && is_issued(text) {
            self.note(found, &Action::Keep, text, None);
            return Ok(Text::Keep);
        }
        if self.paths.get(found.path).route && found.source != Source::Policy {
            return self.route(text, found, folds);
        }
        let mut holds = None;
        let mut spans = Spans::Unknown;
        if found.category.is_none() && !found.protocol {
            holds = Some(self.may_hold(text.as_bytes()));
        }
        if holds == Some(true) {
            spans = Spans::Known(self.spans(text, found, false));
            if let Some(entity) = spans.whole(text)
                && !(entity == Entity::IpAddress && self.is_version(found.path))
                && let Some(category) = entity.category()
            {
                found = self.by_value(found, category);
            }
        }
        let fate = self.text_found(text, found, folds, holds, &mut spans);
        if let Spans::Known(spans) = spans {
            self.pools.spans = spans;
        }
        fate
    }

    /// A route's name: a URL or a path, perhaps behind a method, or a name in the program.
    fn route(&mut self, text: &str, found: Found, folds: usize) -> Result<Text, Stop> {
        let mut spans = Spans::Unknown;
        let (method, rest) = split_method(text);
        let fate = if rest.starts_with('/') || rest.contains("://") {
            let fate = self.text_found(rest, found, folds, None, &mut spans)?;
            let new = matches!(fate, Text::Whole(_) | Text::Number(_) | Text::Patched(_));
            if new && !method.is_empty() {
                let new = fate.into_text(rest).unwrap_or_default();
                Text::Whole(format!("{method}{new}"))
            } else {
                fate
            }
        } else {
            let rule = self.paths.rule_for(self.plan, found.path, None, &self.mask);
            let found = Found {
                rule,
                category: None,
                ..found
            };
            self.text_found(text, found, folds, None, &mut spans)?
        };
        if let Spans::Known(spans) = spans {
            self.pools.spans = spans;
        }
        Ok(fate)
    }

    fn text_found(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
        holds: Option<bool>,
        spans: &mut Spans,
    ) -> Result<Text, Stop> {
        let action = self.action(found);
        if *action != Action::Keep {
            self.hear(text, found.category);
            self.random |= action.is_fresh();
            let mut out = self.pools.text();
            let effect = action.apply(Value::Text(text), &self.context(found.category), &mut out);
            self.note(found, action, text, shown(effect, &out));
            if effect != Effect::Keep {
                return settle(effect, out);
            }
            self.pools.give_text(out);
        }
        let holds = holds.unwrap_or_else(|| self.may_hold(text.as_bytes()));
        if !holds || !self.scans(found.rule) {
            if *action == Action::Keep {
                self.note(found, action, text, None);
            }
            return Ok(Text::Keep);
        }
        let fate = self.look_into(text, found, folds, spans)?;
        if *action == Action::Keep {
            let after = (self.explains() && fate != Text::Keep)
                .then(|| fate.clone().into_text(text).unwrap_or_default());
            self.note(found, action, text, after.as_deref());
        }
        Ok(fate)
    }

    /// Looks into a text that is kept.
    pub(super) fn inner(&mut self, text: &str, found: Found, folds: usize) -> Result<Text, Stop> {
        if !self.may_hold(text.as_bytes()) {
            return Ok(Text::Keep);
        }
        let mut spans = Spans::Unknown;
        let fate = self.look_into(text, found, folds, &mut spans);
        if let Spans::Known(spans) = spans {
            self.pools.spans = spans;
        }
        fate
    }

    fn look_into(
        &mut self,
        text: &str,
        found: Found,
        folds: usize,
        spans: &mut Spans,
    ) -> Result<Text, Stop> {
        // Most ids are ids and nothing else.
        let folded = detect::form(text.as_bytes()).is_none() || may_unfold(text);
        if folded && let Some(fate) = self.nested(text, found, folds)? {
            return Ok(fate);
        }
        if matches!(spans, Spans::Unknown) {
            *spans = Spans::Known(self.spans(text, found, found.protocol));
        }
        let mut patches = Vec::new();
        for span in spans.list() {
            match self.span(text, *span, found, &mut patches) {
                Ok(()) => {}
                Err(SpanStop::DropEvent) => return Ok(Text::DropEvent),
                Err(SpanStop::Stop(stop)) => return Err(stop),
            }
        }
        if folded {
            self.folded_runs(text, found, folds, &mut patches)?;
        }
        patches.sort_by_key(|patch| patch.range.start);
        let fate = if patches.is_empty() {
            Text::Keep
        } else {
            Text::Patched(patches)
        };
        // What is left may still be encoded in parts, once or many times over.
        if memchr::memchr(b'%', text.as_bytes()).is_none() || text.bytes().all(is_percent_text) {
            return Ok(fate);
        }
        let rest = fate.clone().into_text(text);
        let deeper = self.nested_percent(rest.as_deref().unwrap_or(text), found, folds)?;
        Ok(deeper.unwrap_or(fate))
    }

    /// Whether a text is worth searching.
    pub(super) fn may_hold(&self, text: &[u8]) -> bool {
        detect::may_hold(text) || self.heard.stands_in(text)
    }

    /// The spans of a text, as far as a rule speaks about any of them.
    fn spans(&mut self, text: &str, found: Found, protocol: bool) -> Vec<Span> {
        let wanted = self.wanted(found);
        let mut spans = std::mem::take(&mut self.pools.spans);
        spans.clear();
        if memchr::memchr(b'\t', text.as_bytes()).is_some() {
            // A tab between groups of digits is a blank; byte for byte, so that offsets hold.
            detect::scan_for(&text.replace('\t', " "), wanted, &mut spans);
        } else {
            detect::scan_for(text, wanted, &mut spans);
        }
        if !protocol {
            self.heard.spans(text, &mut spans);
        }
        spans
    }

    /// The entities that would not be kept at a leaf, or that would give it another rule: what no
    /// rule speaks about need not be found. Who explains wants to see all, an action may look at the
    /// category, and words heard elsewhere stand only where nothing else does.
    pub(super) fn wanted(&mut self, found: Found) -> Wanted {
        let all = self.explains() || self.plan.vendor.quotes;
        if all || *self.action(found) != Action::Keep {
            return Wanted::ALL;
        }
        let path = found.path;
        let rule = self.paths.leaf_rule(self.plan, path, &self.mask);
        // Who counts asks for no less and no more.
        let class = self.paths.value_class(path, &self.mask, false);
        if let Some((known, wanted)) = self.paths.get(path).wanted
            && known == class
        {
            return wanted;
        }
        let wanted = Wanted::of(|entity| {
            entity.category().is_some_and(|category| {
                *self.span_action(path, category) != Action::Keep
                    || self
                        .paths
                        .rule_for(self.plan, path, Some(category), &self.mask)
                        != rule
            })
        });
        self.paths.get_mut(path).wanted = Some((class, wanted));
        wanted
    }

    fn span(
        &mut self,
        text: &str,
        span: Span,
        found: Found,
        patches: &mut Vec<Patch>,
    ) -> Result<(), SpanStop> {
        // A project token looks like a secret; the catalog knows that it is none.
        let token = matches!(span.entity, Entity::Secret | Entity::Uuid) && !text.contains(' ');
        if found.protocol && token {
            return Ok(());
        }
        let Some(category) = span.entity.category() else {
            return Ok(());
        };
        if span.entity == Entity::IpAddress && text.len() == span.end && self.is_version(found.path)
        {
            return Ok(());
        }
        let action = self.span_action(found.path, category);
        let value = text.get(span.start..span.end).unwrap_or("");
        self.random |= action.is_fresh();
        let mut out = self.pools.text();
        let effect = action.apply(Value::Text(value), &self.context(Some(category)), &mut out);
        if effect == Effect::Keep {
            self.pools.give_text(out);
            if span.entity == Entity::Url {
                return self.inside_url(value, span.start, found, patches);
            }
            return Ok(());
        }
        self.note_span(found, category, action);
        let with = match effect {
            Effect::Text | Effect::Number => out,
            Effect::Remove | Effect::Null => span.entity.placeholder().to_owned(),
            Effect::DropEvent => return Err(SpanStop::DropEvent),
            Effect::Reject => return Err(SpanStop::Stop(Stop::Refuse(Refusal::Policy))),
            Effect::Keep => return Ok(()),
        };
        patches.push(Patch {
            range: span.start..span.end,
            with,
        });
        Ok(())
    }

    /// Whether a key says that four numbers are a version: `10.15.7.2` is one of macOS.
    fn is_version(&self, path: NodeId) -> bool {
        let key = self.paths.get(path).key();
        ["version", "Version", "VERSION", "build", "release"]
            .iter()
            .any(|word| key.contains(word))
    }

    /// A URL that is kept as such may still hold an e-mail address.
    fn inside_url(
        &mut self,
        url: &str,
        offset: usize,
        found: Found,
        patches: &mut Vec<Patch>,
    ) -> Result<(), SpanStop> {
        let mut spans = Vec::new();
        let wanted = self.wanted(found);
        detect::scan_entities_for(url, wanted, &mut spans);
        for span in spans.iter().filter(|span| span.entity != Entity::Url) {
            let before = patches.len();
            self.span(url, *span, found, patches)?;
            if let Some(patch) = patches.get_mut(before) {
                patch.range = patch.range.start + offset..patch.range.end + offset;
            }
        }
        Ok(())
    }

    /// The key as it may leave, if it may not leave as it came.
    pub(super) fn key_out(&mut self, path: NodeId) -> Result<Option<Box<str>>, Stop> {
        match &self.paths.get(path).key_out {
            KeyOut::Same => return Ok(None),
            KeyOut::New(key) => return Ok(Some(key.clone())),
            KeyOut::Unjudged => {}
        }
        let key: Box<str> = self.paths.get(path).key().into();
        let mark = self.tally.mark();
        let new = self.judge_key(path, &key)?;
        // Judged once for all the times it comes: no decision about what stands behind it.
        self.tally.undo(mark);
        self.paths.get_mut(path).key_out = match &new {
            Some(new) => KeyOut::New(new.clone()),
            None => KeyOut::Same,
        };
        Ok(new)
    }

    fn judge_key(&mut self, path: NodeId, key: &str) -> Result<Option<Box<str>>, Stop> {
        if !self.may_hold(key.as_bytes()) {
            return Ok(None);
        }
        let found = Found {
            path,
            rule: NO_RULE,
            category: None,
            source: Source::None,
            protocol: false,
            project: false,
        };
        // A key is looked into like a kept string; opened only three folds deep, since nobody who
        // reads keys unfolds them further.
        Ok(match self.inner(key, found, MAX_FOLDS - 3)? {
            Text::Keep => None,
            Text::Remove | Text::DropEvent => Some("[key]".into()),
            new @ (Text::Null | Text::Whole(_) | Text::Number(_) | Text::Patched(_)) => {
                new.into_text(key).map(Into::into)
            }
        })
    }
}

/// The spans of a text, once somebody asked for them.
enum Spans {
    Unknown,
    Known(Vec<Span>),
}

impl Spans {
    fn list(&self) -> &[Span] {
        match self {
            Self::Unknown => &[],
            Self::Known(spans) => spans,
        }
    }

    /// The entity that the text is as a whole.
    fn whole(&self, text: &str) -> Option<Entity> {
        let [only] = self.list() else {
            return None;
        };
        let start = text.len() - text.trim_start().len();
        let end = text.trim_end().len();
        (only.start == start && only.end == end).then_some(only.entity)
    }
}

/// `GET /users` as `GET ` and `/users`.
fn split_method(text: &str) -> (&str, &str) {
    match text.split_once(' ') {
        Some((method, rest))
            if (3..=7).contains(&method.len())
                && method.bytes().all(|b| b.is_ascii_alphabetic()) =>
        {
            text.split_at(text.len() - rest.len())
        }
        _ => ("", text),
    }
}

enum SpanStop {
    DropEvent,
    Stop(Stop),
}

/// What an action's effect makes of a whole text.
fn settle(effect: Effect, out: String) -> Result<Text, Stop> {
    Ok(match effect {
        Effect::Keep => Text::Keep,
        Effect::Remove => Text::Remove,
        Effect::Null => Text::Null,
        Effect::Text => Text::Whole(out),
        Effect::Number => Text::Number(out),
        Effect::DropEvent => Text::DropEvent,
        Effect::Reject => return Err(Stop::Refuse(Refusal::Policy)),
    })
}
