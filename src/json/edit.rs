//! Edits over a document and the splice that applies them.
//!
//! Edits are collected in document order and never overlap; what no edit covers is copied as it
//! came. Cutting members and elements keeps exactly one comma between the ones that stay.

use std::ops::Range;

/// A range of the document and what stands there instead (a range of the replacement buffer).
#[derive(Clone, Debug)]
struct Edit {
    start: u32,
    end: u32,
    with: Range<u32>,
}

/// A replacement inside a text: a byte range and what stands there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The range in the text.
    pub range: Range<usize>,
    /// What stands there instead.
    pub with: String,
}

/// The edits of one document. Reused between documents.
#[derive(Default)]
pub struct Edits {
    list: Vec<Edit>,
    buffer: Vec<u8>,
}

impl Edits {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.list.clear();
        self.buffer.clear();
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many edits there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// An edit's range and what stands there instead, by its place among the edits.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<(Range<usize>, &[u8])> {
        let edit = self.list.get(at)?;
        let with = edit.with.start as usize..edit.with.end as usize;
        let range = edit.start as usize..edit.end as usize;
        Some((range, self.buffer.get(with)?))
    }

    /// Replaces a range by bytes.
    pub fn replace(&mut self, range: Range<usize>, with: &[u8]) {
        self.write(range, |buffer| buffer.extend_from_slice(with));
    }

    /// Replaces a range by what `fill` appends.
    pub fn write(&mut self, range: Range<usize>, fill: impl FnOnce(&mut Vec<u8>)) {
        let from = small(self.buffer.len());
        fill(&mut self.buffer);
        self.list.push(Edit {
            start: small(range.start),
            end: small(range.end),
            with: from..small(self.buffer.len()),
        });
    }

    /// Removes a range.
    pub fn cut(&mut self, range: Range<usize>) {
        self.write(range, |_| ());
    }

    /// Removes a range together with all edits that lie at or behind its start.
    pub fn cut_over(&mut self, range: Range<usize>) {
        while self
            .list
            .last()
            .is_some_and(|edit| edit.start as usize >= range.start)
        {
            self.list.pop();
        }
        self.cut(range);
    }

    /// Writes the document with its edits into `out`.
    pub fn splice(&self, text: &[u8], out: &mut Vec<u8>) {
        let mut done = 0;
        for edit in &self.list {
            out.extend_from_slice(text.get(done..edit.start as usize).unwrap_or(&[]));
            let with = edit.with.start as usize..edit.with.end as usize;
            out.extend_from_slice(self.buffer.get(with).unwrap_or(&[]));
            done = edit.end as usize;
        }
        out.extend_from_slice(text.get(done..).unwrap_or(&[]));
    }
}

/// Documents are bounded to `u32` by the lexer, replacements by the body limit.
#[expect(clippy::cast_possible_truncation, reason = "bounded by the lexer")]
fn small(n: usize) -> u32 {
    n as u32
}

/// Keeps the commas right while members or elements of one container are cut.
///
/// Call [`Commas::keep`] or [`Commas::cut`] for each child in order; the cut of a child that is not
/// the last takes the comma behind it, the cut of the last takes everything back to the end of the
/// last child that stayed.
pub struct Commas {
    kept_end: usize,
    /// Whether any child stayed.
    pub any: bool,
}

impl Commas {
    /// For a container whose content begins at `inner` (behind the bracket).
    #[must_use]
    pub fn new(inner: usize) -> Self {
        Self {
            kept_end: inner,
            any: false,
        }
    }

    /// The child that ends at `end` stays.
    pub fn keep(&mut self, end: usize) {
        self.kept_end = end;
        self.any = true;
    }

    /// The child goes; `next` is where the following child starts, if there is one.
    pub fn cut(&self, child: Range<usize>, next: Option<usize>, edits: &mut Edits) {
        match next {
            Some(next) => edits.cut_over(child.start..next),
            None => edits.cut_over(self.kept_end..child.end),
        }
    }

    /// Where the last child that stayed ends (or the content begins).
    #[must_use]
    pub fn end(&self) -> usize {
        self.kept_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(keep: &[bool]) -> String {
        let text: String = format!(
            "[{}]",
            (0..keep.len())
                .map(|i| format!(" {i} "))
                .collect::<Vec<_>>()
                .join(",")
        );
        let mut edits = Edits::default();
        let mut commas = Commas::new(1);
        for (i, stays) in keep.iter().enumerate() {
            let start = 2 + 4 * i;
            let next = (i + 1 < keep.len()).then_some(start + 4);
            if *stays {
                commas.keep(start + 1);
            } else {
                commas.cut(start..start + 1, next, &mut edits);
            }
        }
        let mut out = Vec::new();
        edits.splice(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_comma_between_what_stays() {
        for bits in 0..32u32 {
            let keep: Vec<bool> = (0..5).map(|i| bits >> i & 1 == 1).collect();
            let out = cut(&keep);
            let want: Vec<usize> = (0..5).filter(|i| keep[*i]).collect();
            let got: Vec<usize> =
                serde_json::from_str(&out).unwrap_or_else(|e| panic!("{out}: {e}"));
            assert_eq!(got, want, "{out}");
        }
    }
}
