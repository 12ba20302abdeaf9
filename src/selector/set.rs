//! Many selectors as one automaton, so that a step along a path costs the same however many there are.
//!
//! Selectors are merged into a trie over their steps; common beginnings are one state. While a path is
//! walked, the states that its segments have reached are *active*: a handful, for a key leads from one
//! state to at most one other by its name, one by `*` and those whose glob it matches. `**` is a state
//! that stays active. Invariant: a selector's last state is active exactly where
//! [`Selector::matches`] says so.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::{Globs, Segment, Selector, Step};

/// A state's index; the first are the roots.
pub type StateId = u32;

/// The states that a path has reached, ascending.
pub type Active = SmallVec<[StateId; 4]>;

/// Selectors in the making. Each belongs to a root: paths may be walked from several at once.
#[derive(Debug)]
pub struct SetBuilder {
    states: Vec<Building>,
}

#[derive(Debug, Default)]
struct Building {
    state: State,
    globs: HashMap<Box<str>, StateId>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct SelectorSet {
    states: Vec<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: HashMap<Box<str>, StateId>,
    globs: Option<Box<(Globs, Vec<StateId>)>>,
    any: Option<StateId>,
    item: Option<StateId>,
    /// Active wherever this state is.
    deep: Option<StateId>,
    /// This is a `**`.
    stays: bool,
}

impl SetBuilder {
    /// Without selectors, with roots `0..roots`.
    #[must_use]
    pub fn new(roots: usize) -> Self {
        let mut states = Vec::new();
        states.resize_with(roots.max(1), Building::default);
        Self { states }
    }

    /// Adds a selector; answers the state that is active where it matches.
    pub fn add(&mut self, root: StateId, selector: &Selector) -> StateId {
        selector
            .steps()
            .iter()
            .fold(root, |at, step| self.step(at, step))
    }

    fn step(&mut self, at: StateId, step: &Step) -> StateId {
        let next = StateId::try_from(self.states.len()).unwrap_or(StateId::MAX);
        let Some(from) = self.states.get_mut(at as usize) else {
            return at;
        };
        let to = match step {
            Step::Key(key) => *from.state.keys.entry(key.clone()).or_insert(next),
            Step::Any => *from.state.any.get_or_insert(next),
            Step::Item => *from.state.item.get_or_insert(next),
            Step::Deep => *from.state.deep.get_or_insert(next),
            Step::Glob(glob) => *from.globs.entry(glob.clone()).or_insert(next),
        };
        if to == next {
            let mut new = Building::default();
            new.state.stays = *step == Step::Deep;
            self.states.push(new);
        }
        to
    }

    /// The automaton.
    #[must_use]
    pub fn build(self) -> SelectorSet {
        let states = self.states.into_iter().map(|building| {
            let Building { mut state, globs } = building;
            if !globs.is_empty() {
                let index = Globs::new(globs.keys().map(|glob| &**glob));
                let to = globs.values().copied().collect();
                state.globs = Some(Box::new((index, to)));
            }
            state
        });
        SelectorSet {
            states: states.collect(),
        }
    }
}

impl SelectorSet {
    /// How many states there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// What is active before the first segment, when walking from these roots.
    #[must_use]
    pub fn start(&self, roots: &[StateId]) -> Active {
        let mut active = Active::new();
        for root in roots {
            self.activate(*root, &mut active);
        }
        order(active)
    }

    /// What is active after one more segment.
    #[must_use]
    pub fn advance(&self, active: &[StateId], segment: Segment<'_>) -> Active {
        let mut next = Active::new();
        for (id, state) in active.iter().filter_map(|id| Some((*id, self.state(id)?))) {
            if state.stays {
                self.activate(id, &mut next);
            }
            if let Some(to) = state.any {
                self.activate(to, &mut next);
            }
            match segment {
                Segment::Item => {
                    if let Some(to) = state.item {
                        self.activate(to, &mut next);
                    }
                }
                Segment::Key(key) => {
                    if let Some(to) = state.keys.get(key) {
                        self.activate(*to, &mut next);
                    }
                    if let Some(globs) = &state.globs {
                        let (globs, targets) = &**globs;
                        let mut hits = SmallVec::new();
                        globs.matching(key, &mut hits);
                        for to in hits.iter().filter_map(|hit| targets.get(*hit as usize)) {
                            self.activate(*to, &mut next);
                        }
                    }
                }
            }
        }
        order(next)
    }

    /// Every key that a selector names, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.states
            .iter()
            .flat_map(|state| state.keys.keys().map(|key| &**key))
    }

    /// The states that one key leads to.
    pub fn by_key(&self, id: StateId) -> impl Iterator<Item = StateId> {
        let keys = self.state(&id).map(|state| state.keys.values().copied());
        keys.into_iter().flatten()
    }

    fn state(&self, id: &StateId) -> Option<&State> {
        self.states.get(*id as usize)
    }

    /// `**` may stand for nothing: it is active with the state before it.
    fn activate(&self, mut id: StateId, active: &mut Active) {
        loop {
            active.push(id);
            match self.state(&id).and_then(|state| state.deep) {
                Some(deep) => id = deep,
                None => return,
            }
        }
    }
}

fn order(mut active: Active) -> Active {
    active.sort_unstable();
    active.dedup();
    active
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn selector() -> impl Strategy<Value = Selector> {
        let step = prop_oneof![
            4 => "[ab]{1,2}".prop_map(|k| Step::Key(k.into())),
            1 => "[ab]\\*|\\*[ab]".prop_map(|g| Step::Glob(g.into())),
            1 => Just(Step::Any),
            2 => Just(Step::Deep),
            1 => Just(Step::Item),
        ];
        prop::collection::vec(step, 1..5).prop_map(|steps| Selector {
            steps: steps.into(),
        })
    }

    proptest! {
        #[test]
        fn matches_what_each_selector_matches(
            selectors in prop::collection::vec((selector(), 0u32..2), 0..60),
            path in prop::collection::vec(prop::option::weighted(0.8, "[ab]{1,3}"), 0..6),
        ) {
            let mut builder = SetBuilder::new(2);
            let last: Vec<StateId> = selectors.iter().map(|(s, root)| builder.add(*root, s)).collect();
            let set = builder.build();
            let path: Vec<_> = path.iter().map(|k| k.as_deref().map_or(Segment::Item, Segment::Key)).collect();
            for roots in [&[0][..], &[1], &[1, 0]] {
                let active = path.iter().fold(set.start(roots), |at, s| set.advance(&at, *s));
                for ((selector, root), last) in selectors.iter().zip(&last) {
                    let want = roots.contains(root) && selector.matches(&path);
                    prop_assert_eq!(active.contains(last), want, "{} from {}", selector, root);
                }
            }
        }
    }

    #[test]
    fn common_beginnings_are_one_and_few_states_are_active() {
        let mut builder = SetBuilder::new(1);
        for n in 0..1000 {
            for text in [
                format!("**.deep_{n}"),
                format!("properties.p{n}.*"),
                format!("*.g{n}_*"),
            ] {
                builder.add(0, &Selector::parse(&text).unwrap());
            }
        }
        let set = builder.build();
        let path = [
            Segment::Key("properties"),
            Segment::Key("g7_x"),
            Segment::Key("deep_9"),
        ];
        let mut active = set.start(&[0]);
        for segment in path {
            active = set.advance(&active, segment);
            assert!(active.len() <= 4, "{active:?}");
        }
        assert!(set.len() < 5 * 1000);
    }
}
