//! A name as words: what a naming style does not change.
//!
//! Compatibility forms, accents and invisible characters do not count. Knows no category.

use hashbrown::HashMap;
use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization;

use super::fold::is_invisible;

/// A table by name.
pub(super) type Map<V> = HashMap<Box<str>, V, foldhash::fast::FixedState>;

/// A name cut into words: the words joined, and where each begins.
#[derive(Default)]
pub(super) struct Words {
    pub(super) joined: String,
    pub(super) cuts: SmallVec<[usize; 12]>,
}

impl Words {
    pub(super) fn len(&self) -> usize {
        self.cuts.len()
    }

    /// Where word `i` begins, or the end.
    pub(super) fn cut(&self, i: usize) -> usize {
        self.cuts.get(i).copied().unwrap_or(self.joined.len())
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> &str {
        self.joined.get(self.cut(from)..self.cut(to)).unwrap_or("")
    }

    pub(super) fn push(&mut self, word: &str, abbreviations: &Map<Box<str>>) {
        if word.is_empty() {
            return;
        }
        match abbreviations.get(word) {
            Some(long) => {
                for part in long.split(' ') {
                    self.cuts.push(self.joined.len());
                    self.joined.push_str(part);
                }
            }
            None => {
                self.cuts.push(self.joined.len());
                self.joined.push_str(word);
            }
        }
    }

    /// The words of several names in a row.
    pub(super) fn chain(names: &[&Words]) -> Words {
        let mut out = Words::default();
        for name in names {
            let base = out.joined.len();
            out.cuts.extend(name.cuts.iter().map(|cut| cut + base));
            out.joined.push_str(&name.joined);
        }
        out
    }
}

/// Compatibility forms, accents and invisible characters folded away; case is kept for the humps.
pub(super) fn plain(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name
        .nfkd()
        .filter(|c| !is_invisible(*c) && !matches!(c, '\u{300}'..='\u{36f}'))
    {
        match c {
            'ß' => out.push_str("ss"),
            'ø' => out.push('o'),
            'Ø' => out.push('O'),
            'ł' => out.push('l'),
            'Ł' => out.push('L'),
            'đ' => out.push('d'),
            'ı' => out.push('i'),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'þ' => out.push_str("th"),
            'ð' => out.push('d'),
            c => out.push(c),
        }
    }
    // Hangul and kana marks compose again, so that both spellings meet.
    out.nfc().collect()
}
