//! Documents with canaries in them, before they are written in any format.
//!
//! Invariant: nothing is planted over something else; what does not fit goes to another sheet. Knows
//! no policy and no wire format.

use std::sync::Arc;

use super::canary::Canary;
use super::expect::Fate;
use crate::catalog::{Layer, PairForm, Pairs, Unfold};
use crate::category::DataCategory;
use crate::selector::{Segment, Selector, Step};

/// A canary at its place.
#[derive(Debug)]
pub(super) struct Plant {
    /// The dotted path, as rules and reports write it.
    pub(super) place: String,
    /// The data category that it is to be judged by.
    pub(super) category: Option<DataCategory>,
    pub(super) guise: &'static str,
    pub(super) needles: Vec<String>,
    pub(super) fate: Fate,
}

/// A value, and the canary in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaf {
    pub(super) text: String,
    /// Written as a JSON number.
    pub(super) number: bool,
    pub(super) plant: Option<Arc<Plant>>,
}

/// A key, and the canary in it.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) plant: Option<Arc<Plant>>,
}

/// A document.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    Leaf(Leaf),
    List(Vec<Tree>),
    Map(Vec<(Key, Tree)>),
    /// A text that holds a document.
    Folded(Box<[Layer]>, Box<Tree>),
}

/// A step of a concrete path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Seg {
    Key(String),
    Item,
}

impl Seg {
    pub(super) fn key(text: &str) -> Self {
        Self::Key(text.to_owned())
    }

    pub(super) fn borrow(&self) -> Segment<'_> {
        match self {
            Self::Key(text) => Segment::Key(text),
            Self::Item => Segment::Item,
        }
    }
}

/// The same path for selectors.
pub(super) fn segments(path: &[Seg]) -> Vec<Segment<'_>> {
    path.iter().map(Seg::borrow).collect()
}

/// The path in words.
pub(super) fn dotted(path: &[Seg]) -> String {
    let mut out = String::new();
    for seg in path {
        match seg {
            Seg::Item => out.push_str("[]"),
            Seg::Key(key) if key.contains(['.', '[']) => out.push_str(&format!("[\"{key}\"]")),
            Seg::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
        }
    }
    out
}

/// A key of ours where any key may stand.
pub(super) const ANY: &str = "zq";

/// One place that a selector means. `container` is the key for a star at the beginning.
pub(super) fn concrete(selector: &Selector, container: &str) -> Vec<Seg> {
    let mut path = Vec::new();
    let last = selector.steps().len().saturating_sub(1);
    for (at, step) in selector.steps().iter().enumerate() {
        path.push(match step {
            Step::Key(key) => Seg::key(key),
            Step::Glob(glob) => Seg::Key(glob.replace('*', ANY)),
            Step::Item => Seg::Item,
            Step::Any if at == 0 && at != last => Seg::key(container),
            Step::Any | Step::Deep => Seg::key(ANY),
        });
    }
    path
}

impl Tree {
    pub(super) fn map() -> Self {
        Self::Map(Vec::new())
    }

    pub(super) fn text(text: &str) -> Self {
        Self::Leaf(Leaf {
            text: text.to_owned(),
            ..Leaf::default()
        })
    }

    /// Puts a value at a place; `false` when something is in the way.
    pub(super) fn put(&mut self, path: &[Seg], value: Self) -> bool {
        match (self, path.split_first()) {
            (_, None) => false,
            (Self::Map(members), Some((Seg::Key(key), rest))) => {
                let known = members.iter_mut().find(|(have, _)| have.text == *key);
                match (known, rest) {
                    (Some(_), []) => false,
                    (Some((_, below)), rest) => below.put(rest, value),
                    (None, rest) => {
                        let Some(value) = grow(rest, value) else {
                            return false;
                        };
                        let key = Key {
                            text: key.clone(),
                            plant: None,
                        };
                        members.push((key, value));
                        true
                    }
                }
            }
            (Self::List(items), Some((Seg::Item, rest))) => match (items.first_mut(), rest) {
                (Some(_), []) => false,
                (Some(below), rest) => below.put(rest, value),
                (None, _) => false,
            },
            (Self::Leaf(_) | Self::List(_) | Self::Map(_) | Self::Folded(..), Some(_)) => false,
        }
    }

    /// The member of a map, or of the first element of a list.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members.iter().find(|(k, _)| k.text == key).map(|(_, v)| v),
            Self::List(items) => items.first()?.get(key),
            Self::Leaf(_) | Self::Folded(..) => None,
        }
    }

    /// Without a member.
    pub(super) fn without(mut self, key: &str) -> Self {
        if let Self::Map(members) = &mut self {
            members.retain(|(have, _)| have.text != key);
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Map(members) => members.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Leaf(_) | Self::Folded(..) => false,
        }
    }

    /// The document with its events in their place: below `keys`, as elements or alone. Lists on the
    /// way that are there already are entered.
    pub(super) fn with_events(self, keys: &[Box<str>], items: bool, event: Self) -> Self {
        let Some((key, rest)) = keys.split_first() else {
            return if items {
                Self::List(vec![event])
            } else {
                event
            };
        };
        let mut members = match self {
            Self::Map(members) => members,
            Self::List(mut list) if !list.is_empty() => {
                let first = list.remove(0);
                return Self::List(vec![first.with_events(keys, items, event)]);
            }
            Self::Leaf(_) | Self::List(_) | Self::Folded(..) => Vec::new(),
        };
        let at = members.iter().position(|(have, _)| have.text == **key);
        let below = at.map_or(Self::map(), |at| members.remove(at).1);
        let key = Key {
            text: key.to_string(),
            plant: None,
        };
        members.push((key, below.with_events(rest, items, event)));
        Self::Map(members)
    }

    /// With lists of pairs where the catalog says that they stand for maps; `None`: nowhere.
    pub(super) fn paired(self, pairs: &[Pairs]) -> Option<Self> {
        let mut hit = false;
        let tree = walk(self, &mut Vec::new(), &mut |tree, path| {
            let path = segments(path);
            let found = pairs.iter().find(|p| p.at.iter().any(|s| s.matches(&path)));
            match (tree, found) {
                (Self::Map(members), Some(pairs)) => {
                    hit = true;
                    Self::List(
                        members
                            .into_iter()
                            .map(|pair| one_pair(pair, pairs))
                            .collect(),
                    )
                }
                (tree, _) => tree,
            }
        });
        hit.then_some(tree)
    }

    /// With texts where the catalog says that they hold documents; `None`: nowhere.
    pub(super) fn folded(self, unfold: &[Unfold]) -> Option<Self> {
        let mut hit = false;
        let tree = walk(self, &mut Vec::new(), &mut |tree, path| {
            let path = segments(path);
            let found = unfold.iter().find(|u| u.selector.matches(&path));
            match (tree, found) {
                (tree @ (Self::Map(_) | Self::List(_)), Some(unfold)) => {
                    hit = true;
                    Self::Folded(unfold.layers.clone(), Box::new(tree))
                }
                (tree, _) => tree,
            }
        });
        hit.then_some(tree)
    }
}

fn grow(path: &[Seg], value: Tree) -> Option<Tree> {
    Some(match path.split_first() {
        None => value,
        Some((Seg::Item, rest)) => Tree::List(vec![grow(rest, value)?]),
        Some((Seg::Key(_), _)) => {
            let mut map = Tree::map();
            if !map.put(path, value) {
                return None;
            }
            map
        }
    })
}

fn walk(tree: Tree, path: &mut Vec<Seg>, change: &mut dyn FnMut(Tree, &[Seg]) -> Tree) -> Tree {
    let inner = match tree {
        Tree::Map(members) => Tree::Map(
            members
                .into_iter()
                .map(|(key, value)| {
                    path.push(Seg::key(&key.text));
                    let value = walk(value, path, change);
                    path.pop();
                    (key, value)
                })
                .collect(),
        ),
        Tree::List(items) => Tree::List(
            items
                .into_iter()
                .map(|item| {
                    path.push(Seg::Item);
                    let item = walk(item, path, change);
                    path.pop();
                    item
                })
                .collect(),
        ),
        tree @ (Tree::Leaf(_) | Tree::Folded(..)) => tree,
    };
    change(inner, path)
}

fn one_pair((key, value): (Key, Tree), pairs: &Pairs) -> Tree {
    let name = Tree::Leaf(Leaf {
        text: key.text,
        number: false,
        plant: key.plant,
    });
    let value = match (value, pairs.unwrap.first()) {
        (Tree::Leaf(mut leaf), Some(wrapper)) => {
            leaf.number = false;
            wrapper.iter().rev().fold(Tree::Leaf(leaf), |inner, key| {
                Tree::Map(vec![(plain(key), inner)])
            })
        }
        (value, _) => value,
    };
    match &pairs.form {
        PairForm::Tuple => Tree::List(vec![name, value]),
        PairForm::Members(key, member) => {
            Tree::Map(vec![(plain(key), name), (plain(member), value)])
        }
    }
}

fn plain(key: &str) -> Key {
    Key {
        text: key.to_owned(),
        plant: None,
    }
}

/// A leaf with a canary as a whole.
pub(super) fn leaf(canary: &Canary, plant: Plant) -> Tree {
    Tree::Leaf(Leaf {
        text: canary.text.clone(),
        number: canary.number,
        plant: Some(Arc::new(plant)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_planted_is_not_planted_over() {
        let mut tree = Tree::map();
        let path = |text: &str| concrete(&Selector::parse(text).unwrap(), "properties");
        assert!(tree.put(&path("*.name"), Tree::text("a")));
        assert!(!tree.put(&path("properties.name"), Tree::text("b")));
        assert!(!tree.put(&path("properties.name.first"), Tree::text("b")));
        assert!(tree.put(&path("items[].sku"), Tree::text("c")));
        assert!(tree.put(&path("items[].utm_*"), Tree::text("d")));
        assert!(!tree.put(&path("items[]"), Tree::text("d")));
        assert_eq!(dotted(&path("**.a[].b_*")), "zq.a[].b_zq");
        let items = tree.get("items").unwrap();
        assert!(items.get("utm_zq").is_some() && items.get("sku").is_some());
    }

    #[test]
    fn events_stand_where_the_catalog_says() {
        let keys: Vec<Box<str>> = vec!["a".into(), "b".into()];
        let mut outer = Tree::map();
        assert!(outer.put(&[Seg::key("a"), Seg::Item, Seg::key("c")], Tree::text("x")));
        let tree = outer.with_events(&keys, true, Tree::text("event"));
        let a = tree.get("a").unwrap();
        assert!(matches!(a, Tree::List(_)) && a.get("c").is_some());
        assert!(matches!(a.get("b"), Some(Tree::List(items)) if items.len() == 1));
    }
}
