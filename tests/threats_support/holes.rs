//! Sends attacks through the engine and tells every one that gets through, all at once.

#![allow(unreachable_pub, reason = "a module of several test files")]

use super::support::{Outcome, send, track};
use super::threats_support::found;
use tamis::scrub::Scrubber;

/// What leaves of a body; `None` when nothing does.
pub fn leaves(s: &Scrubber, text: &str) -> Option<Vec<u8>> {
    match send(s, &track(text)) {
        Outcome::Forward(clean) => Some([clean.target().as_bytes(), b" ", clean.body()].concat()),
        Outcome::Answer | Outcome::Refuse(_) => None,
    }
}

/// What got through.
#[derive(Default)]
pub struct Holes(pub Vec<String>);

impl Holes {
    pub fn check(&mut self, s: &Scrubber, what: &str, text: &str) {
        if let Some(out) = leaves(s, text) {
            let hits = found(&out);
            if !hits.is_empty() {
                let out = String::from_utf8_lossy(&out);
                let out: String = out.chars().take(160).collect();
                self.0.push(format!("{what}: {hits:?} in {out}"));
            }
        }
    }

    pub fn none(self) {
        assert!(
            self.0.is_empty(),
            "{} holes:\n{}",
            self.0.len(),
            self.0.join("\n")
        );
    }
}
