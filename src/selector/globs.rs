//! Many globs asked at once: which of them match a text.
//!
//! Invariant: answers what [`glob_match`] answers for each, in the order in which they were given.
//! Globs without a star are looked up; of each other one its rarest literal run is looked for in one
//! pass, and only where that stands is the glob itself asked. So the cost follows the text's length
//! and the globs that nearly match, not the number of globs.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;
use hashbrown::HashMap as FastMap;
use smallvec::SmallVec;

use super::glob_match;

/// So few are asked one after the other.
const FEW: usize = 4;

/// A glob's position in the list that it came in.
pub type GlobId = u32;

/// See the module.
#[derive(Debug, Default)]
pub struct Globs {
    /// Without a star.
    exact: FastMap<Box<str>, SmallVec<[GlobId; 1]>>,
    starred: Vec<(GlobId, Box<str>)>,
    /// Finds the literal runs, each of which stands for some of `starred`; `None`: there are few.
    finder: Option<AhoCorasick>,
    by_run: Vec<Vec<u32>>,
    /// Of `starred`: nothing but stars, or in want of a finder all.
    always: Vec<u32>,
}

impl Globs {
    /// Of a list of globs.
    #[must_use]
    pub fn new<'g>(globs: impl IntoIterator<Item = &'g str>) -> Self {
        let mut all = Self::default();
        for (at, glob) in (0..).zip(globs) {
            if glob.contains('*') {
                all.starred.push((at, glob.into()));
            } else {
                all.exact.entry(glob.into()).or_default().push(at);
            }
        }
        all.index();
        all
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.starred.is_empty()
    }

    /// Those without a star, in no order, each once.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.exact.keys().map(|name| &**name)
    }

    fn index(&mut self) {
        let everyone = 0..u32::try_from(self.starred.len()).unwrap_or(u32::MAX);
        if self.starred.len() <= FEW {
            self.always = everyone.collect();
            return;
        }
        let mut common: HashMap<&str, usize> = HashMap::new();
        for run in self.starred.iter().flat_map(|(_, glob)| runs(glob)) {
            *common.entry(run).or_default() += 1;
        }
        let mut at: HashMap<&str, usize> = HashMap::new();
        let (mut patterns, mut by_run): (Vec<&str>, Vec<Vec<u32>>) = (Vec::new(), Vec::new());
        for (number, (_, glob)) in everyone.clone().zip(&self.starred) {
            let rarity = |run: &&str| (common.get(run).copied(), std::cmp::Reverse(run.len()));
            let Some(rarest) = runs(glob).min_by_key(rarity) else {
                self.always.push(number);
                continue;
            };
            let slot = *at.entry(rarest).or_insert_with(|| {
                patterns.push(rarest);
                by_run.push(Vec::new());
                patterns.len() - 1
            });
            if let Some(list) = by_run.get_mut(slot) {
                list.push(number);
            }
        }
        match AhoCorasick::new(&patterns) {
            Ok(finder) => self.finder = Some(finder),
            // Too large for the finder's tables: all are asked.
            Err(_) => self.always = everyone.collect(),
        }
        self.by_run = by_run;
    }

    /// Adds those that match `text` to `out`, in order.
    pub fn matching(&self, text: &str, out: &mut SmallVec<[GlobId; 4]>) {
        let first = out.len();
        if let Some(same) = self.exact.get(text) {
            out.extend_from_slice(same);
        }
        let mut near: SmallVec<[u32; 16]> = SmallVec::from_slice(&self.always);
        if let Some(finder) = &self.finder {
            let mut runs: SmallVec<[usize; 16]> = SmallVec::new();
            for hit in finder.find_overlapping_iter(text) {
                let run = hit.pattern().as_usize();
                if runs.last() != Some(&run) {
                    runs.push(run);
                }
            }
            runs.sort_unstable();
            runs.dedup();
            let lists = runs.iter().filter_map(|run| self.by_run.get(*run));
            near.extend(lists.flatten().copied());
        }
        for (id, glob) in near.iter().filter_map(|n| self.starred.get(*n as usize)) {
            if glob_match(glob, text) {
                out.push(*id);
            }
        }
        if let Some(new) = out.get_mut(first..) {
            new.sort_unstable();
        }
    }
}

/// What stands between the stars.
fn runs(glob: &str) -> impl Iterator<Item = &str> {
    glob.split('*').filter(|run| !run.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn answers_as_each_glob_would(
            globs in prop::collection::vec("[ab*]{0,4}|[a-c]{1,2}\\*|é\\*", 0..40),
            text in "[a-cé]{0,8}",
        ) {
            let mut got = SmallVec::new();
            Globs::new(globs.iter().map(String::as_str)).matching(&text, &mut got);
            let want: Vec<GlobId> =
                (0..).zip(&globs).filter(|(_, g)| glob_match(g, &text)).map(|(at, _)| at).collect();
            prop_assert_eq!(got.to_vec(), want);
        }
    }

    #[test]
    fn among_thousands_few_are_asked() {
        let globs: Vec<String> = (0..10_000).map(|n| format!("user_*_{n}")).collect();
        let globs = Globs::new(globs.iter().map(String::as_str));
        assert_eq!(globs.by_run.len(), 10_000, "`user_` tells nothing");
        let mut got = SmallVec::new();
        globs.matching("user_x_1234", &mut got);
        assert_eq!(got.to_vec(), [1234]);
        assert!(!globs.is_empty() && Globs::new([]).is_empty());
    }
}
