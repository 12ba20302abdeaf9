//! One scalar of a JSON document: the rule for it, and what leaves in its place.

use super::Refusal;
use super::engine::{Found, Judge};
use super::fate::{Leaf, Stop, Text};
use super::hot::Settled;
use super::memo::{self, Known};
use super::paths::{KeyOut, NodeId, Paths, Source};
use super::plan::{NO_RULE, RuleId};
use super::tally::Done;
use crate::action::{Action, Context, Effect, Value};
use crate::category::DataCategory;
use crate::detect;
use crate::json::{Edits, Kind, Node, escape_into, splice_raw, unescape_into};
use crate::policy::Unlisted;

static KEEP: Action = Action::Keep;

/// More than a text that is remembered can unfold to.
const UNFOLD_OF_A_MEMO: usize = 1 << 19;

impl<'p> Judge<'p, '_> {
    /// Judges one scalar.
    pub(super) fn leaf(
        &mut self,
        text: &str,
        node: &Node,
        edits: &mut Edits,
        path: NodeId,
    ) -> Result<Leaf, Stop> {
        let raw = text.get(node.range()).unwrap_or("");
        if node.kind == Kind::Str
            && !raw.is_empty()
            && let Some(unfold) = self.paths.get(path).unfold
            && let Some(leaf) = self.unfold_leaf(unfold, raw, node, edits, path)?
        {
            return Ok(leaf);
        }
        let found = self.found(path);
        match node.kind {
            Kind::Str if !raw.is_empty() => self.string(raw, node, edits, found),
            Kind::Num => self.number(raw, node, edits, found),
            Kind::Bool => self.scalar(Value::Bool(raw == "true"), raw, node, edits, found),
            Kind::Str | Kind::Null | Kind::Key | Kind::Object | Kind::Array => {
                // `null` and `""`: only drop and constants speak about them.
                let action = self.action(found);
                if action.takes_containers() {
                    self.container(found.rule, path, text, node, edits)
                } else {
                    self.note(found, &KEEP, raw, None);
                    Ok(Leaf::Keep)
                }
            }
        }
    }

    /// What the path says about a leaf.
    #[inline]
    pub(super) fn found(&mut self, path: NodeId) -> Found {
        self.report.leaves += 1;
        let rule = self.paths.leaf_rule(self.plan, path, &self.mask);
        let node = self.paths.get(path);
        Found {
            path,
            rule,
            category: node.category,
            source: node.source,
            protocol: node.protocol,
            // Without a list of projects any token passes, and nobody needs to look.
            project: node.project && !self.projects.is_empty(),
        }
    }

    /// The same leaf with the category that its value gave it.
    pub(super) fn by_value(&mut self, found: Found, category: DataCategory) -> Found {
        let rule = self
            .paths
            .rule_for(self.plan, found.path, Some(category), &self.mask);
        Found {
            rule,
            category: Some(category),
            source: Source::Value,
            ..found
        }
    }

    /// What is done to a leaf: protocol fields survive an allow list that does not name them.
    #[inline]
    pub(super) fn action(&self, found: Found) -> &'p Action {
        if found.rule == NO_RULE && found.protocol {
            return &KEEP;
        }
        self.plan.action(found.rule)
    }

    /// Whether kept strings of this rule are looked into.
    pub(super) fn scans(&self, rule: RuleId) -> bool {
        self.plan.rule(rule).is_none_or(|rule| rule.scan)
    }

    /// What is done to a span of a category found in a leaf.
    pub(super) fn span_action(&self, path: NodeId, category: DataCategory) -> &'p Action {
        let rule = self.paths.span_rule(self.plan, path, category, &self.mask);
        match (rule, self.plan.policy.unlisted) {
            (NO_RULE, Unlisted::Keep) => &KEEP,
            _ => self.plan.action(rule),
        }
    }

    /// What an action may know about a leaf.
    pub(super) fn context(&self, category: Option<DataCategory>) -> Context<'_> {
        Context {
            category,
            pseudonymizer: self.pseudonymizer,
            person: self.facts.person,
            country_of: self.country_of,
        }
    }

    /// A container (or `null`, or `""`) that an action takes whole.
    pub(super) fn container(
        &mut self,
        rule: RuleId,
        path: NodeId,
        text: &str,
        node: &Node,
        edits: &mut Edits,
    ) -> Result<Leaf, Stop> {
        let action = self.plan.action(rule);
        let known = self.paths.get(path);
        let found = Found {
            path,
            rule,
            // By which the rule was found.
            category: match node.kind {
                Kind::Object | Kind::Array => known.below,
                Kind::Key | Kind::Str | Kind::Num | Kind::Bool | Kind::Null => known.category,
            },
            source: known.source,
            protocol: known.protocol,
            project: known.project,
        };
        let mut out = String::new();
        let effect = match action {
            Action::Null => Effect::Null,
            Action::Replace(with) => {
                out.push_str(with);
                Effect::Text
            }
            Action::DropEvent => Effect::DropEvent,
            Action::Reject => Effect::Reject,
            Action::Drop
            | Action::Keep
            | Action::Mask(_)
            | Action::Hash(_)
            | Action::Random(_)
            | Action::Encrypt
            | Action::Generalize(_)
            | Action::Shift(_) => Effect::Remove,
        };
        let before = text.get(node.outer()).unwrap_or("");
        self.note(found, action, before, shown(effect, &out));
        write(effect, &out, node, edits)
    }

    fn number(
        &mut self,
        raw: &str,
        node: &Node,
        edits: &mut Edits,
        mut found: Found,
    ) -> Result<Leaf, Stop> {
        let unknown = found.category.is_none() && !found.protocol;
        if unknown
            && raw.len() >= 8
            && let Some(category) = number_category(raw)
        {
            found = self.by_value(found, category);
        } else if raw.len() >= 8
            && *self.action(found) == Action::Keep
            && self.scans(found.rule)
            && let Some(category) = number_category(raw)
            && *self.span_action(found.path, category) != Action::Keep
        {
            // Kept for its name, but a card number is one under any name.
            found.rule = self
                .paths
                .span_rule(self.plan, found.path, category, &self.mask);
            found.category = Some(category);
            found.protocol = false;
        }
        self.scalar(Value::Number(raw), raw, node, edits, found)
    }

    fn scalar(
        &mut self,
        value: Value<'_>,
        raw: &str,
        node: &Node,
        edits: &mut Edits,
        found: Found,
    ) -> Result<Leaf, Stop> {
        let action = self.action(found);
        if found.project {
            self.project(raw);
        }
        let mut out = self.pools.text();
        self.random |= action.is_fresh();
        let effect = action.apply(value, &self.context(found.category), &mut out);
        self.note(found, action, raw, shown(effect, &out));
        let leaf = write(effect, &out, node, edits);
        self.pools.give_text(out);
        leaf
    }

    fn string(
        &mut self,
        raw: &str,
        node: &Node,
        edits: &mut Edits,
        found: Found,
    ) -> Result<Leaf, Stop> {
        if *self.action(found) == Action::Keep && !found.project && !self.may_hold(raw.as_bytes()) {
            self.note(found, &KEEP, raw, None);
            return Ok(Leaf::Keep);
        }
        // What explains wants every row, what looks for a project token wants every value.
        let memorable = !self.explains()
            && !found.project
            && Paths::lasts(found.path)
            && is_remembered(self.action(found));
        let place = match memorable.then(|| self.missed(node)) {
            None => None,
            Some(Some(asked)) => asked,
            Some(None) => match self.remembered(found.path, raw.as_bytes(), node, edits) {
                Ok((leaf, done)) => {
                    self.again(done);
                    return Ok(leaf);
                }
                Err(place) => place,
            },
        };
        self.random = false;
        let mark = self.mark_text();
        let mut plain = self.pools.text();
        if node.escaped {
            unescape_into(raw, &mut plain);
        }
        let fate = self.text(if node.escaped { &plain } else { raw }, found, self.folds);
        self.pools.give_text(plain);
        let fate = fate?;
        if let Some(place) = place
            && !self.random
            && self.unfold_left > 0
        {
            self.remember(place, raw, found, &fate, mark);
        }
        Ok(match fate {
            Text::Keep => Leaf::Keep,
            Text::Remove => Leaf::Remove,
            Text::DropEvent => Leaf::DropEvent,
            Text::Null => {
                edits.replace(node.outer(), b"null");
                Leaf::Edited
            }
            Text::Number(new) => {
                edits.replace(node.outer(), new.as_bytes());
                Leaf::Edited
            }
            Text::Whole(new) => {
                edits.write(node.range(), |out| escape_into(&new, out));
                self.pools.give_text(new);
                Leaf::Edited
            }
            Text::Patched(patches) => {
                edits.write(node.range(), |out| splice_raw(raw, &patches, out));
                Leaf::Edited
            }
        })
    }
}

impl Judge<'_, '_> {
    /// What is judged at a depth of folds, or with little left to unfold, would be judged otherwise
    /// elsewhere.
    #[inline]
    fn remembers(&self) -> bool {
        self.folds == 0 && self.unfold_left > UNFOLD_OF_A_MEMO && !self.plan.vendor.quotes
    }

    /// What became of the same string at the same path before, done again; with what was decided.
    /// Else where it is to be remembered, if it is.
    #[inline]
    pub(super) fn remembered(
        &self,
        path: NodeId,
        raw: &[u8],
        node: &Node,
        edits: &mut Edits,
    ) -> Result<(Leaf, Done), Option<memo::Place>> {
        if !self.remembers() || raw.len() > memo::MAX_TEXT {
            return Err(None);
        }
        let (known, done) = self.memo.get(path, self.class_at(path), raw)?;
        let leaf = match known {
            Known::Keep => Leaf::Keep,
            Known::Remove => Leaf::Remove,
            Known::Inside(new) => {
                edits.replace(node.range(), new);
                Leaf::Edited
            }
        };
        Ok((leaf, done))
    }

    /// Where the scalar is to be remembered, if it is, when it was just looked for in vain.
    fn missed(&mut self, node: &Node) -> Option<Option<memo::Place>> {
        let (start, place) = self.missed.take()?;
        (start == node.start && self.remembers()).then_some(place)
    }

    /// Notes what becomes of scalars at a path, where the path alone says it.
    pub(super) fn settle_path(&mut self, path: NodeId) {
        // Where a document's texts are judged by what else stands in it, no path alone decides.
        let quotes = self.plan.vendor.quotes;
        let class = self.class_at(path);
        let own = |own: (usize, _, _)| own.0 == class;
        if quotes
            || self.paths.hot(path).is_none_or(|hot| hot.knows(class))
            || self.paths.get(path).own.is_some_and(own)
        {
            return;
        }
        let rule = self.paths.leaf_rule(self.plan, path, &self.mask);
        let node = self.paths.get(path);
        let kept_for_protocol = rule == NO_RULE && node.protocol;
        let action = if kept_for_protocol {
            &KEEP
        } else {
            self.plan.action(rule)
        };
        let plain = Paths::lasts(path)
            && !node.project
            && node.set.is_none()
            && !node.positional
            && !node.required
            // Here the value has a say before the rule does.
            && !node.issued
            && !node.route
            && node.unfold.is_none()
            && matches!(node.key_out, KeyOut::Same);
        let known = node.category.is_some() || node.protocol;
        let settled = if !plain {
            Settled::No
        } else if matches!(action, Action::Keep) {
            Settled::Keep
        } else if known && matches!(action, Action::Drop) {
            Settled::Drop
        } else if is_remembered(action) {
            Settled::Look
        } else {
            Settled::No
        };
        let done = match settled {
            Settled::No => 0,
            Settled::Drop => self.decision_of_path(path, rule, &Action::Drop),
            Settled::Keep | Settled::Look => self.decision_of_path(path, rule, &KEEP),
        };
        // What an event of one name needs stands aside of what most events need.
        if class != self.mask.unnamed {
            self.paths.get_mut(path).own = Some((class, settled, done));
        } else if let Some(hot) = self.paths.hot_mut(path) {
            hot.settle(class, settled, done);
        }
    }

    /// Notes that containers at a path are entered, and nothing else is done about them.
    pub(super) fn settle_container(&mut self, path: NodeId) {
        // Only values are alike where rules are.
        let class = self.paths.class_at(path, &self.mask);
        let node = self.paths.get(path);
        let plain =
            Paths::lasts(path) && node.set.is_none() && matches!(node.key_out, KeyOut::Same);
        if plain && let Some(hot) = self.paths.hot_mut(path) {
            hot.enter(class);
        }
    }

    fn remember(&mut self, place: memo::Place, raw: &str, found: Found, fate: &Text, mark: usize) {
        let mut inside = Vec::new();
        let known = match fate {
            Text::Keep => Known::Keep,
            Text::Remove => Known::Remove,
            Text::Whole(text) => {
                escape_into(text, &mut inside);
                Known::Inside(&inside)
            }
            Text::Patched(patches) => {
                splice_raw(raw, patches, &mut inside);
                Known::Inside(&inside)
            }
            // Rare, or not a string any more.
            Text::Null | Text::Number(_) | Text::DropEvent => return,
        };
        let (class, done) = (self.class_at(found.path), self.all_since(mark));
        self.memo
            .put(place, found.path, class, raw.as_bytes(), known, done);
    }
}

/// Whether it is worth while to remember what an action made of a string.
fn is_remembered(action: &Action) -> bool {
    match action {
        Action::Keep | Action::Generalize(_) | Action::Hash(_) => true,
        // Cheaper done again than looked up, or never the same.
        Action::Drop
        | Action::Null
        | Action::Replace(_)
        | Action::Mask(_)
        | Action::Random(_)
        | Action::Encrypt
        | Action::Shift(_)
        | Action::DropEvent
        | Action::Reject => false,
    }
}

/// The category of a number whose digits are an identity, whatever its sign.
fn number_category(raw: &str) -> Option<DataCategory> {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    detect::whole_number(digits).and_then(detect::Entity::category)
}

/// What a report shows as the value after an effect; `None`: as before.
pub(super) fn shown(effect: Effect, out: &str) -> Option<&str> {
    match effect {
        Effect::Keep => None,
        Effect::Text | Effect::Number => Some(out),
        Effect::Null => Some("null"),
        Effect::Remove | Effect::DropEvent | Effect::Reject => Some(""),
    }
}

/// Writes the effect on a scalar or a container.
fn write(effect: Effect, out: &str, node: &Node, edits: &mut Edits) -> Result<Leaf, Stop> {
    match effect {
        Effect::Keep => Ok(Leaf::Keep),
        Effect::Remove => Ok(Leaf::Remove),
        Effect::DropEvent => Ok(Leaf::DropEvent),
        Effect::Reject => Err(Stop::Refuse(Refusal::Policy)),
        Effect::Null => {
            edits.replace(node.outer(), b"null");
            Ok(Leaf::Edited)
        }
        Effect::Number => {
            edits.replace(node.outer(), out.as_bytes());
            Ok(Leaf::Edited)
        }
        Effect::Text => {
            edits.write(node.outer(), |buffer| {
                buffer.push(b'"');
                escape_into(out, buffer);
                buffer.push(b'"');
            });
            Ok(Leaf::Edited)
        }
    }
}
