//! Learned paths: what the plan says about each path that was ever seen, worked out once.
//!
//! A trie over keys. A node knows its category, what the catalog says, which selectors its path is on,
//! and the decision for each class of events. Steady traffic repeats its paths in the same order, so
//! a child is found by guessing the one that followed last time and comparing the key. The trie is
//! bounded: beyond [`MAX_NODES`] nodes live only until their subtree is judged, and the next request
//! starts afresh. It lives in a thread's scratch and is never written anywhere.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::decide::Answers;
use super::hot::{Hot, Settled};
use super::plan::{Plan, RuleId, Watch};
use super::tally::Done;
use crate::category::DataCategory;
use crate::detect::{self, Wanted};
use crate::selector::{Active, Segment, StateId};

/// A node's index.
pub(super) type NodeId = u32;

/// The root: the event, or the body outside of events.
pub(super) const ROOT: NodeId = 0;

const MAX_NODES: usize = 8192;
const MAX_KEY: usize = 256;
/// Decisions that are remembered, over all nodes and classes.
const MAX_SLOTS: usize = 1 << 20;
pub(super) const NONE: NodeId = NodeId::MAX;

/// How a leaf got its category.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// It has none.
    None,
    /// The policy's `[[classify]]`.
    Policy,
    /// The vendor catalog.
    Catalog,
    /// The key's name.
    Name,
    /// A container above it.
    Container,
    /// The value.
    Value,
}

impl Source {
    /// For reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::Policy => "policy",
            Self::Catalog => "catalog",
            Self::Name => "key name",
            Self::Container => "container",
            Self::Value => "value",
        }
    }
}

/// What is known about a path.
pub(super) struct PathNode {
    pub(super) parent: NodeId,
    key: Box<str>,
    item: bool,
    /// The states of the plan's selectors that the path leads to.
    pub(super) active: Active,
    /// Those of this node and of all above it at which rules stand that name events, ascending.
    pub(super) named: SmallVec<[StateId; 2]>,
    /// Of the leaf.
    pub(super) category: Option<DataCategory>,
    pub(super) source: Source,
    pub(super) protocol: bool,
    /// Given out by the vendor.
    pub(super) issued: bool,
    /// A route's name.
    pub(super) route: bool,
    /// Of a list: what goes from it leaves a placeholder.
    pub(super) positional: bool,
    /// What goes from here leaves a placeholder.
    pub(super) required: bool,
    /// Names of a list's positions: index into the vendor's tuples.
    pub(super) tuple: Option<u16>,
    /// A forced value: index into the endpoint's sets.
    pub(super) set: Option<u16>,
    pub(super) project: bool,
    /// A string here holds a document: index into the vendor's unfolds.
    pub(super) unfold: Option<u16>,
    /// Sets whose member belongs into this container.
    pub(super) adds: SmallVec<[u16; 1]>,
    /// What a container hands down.
    pub(super) below: Option<DataCategory>,
    pub(super) leaf_rules: SmallVec<[RuleId; 2]>,
    pub(super) container_rules: SmallVec<[RuleId; 2]>,
    /// The key as it may leave, once judged; `None`: as it came.
    pub(super) key_out: KeyOut,
    /// What is looked for in strings that are kept here, for a class of events.
    pub(super) wanted: Option<(usize, Wanted)>,
    /// The verdict for events with a rule of their own here, beside that of [`Hot`] for all others:
    /// the class, and the decision behind it.
    pub(super) own: Option<(usize, Settled, Done)>,
}

/// How a key leaves.
#[derive(Clone, Debug, Default)]
pub(super) enum KeyOut {
    /// Not judged yet.
    #[default]
    Unjudged,
    /// As it came.
    Same,
    /// Rewritten.
    New(Box<str>),
}

/// The trie of one plan in one thread.
pub(super) struct Paths {
    nodes: Vec<PathNode>,
    /// One for each node: what most leaves need, without the rest.
    hot: Vec<Hot>,
    table: HashTable<NodeId>,
    hasher: foldhash::fast::RandomState,
    pub(super) answers: Answers,
    /// Decisions that nodes remember.
    pub(super) slots: usize,
}

impl Paths {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut paths = Self {
            nodes: Vec::new(),
            hot: Vec::new(),
            table: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            answers: Answers::default(),
            slots: 0,
        };
        paths.reset(plan);
        paths
    }

    /// Whether it is time to start afresh, between requests.
    pub(super) fn full(&self) -> bool {
        self.nodes.len() >= MAX_NODES || self.slots >= MAX_SLOTS
    }

    fn reset(&mut self, plan: &Plan) {
        self.nodes.clear();
        self.hot.clear();
        self.table.clear();
        self.push_root(plan, &[0]);
        for kind in (1..).take(plan.kinds.len()) {
            self.push_root(plan, &[0, kind]);
        }
    }

    /// A root from which these roots' selectors are watched.
    fn push_root(&mut self, plan: &Plan, roots: &[StateId]) {
        let mut root = PathNode {
            active: plan.selectors.start(roots),
            ..PathNode::blank(NONE, "", false)
        };
        root.adds = adds_at(plan, &root.active);
        self.hot
            .push(Hot::new(NONE, "", true, &[], !root.adds.is_empty()));
        self.nodes.push(root);
    }

    /// The guesses and the settled verdict of a node.
    #[inline]
    pub(super) fn hot(&self, id: NodeId) -> Option<&Hot> {
        self.hot.get(id as usize)
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn hot_mut(&mut self, id: NodeId) -> Option<&mut Hot> {
        self.hot.get_mut(id as usize)
    }

    /// The child that followed `last` the time before.
    #[inline]
    pub(super) fn guess(&self, parent: NodeId, last: NodeId) -> NodeId {
        self.hot(last).map_or(
            NONE,
            |hot| if last == parent { hot.first } else { hot.after },
        )
    }

    /// The root of events of a kind.
    pub(super) fn kind_root(kind: usize) -> NodeId {
        NodeId::try_from(kind + 1).unwrap_or(ROOT)
    }

    /// What is known at a node. Ids come from this trie, so the fallback is never seen.
    #[inline]
    pub(super) fn get(&self, id: NodeId) -> &PathNode {
        #[expect(clippy::indexing_slicing, reason = "the root is always there")]
        self.nodes.get(id as usize).unwrap_or(&self.nodes[0])
    }

    pub(super) fn get_mut(&mut self, id: NodeId) -> &mut PathNode {
        let at = if (id as usize) < self.nodes.len() {
            id as usize
        } else {
            0
        };
        #[expect(clippy::indexing_slicing, reason = "the root is always there")]
        &mut self.nodes[at]
    }

    /// The child by key; `last` is the sibling before it, or the parent itself for the first.
    #[inline]
    pub(super) fn child(&mut self, plan: &Plan, parent: NodeId, last: NodeId, key: &str) -> NodeId {
        let guess = self.guess(parent, last);
        if let Some(node) = self.nodes.get(guess as usize)
            && node.parent == parent
            && !node.item
            && *node.key == *key
        {
            return guess;
        }
        self.look_up(plan, parent, last, key, false)
    }

    /// The child for array elements.
    pub(super) fn item(&mut self, plan: &Plan, parent: NodeId) -> NodeId {
        let guess = self.hot(parent).map_or(NONE, |hot| hot.item);
        if let Some(node) = self.nodes.get(guess as usize)
            && node.parent == parent
            && node.item
        {
            return guess;
        }
        self.look_up(plan, parent, parent, "", true)
    }

    fn look_up(
        &mut self,
        plan: &Plan,
        parent: NodeId,
        last: NodeId,
        key: &str,
        item: bool,
    ) -> NodeId {
        let hash = self.hash(parent, key, item);
        let found = self.table.find(hash, |id| {
            let node = self.get(*id);
            node.parent == parent && node.item == item && *node.key == *key
        });
        let id = match found {
            Some(id) => *id,
            None => self.add(plan, parent, key, item, hash),
        };
        if (id as usize) < MAX_NODES
            && let Some(before) = self.hot_mut(last)
        {
            if item {
                before.item = id;
            } else if last == parent {
                before.first = id;
            } else {
                before.after = id;
            }
        }
        id
    }

    fn hash(&self, parent: NodeId, key: &str, item: bool) -> u64 {
        self.hasher.hash_one((parent, item, key))
    }

    fn add(&mut self, plan: &Plan, parent: NodeId, key: &str, item: bool, hash: u64) -> NodeId {
        let node = self.learn(plan, parent, key, item);
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(ROOT);
        self.hot.push(Hot::new(
            parent,
            key,
            item,
            &node.named,
            !node.adds.is_empty(),
        ));
        self.nodes.push(node);
        if self.nodes.len() <= MAX_NODES && key.len() <= MAX_KEY {
            let hasher = &self.hasher;
            let nodes = &self.nodes;
            self.table.insert_unique(hash, id, |id| {
                nodes.get(*id as usize).map_or(0, |node| {
                    hasher.hash_one((node.parent, node.item, &*node.key))
                })
            });
        }
        id
    }

    /// Whether the node outlives the request.
    #[inline]
    pub(super) fn lasts(id: NodeId) -> bool {
        (id as usize) < MAX_NODES
    }

    /// Forgets nodes that were made beyond the bound, once their subtree is judged.
    #[inline]
    pub(super) fn release(&mut self, id: NodeId) {
        if id as usize >= MAX_NODES {
            self.nodes.truncate(id as usize);
            self.hot.truncate(id as usize);
        }
    }

    fn learn(&self, plan: &Plan, parent: NodeId, key: &str, item: bool) -> PathNode {
        let above = self.get(parent);
        let segment = if item {
            Segment::Item
        } else {
            Segment::Key(key)
        };
        let mut node = PathNode::blank(parent, key, item);
        let mut known: Option<(Source, Option<DataCategory>)> = None;
        node.active = plan.selectors.advance(&above.active, segment);
        node.named.clone_from(&above.named);
        let mut watches: SmallVec<[u32; 8]> = SmallVec::new();
        for state in &node.active {
            let Some(at) = plan.at(*state) else {
                continue;
            };
            watches.extend_from_slice(&at.watches);
            if at.rules.names_events() {
                node.named.push(*state);
            }
        }
        watches.sort_unstable();
        node.named.sort_unstable();
        node.named.dedup();
        for watch in watches
            .iter()
            .filter_map(|at| plan.watches.get(*at as usize))
        {
            match watch {
                Watch::Classify(category) => {
                    known = known.or(Some((Source::Policy, Some(*category))));
                }
                Watch::Field(field) => {
                    let field = plan.fields.get(usize::from(*field));
                    if let Some(field) = field {
                        node.protocol |= field.protocol;
                        node.issued |= field.issued;
                        node.route |= field.route && known.is_none();
                        known = known.or(Some((Source::Catalog, field.category)));
                    }
                }
                Watch::Set(set) => node.set = node.set.or(Some(*set)),
                Watch::Project => node.project = true,
                Watch::Positional => node.positional = true,
                Watch::Required => node.required = true,
                Watch::Tuple(at) => {
                    node.positional = true;
                    node.tuple = node.tuple.or(Some(*at));
                }
                Watch::Unfold(at) => node.unfold = node.unfold.or(Some(*at)),
            }
        }
        // A wrapper's value is what the wrapper is.
        node.route |= known.is_none() && above.route;
        node.adds = adds_at(plan, &node.active);
        self.classify(&mut node, parent, known);
        node
    }

    fn classify(
        &self,
        node: &mut PathNode,
        parent: NodeId,
        known: Option<(Source, Option<DataCategory>)>,
    ) {
        let above = self.get(parent);
        if let Some((source, category)) = known {
            node.category = category;
            node.below = category;
            node.source = source;
            return;
        }
        if node.item {
            // Elements are what their array is; the array's own name says it.
            node.category = above.category.or(above.below);
            node.below = above.below;
            node.source = match node.category {
                Some(_) if above.category.is_some() => above.source,
                Some(_) => Source::Container,
                None => Source::None,
            };
            return;
        }
        let mut keys: SmallVec<[&str; 12]> = SmallVec::new();
        keys.push(&node.key);
        let mut at = parent;
        while at != ROOT && at != NONE && keys.len() < 12 {
            let up = self.get(at);
            if up.parent == NONE {
                break;
            }
            if !up.item {
                keys.push(&up.key);
            }
            at = up.parent;
        }
        keys.reverse();
        let name = detect::names::classify_name(&keys);
        let container = detect::names::classify_container(&keys);
        node.category = name.or(above.below);
        node.below = container.or(name).or(above.below);
        node.source = match (name, node.category) {
            (Some(_), _) => Source::Name,
            (None, Some(_)) => Source::Container,
            (None, None) => Source::None,
        };
    }
}

impl PathNode {
    fn blank(parent: NodeId, key: &str, item: bool) -> Self {
        Self {
            parent,
            key: key.into(),
            item,
            active: SmallVec::new(),
            named: SmallVec::new(),
            category: None,
            source: Source::None,
            protocol: false,
            issued: false,
            route: false,
            positional: false,
            required: false,
            tuple: None,
            set: None,
            project: false,
            unfold: None,
            adds: SmallVec::new(),
            below: None,
            leaf_rules: SmallVec::new(),
            container_rules: SmallVec::new(),
            key_out: KeyOut::Unjudged,
            wanted: None,
            own: None,
        }
    }

    /// The key, unescaped.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The container around it.
    pub(super) fn parent(&self) -> NodeId {
        self.parent
    }

    /// Whether it is an element of an array, which has no key.
    pub(super) fn is_item(&self) -> bool {
        self.item
    }
}

/// Sets whose last step is the only one still to come.
fn adds_at(plan: &Plan, active: &[StateId]) -> SmallVec<[u16; 1]> {
    let ends = active.iter().filter_map(|state| plan.at(*state));
    let mut adds: SmallVec<[u16; 1]> = ends.flat_map(|at| &at.adds).copied().collect();
    adds.sort_unstable();
    adds
}
