//! Buffers that are used again: judging an event allocates nothing once they have grown.

use super::walk::Frame;
use crate::detect::Span;
use crate::json::{Edits, Tape};

/// A buffer that has grown beyond this is not kept.
const MAX_KEPT: usize = 4 << 20;

/// Free buffers of one thread.
#[derive(Default)]
pub(super) struct Pools {
    texts: Vec<String>,
    bytes: Vec<Vec<u8>>,
    tapes: Vec<Tape>,
    edits: Vec<Edits>,
    pub(super) frames: Vec<Frame>,
    pub(super) spans: Vec<Span>,
}

impl Pools {
    pub(super) fn text(&mut self) -> String {
        self.texts.pop().unwrap_or_default()
    }

    pub(super) fn give_text(&mut self, mut text: String) {
        if text.capacity() <= MAX_KEPT && self.texts.len() < 16 {
            text.clear();
            self.texts.push(text);
        }
    }

    pub(super) fn bytes(&mut self) -> Vec<u8> {
        self.bytes.pop().unwrap_or_default()
    }

    pub(super) fn give_bytes(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() <= MAX_KEPT && self.bytes.len() < 16 {
            bytes.clear();
            self.bytes.push(bytes);
        }
    }

    pub(super) fn tape(&mut self) -> Tape {
        self.tapes.pop().unwrap_or_default()
    }

    pub(super) fn give_tape(&mut self, tape: Tape) {
        if tape.len() <= MAX_KEPT / 16 && self.tapes.len() < 16 {
            self.tapes.push(tape);
        }
    }

    pub(super) fn edits(&mut self) -> Edits {
        self.edits.pop().unwrap_or_default()
    }

    pub(super) fn give_edits(&mut self, mut edits: Edits) {
        edits.clear();
        if self.edits.len() < 16 {
            self.edits.push(edits);
        }
    }
}
