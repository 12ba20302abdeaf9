//! What is planted at an endpoint: a canary in every field that catalog and policy name, and in
//! fields that nobody names.
//!
//! Invariant: each canary is planted with what the policy says about it ([`Court`]), before anything
//! is sent. Knows no wire format but the few that stand inside of texts.

use std::collections::HashSet;

use super::canary::{Canary, Mint};
use super::expect::{Court, Fate, Known, by_name, hits};
use super::tree::{ANY, Key, Leaf, Plant, Seg, Tree, concrete, dotted, leaf, segments};
use crate::catalog::EventKind;
use crate::category::DataCategory;
use crate::codec::base64::{self, Alphabet, Flavour};
use crate::codec::form;
use crate::selector::{Segment, Selector, Step};

/// The name of our events.
pub(super) const EVENT: &str = "Probe";
/// What stands where a project or a version does.
pub(super) const NEUTRAL: &str = "4505";
/// Documents for one set of fields, at most: each holds what did not fit the one before.
const OVERFLOW: usize = 6;

/// Documents, each with a word for what is in it.
pub(super) struct Sheet {
    pub(super) name: &'static str,
    pub(super) tree: Tree,
}

/// A field of one of the places that are no documents: a tree whose first key is the base's.
pub(super) struct Bases {
    pub(super) query: Vec<Sheet>,
    pub(super) form: Vec<Sheet>,
    pub(super) envelope: Vec<Sheet>,
    pub(super) item: Vec<Sheet>,
}

/// One value that is planted.
struct Slot {
    path: Vec<Seg>,
    value: Tree,
}

/// Makes the sheets of one endpoint.
pub(super) struct Gardener<'a, 'm> {
    pub(super) court: Court<'a>,
    pub(super) mint: &'m mut Mint,
    /// The key that a star at a selector's beginning stands for.
    container: String,
    /// Every place that catalog and policy name.
    places: Vec<Vec<Seg>>,
}

impl<'a, 'm> Gardener<'a, 'm> {
    pub(super) fn new(court: Court<'a>, mint: &'m mut Mint) -> Self {
        let mut gardener = Self {
            container: container(&court),
            court,
            mint,
            places: Vec::new(),
        };
        gardener.places = gardener.all_places();
        gardener
    }

    /// Documents for an event: plain fields first. `thorough`: lists and parts of fields, and
    /// sentences, as well.
    pub(super) fn documents(&mut self, thorough: bool) -> Vec<Sheet> {
        let slots = self.places(|base| base.is_none());
        let mut sheets = self.fields("fields", &slots);
        if thorough {
            sheets.extend(self.wrapped("list", &slots, &[Seg::Item]));
            sheets.extend(self.wrapped("member", &slots, &[Seg::key(ANY)]));
            sheets.extend(self.sentences(&slots));
        }
        let mut tops = vec![vec![Seg::key(ANY)]];
        if self.container != ANY {
            tops.push(vec![Seg::key(&self.container), Seg::key(ANY)]);
        }
        let unknown = tops
            .iter()
            .flat_map(|top| self.unknown(top, true))
            .collect();
        sheets.extend(sow("unknown", unknown));
        for kind in &self.court.vendor.kinds {
            let before = self.court.kind.replace(kind);
            let of_kind: Vec<_> = kind
                .fields
                .iter()
                .map(|f| concrete(&f.selector, &self.container))
                .filter(|path| base_of(path).is_none())
                .collect();
            let mut new = self.fields("kind", &of_kind);
            for sheet in &mut new {
                let key = [Seg::key(&kind.key)];
                sheet.tree.put(&key, Tree::text(&kind.value));
            }
            sheets.extend(new);
            self.court.kind = before;
        }
        for sheet in &mut sheets {
            self.name_event(&mut sheet.tree);
        }
        sheets
    }

    /// A document without a canary, as the protocol wants it.
    pub(super) fn neutral(&self) -> Tree {
        let mut tree = Tree::map();
        self.name_event(&mut tree);
        for path in self.places(|base| matches!(base, None | Some("$query" | "$form"))) {
            if !self.decodes(&path) && self.court.known(&segments(&path), None).protocol {
                tree.put(&path, Tree::text("probe"));
            }
        }
        tree.put(&[Seg::key("zq_probe")], Tree::text("1"));
        tree
    }

    /// The fields that stand beside documents.
    pub(super) fn bases(&mut self) -> Bases {
        Bases {
            query: self.base("$query"),
            form: self.base("$form"),
            envelope: self.base("$envelope"),
            item: self.base("$item"),
        }
    }

    fn base(&mut self, base: &str) -> Vec<Sheet> {
        let mut slots = self.places(|of| of == Some(base));
        slots.retain(|path| path.len() > 1 && !self.decodes(path));
        let mut sheets = self.fields("fields", &slots);
        sheets.extend(self.sentences(&slots));
        let unknown = self.unknown(&[Seg::key(base)], !base.starts_with("$form"));
        sheets.extend(sow("unknown", unknown));
        for sheet in &mut sheets {
            self.name_event(&mut sheet.tree);
        }
        let below = |sheet: Sheet| Sheet {
            tree: sheet.tree.get(base).cloned().unwrap_or(Tree::map()),
            ..sheet
        };
        sheets.into_iter().map(below).collect()
    }

    /// A structured parameter, header or segment: what stands below its own path.
    pub(super) fn parameter(&mut self, base: &str, name: &str) -> Vec<Sheet> {
        let at = [Seg::key(base), Seg::key(name)];
        let mut slots = self.places(|of| of == Some(base));
        slots.retain(|path| path.len() > 2 && path.starts_with(&at));
        let mut sheets = self.fields("fields", &slots);
        let unknown = self.unknown(&[at.as_slice(), &[Seg::key(ANY)]].concat(), true);
        sheets.extend(sow("unknown", unknown));
        let below = |sheet: Sheet| {
            let tree = sheet.tree.get(base).and_then(|tree| tree.get(name));
            Sheet {
                tree: tree.cloned().unwrap_or(Tree::map()),
                ..sheet
            }
        };
        sheets.into_iter().map(below).collect()
    }

    /// A value for a named segment of the path.
    pub(super) fn segment(&mut self, name: &str) -> Leaf {
        let path = [Seg::key("$path"), Seg::key(name)];
        let known = self.court.known(&segments(&path), None);
        let tree = match known.category {
            Some(_) => self.fitting(&path, known),
            None => self.mail_in(&path, known, ""),
        };
        first(tree)
    }

    /// A value for a header. `judged`: the catalog lists it as one that rules speak about; `passes`:
    /// as one that the vendor authenticates with.
    pub(super) fn header(&mut self, name: &str, judged: bool, passes: bool) -> Leaf {
        let path = [Seg::key("$header"), Seg::key(name)];
        let place = segments(&path);
        let mut known = self.court.known(&place, None);
        if passes {
            known.protocol = true;
            return first(self.mail_in(&path, known, ""));
        }
        let canary = match name {
            "user-agent" => self.mint.agent(),
            "referer" | "origin" => self.mint.referrer(),
            "from" | "x-user-email" => self.mint.email(),
            "cf-connecting-ip" | "true-client-ip" | "x-real-ip" | "x-forwarded-for" => {
                self.mint.ip()
            }
            "accept-language" => self
                .mint
                .fitting(DataCategory::parse("user.demographic.language")),
            _ => self.mint.fitting(known.category),
        };
        let fate = self.court.header(judged.then_some(&place), known);
        first(self.planted(&path, &canary, known.category, fate))
    }

    /// All concrete places of a base (`None`: documents).
    fn places(&self, wanted: impl Fn(Option<&str>) -> bool) -> Vec<Vec<Seg>> {
        let of_base = |path: &&Vec<Seg>| wanted(base_of(path));
        self.places.iter().filter(of_base).cloned().collect()
    }

    fn all_places(&self) -> Vec<Vec<Seg>> {
        let (policy, vendor) = (self.court.policy, self.court.vendor);
        let fields = self.court.endpoint.fields.iter().chain(&vendor.fields);
        let of_policy = policy.classify.iter().flat_map(|c| &c.fields);
        let of_rules = policy.rules.iter().flat_map(|r| &r.fields);
        let all = fields.map(|f| &f.selector).chain(of_policy).chain(of_rules);
        let mut seen = HashSet::new();
        all.map(|selector| concrete(selector, &self.container))
            .filter(|path| !self.is_framing(path) && !self.is_passed(path))
            .filter(|path| seen.insert(path.clone()))
            .collect()
    }

    /// What must be as it is for the request to be one: no canary can stand there.
    fn is_framing(&self, path: &[Seg]) -> bool {
        let endpoint = self.court.endpoint;
        let kind = |k: &EventKind| matches!(path, [Seg::Key(key)] if **key == *k.key);
        let located = |member: &str| matches!(path, [Seg::Key(base), Seg::Key(key)] if base == "$envelope" && key == member);
        let is = |selector: &Selector| concrete(selector, &self.container) == path;
        endpoint.event_name.as_ref().is_some_and(is)
            || self.court.vendor.kinds.iter().any(kind)
            || endpoint
                .locator
                .as_ref()
                .is_some_and(|l| located(&l.member))
            || matches!(path, [Seg::Key(base), Seg::Key(key)]
                if base == "$item" && matches!(&**key, "type" | "length" | "item_count"))
            || matches!(path, [Seg::Key(base), Seg::Key(key)]
                if base == "$query" && endpoint.checksum.as_deref() == Some(&**key))
            || matches!(path, [Seg::Key(base), ..] if base == "$client")
    }

    /// Whether a place holds a document rather than a text.
    fn decodes(&self, path: &[Seg]) -> bool {
        let params = &self.court.endpoint.params;
        matches!(path, [_, Seg::Key(name)] if params.iter().any(|p| *p.name == **name))
    }

    /// Whether a place lies beyond one where events stand: there paths begin anew, so that the field
    /// is another endpoint's.
    fn is_passed(&self, path: &[Seg]) -> bool {
        let keys = path.iter().filter_map(|seg| match seg {
            Seg::Key(key) => Some(key.as_str()),
            Seg::Item => None,
        });
        let keys: Vec<&str> = keys.collect();
        self.court.endpoint.events.iter().any(|root| {
            let way = root.keys.iter().map(|key| &**key);
            !root.keys.is_empty()
                && keys.len() > root.keys.len()
                && way.eq(keys.iter().copied().take(root.keys.len()))
        })
    }

    fn name_event(&self, tree: &mut Tree) {
        if let Some(selector) = &self.court.endpoint.event_name {
            tree.put(&concrete(selector, &self.container), Tree::text(EVENT));
        }
    }

    /// A fitting value in every field that has a category, or that a rule names.
    fn fields(&mut self, name: &'static str, places: &[Vec<Seg>]) -> Vec<Sheet> {
        let mut slots = Vec::new();
        for path in places {
            let known = self.court.known(&segments(path), None);
            let known = self.guessed(path, known);
            if known.category.is_some() || self.is_ruled(path) {
                let value = self.fitting(path, known);
                slots.push(Slot {
                    path: path.clone(),
                    value,
                });
            }
        }
        sow(name, slots)
    }

    /// The same values one step further down: what a field is, its parts are.
    fn wrapped(&mut self, name: &'static str, places: &[Vec<Seg>], step: &[Seg]) -> Vec<Sheet> {
        let mut deeper = Vec::new();
        for path in places {
            let known = self.court.known(&segments(path), None);
            let item = path.last() == Some(&Seg::Item);
            if known.category.is_some() && !item {
                deeper.push([path.as_slice(), step].concat());
            }
        }
        self.fields(name, &deeper)
    }

    /// Somebody's address in the middle of every field that the catalog knows to be harmless.
    fn sentences(&mut self, places: &[Vec<Seg>]) -> Vec<Sheet> {
        let mut slots = Vec::new();
        for path in places {
            let known = self.court.known(&segments(path), None);
            if known.category.is_none() && !self.is_ruled(path) {
                let value = self.mail_in(path, known, "ask ");
                slots.push(Slot {
                    path: path.clone(),
                    value,
                });
            }
        }
        sow("protocol", slots)
    }

    /// A field that only a policy names may be known by its name.
    fn guessed(&self, path: &[Seg], known: Known) -> Known {
        let path = segments(path);
        if known == Known::default() && self.is_ruled_at(&path) {
            return self.court.known(&path, by_name(&path));
        }
        known
    }

    fn is_ruled(&self, path: &[Seg]) -> bool {
        self.is_ruled_at(&segments(path))
    }

    fn is_ruled_at(&self, path: &[Segment<'_>]) -> bool {
        let policy = self.court.policy;
        policy
            .rules
            .iter()
            .flat_map(|r| &r.fields)
            .any(|s| hits(s, path))
    }

    fn fitting(&mut self, path: &[Seg], known: Known) -> Tree {
        let canary = self.mint.fitting(known.category);
        let fate = self.court.leaf(&segments(path), known);
        self.planted(path, &canary, known.category, fate)
    }

    /// An e-mail address with words around it.
    fn mail_in(&mut self, path: &[Seg], known: Known, before: &str) -> Tree {
        let mut canary = self.mint.email();
        if !before.is_empty() {
            canary.text = format!("{before}{} soon", canary.text);
        }
        self.span(path, known, &canary, "user.contact.email")
    }

    fn span(&mut self, path: &[Seg], known: Known, canary: &Canary, category: &str) -> Tree {
        let category = DataCategory::parse(category);
        let fate = match category {
            Some(category) => self.court.span(&segments(path), known, category),
            None => Fate::Gone,
        };
        self.planted(path, canary, category, fate)
    }

    fn planted(
        &self,
        path: &[Seg],
        canary: &Canary,
        category: Option<DataCategory>,
        fate: Fate,
    ) -> Tree {
        let plant = Plant {
            place: dotted(path),
            category,
            guise: canary.guise,
            needles: canary.needles.clone(),
            fate,
        };
        leaf(canary, plant)
    }

    /// What nobody lists: telling names in several styles, and addresses in texts, documents in
    /// texts, lists and keys.
    fn unknown(&mut self, top: &[Seg], nests: bool) -> Vec<Slot> {
        let mut slots = Vec::new();
        for (key, category) in NAMED {
            let path = [top, &[Seg::key(key)]].concat();
            let known = self
                .court
                .known(&segments(&path), DataCategory::parse(category));
            let value = self.fitting(&path, known);
            slots.push(Slot { path, value });
        }
        for (key, category) in SPANS {
            let path = [top, &[Seg::key(key)]].concat();
            let mut canary = match category {
                "user.contact.phone_number" => self.mint.phone(),
                "user.financial.credit_card" => self.mint.card(),
                "user.financial.bank_account" => self.mint.iban(),
                "user.device.ip_address" => self.mint.ip(),
                _ => self.mint.email(),
            };
            canary.text = format!("please see {} again", canary.text);
            canary.number = false;
            let known = self.court.known(&segments(&path), None);
            let value = self.span(&path, known, &canary, category);
            slots.push(Slot { path, value });
        }
        slots.extend(self.folds(top));
        if nests {
            slots.extend(self.lists_and_keys(top));
        }
        slots
    }

    fn lists_and_keys(&mut self, top: &[Seg]) -> Vec<Slot> {
        let list = [top, &[Seg::key("zq_list"), Seg::Item]].concat();
        let known = self.court.known(&segments(&list), None);
        let item = self.mail_in(&list, known, "write to ");
        let map = [top, &[Seg::key("zq_map")]].concat();
        let below = [map.as_slice(), &[Seg::key(ANY)]].concat();
        let known = self.court.known(&segments(&below), None);
        let keyed = first(self.mail_in(&below, known, ""));
        let key = Key {
            text: keyed.text,
            plant: keyed.plant,
        };
        vec![
            Slot {
                path: list,
                value: item,
            },
            Slot {
                path: map,
                value: Tree::Map(vec![(key, Tree::text("1"))]),
            },
        ]
    }

    /// Documents within texts.
    fn folds(&mut self, top: &[Seg]) -> Vec<Slot> {
        let mut slots = Vec::new();
        for (outer, inner, category, fold) in FOLDS {
            let path = [top, &[Seg::key(outer)]].concat();
            let around = self.court.known(&segments(&path), None);
            let deep = [path.as_slice(), &[Seg::key(inner)]].concat();
            let known = self
                .court
                .known(&segments(&deep), DataCategory::parse(category));
            let mut canary = self.mint.fitting(DataCategory::parse(category));
            canary.text = fold(inner, &canary.text);
            canary.number = false;
            let fate = match self.court.leaf(&segments(&path), around) {
                Fate::Gone => Fate::Gone,
                Fate::Kept(_) | Fate::Conditional(_) => self.court.leaf(&segments(&deep), known),
            };
            let value = self.planted(&deep, &canary, known.category, fate);
            slots.push(Slot { path, value });
        }
        slots
    }
}

/// Names that say what a field holds, in several styles, and the category that they stand for.
const NAMED: [(&str, &str); 14] = [
    ("first_name", "user.name.first"),
    ("lastName", "user.name.last"),
    ("fullName", "user.name"),
    ("Email Address", "user.contact.email"),
    ("phone-number", "user.contact.phone_number"),
    ("street_address", "user.contact.address.street"),
    ("dateOfBirth", "user.demographic.date_of_birth"),
    ("ip_address", "user.device.ip_address"),
    ("user_id", "user.unique_id"),
    ("deviceId", "user.device.device_id"),
    ("latitude", "user.location.precise"),
    ("creditCardNumber", "user.financial.credit_card"),
    ("password", "user.authorization.password"),
    ("iban", "user.financial.bank_account"),
];

/// What is found in the middle of a text.
const SPANS: [(&str, &str); 5] = [
    ("zq_note", "user.contact.email"),
    ("zq_call", "user.contact.phone_number"),
    ("zq_paid", "user.financial.credit_card"),
    ("zq_bank", "user.financial.bank_account"),
    ("zq_from", "user.device.ip_address"),
];

/// A text that holds a member.
type Fold = fn(&str, &str) -> String;

/// Texts that hold documents: their key, the member inside, what it is, how it is folded.
const FOLDS: [(&str, &str, &str, Fold); 5] = [
    ("zq_json", "first_name", "user.name.first", in_json),
    ("zq_text", "email", "user.contact.email", in_json),
    ("zq_base64", "email", "user.contact.email", in_base64),
    ("zq_query", "email", "user.contact.email", in_query),
    ("zq_twice", "email", "user.contact.email", |key, value| {
        in_json("inner", &in_json(key, value))
    }),
];

fn in_base64(key: &str, value: &str) -> String {
    let mut text = String::new();
    let (alphabet, padded) = (Alphabet::Standard, true);
    let flavour = Flavour { alphabet, padded };
    base64::encode(flavour, in_json(key, value).as_bytes(), &mut text);
    text
}

fn in_query(key: &str, value: &str) -> String {
    let mut text = format!("a=1&{key}=");
    form::encode(value, &mut text);
    text
}

fn in_json(key: &str, value: &str) -> String {
    serde_json::json!({ key: value, "n": 1 }).to_string()
}

/// Puts every slot into the first document that has room for it.
fn sow(name: &'static str, slots: Vec<Slot>) -> Vec<Sheet> {
    let mut trees: Vec<Tree> = Vec::new();
    for slot in slots {
        let fits = |tree: &mut Tree| tree.put(&slot.path, slot.value.clone());
        if !trees.iter_mut().any(fits) && trees.len() < OVERFLOW {
            let mut tree = Tree::map();
            tree.put(&slot.path, slot.value);
            trees.push(tree);
        }
    }
    trees.into_iter().map(|tree| Sheet { name, tree }).collect()
}

/// `$query`, `$form`, …; `None`: a document's field.
fn base_of(path: &[Seg]) -> Option<&str> {
    match path.first() {
        Some(Seg::Key(key)) => BASES.iter().find(|base| **base == key).copied(),
        Some(Seg::Item) | None => None,
    }
}

const BASES: [&str; 7] = [
    "$query",
    "$form",
    "$path",
    "$header",
    "$client",
    "$envelope",
    "$item",
];

/// The member that most fields of a document stand in.
fn container(court: &Court<'_>) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    let fields = court.endpoint.fields.iter().chain(&court.vendor.fields);
    for field in fields {
        let [Step::Key(key), _, ..] = field.selector.steps() else {
            continue;
        };
        if key.starts_with('$') {
            continue;
        }
        match counts.iter_mut().find(|(known, _)| *known == &**key) {
            Some((_, count)) => *count += 1,
            None => counts.push((key, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.first().map_or(ANY, |(key, _)| key).to_owned()
}

fn first(tree: Tree) -> Leaf {
    match tree {
        Tree::Leaf(leaf) => leaf,
        Tree::List(_) | Tree::Map(_) | Tree::Folded(..) => Leaf::default(),
    }
}
