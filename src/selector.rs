//! Field selectors: `properties.$email`, `context.*.email`, `**.email`, `items[].sku`.
//!
//! A selector is a list of steps over the keys that lead to a leaf. It knows nothing of JSON; a path
//! is a sequence of [`Segment`]s, whatever the document was. `$query.x`, `$header.x` and `$client.ip`
//! are ordinary keys whose first segment begins with `$`. A key that holds a dot, a bracket or a star
//! is written in brackets and quotes: `properties["a.b"]`; stars between the quotes: `["a."*]`. The
//! engine asks many selectors at once, as a [`SelectorSet`].

mod globs;
mod set;

pub use globs::{GlobId, Globs};
pub use set::{Active, SelectorSet, SetBuilder, StateId};

/// One step of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Segment<'a> {
    /// A member's key, unescaped.
    Key(&'a str),
    /// Any element of an array.
    Item,
}

/// One step of a selector.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// A member with exactly this key.
    Key(Box<str>),
    /// A member whose key matches a glob (`utm_*`).
    Glob(Box<str>),
    /// `*`: any one member or array element.
    Any,
    /// `**`: any number of steps, none included.
    Deep,
    /// `[]`: an array element.
    Item,
}

/// A parsed selector.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Selector {
    steps: Box<[Step]>,
}

/// Why a selector could not be read; the offset is in bytes from its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SelectorError {
    /// Nothing between two dots, or an empty selector.
    #[error("a step is empty; write `a.b`, `a.*.b`, `**.b` or `a[].b`")]
    EmptyStep,
    /// `[` without its end, or something else than `[]` and `["key"]`.
    #[error("a bracket is not `[]` or `[\"key\"]`")]
    Bracket,
    /// `***`, `a**`: stars that are neither `*`, `**` nor one glob star.
    #[error("`**` must stand alone between dots")]
    Stars,
    /// A selector longer than anything that could match.
    #[error("a selector has more than 32 steps")]
    TooLong,
}

const MAX_STEPS: usize = 32;

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// [`SelectorError`] when the text is none.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut steps = Vec::new();
        let mut rest = text;
        let mut need_step = true;
        while need_step || !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix("[]") {
                if need_step && !steps.is_empty() {
                    return Err(SelectorError::EmptyStep);
                }
                steps.push(Step::Item);
                rest = inner;
            } else if let Some(inner) = rest.strip_prefix('[') {
                let (step, tail) = Self::bracket(inner)?;
                steps.push(step);
                rest = tail;
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (word, tail) = rest.split_at(end);
                steps.push(Self::step(word)?);
                rest = tail;
            }
            need_step = false;
            if let Some(tail) = rest.strip_prefix('.') {
                rest = tail;
                need_step = true;
            }
        }
        if steps.len() > MAX_STEPS {
            return Err(SelectorError::TooLong);
        }
        Ok(Self {
            steps: steps.into(),
        })
    }

    /// `"key"]`, `"a."*]`, `"a."*".b"]`: quoted text as it is, stars between.
    fn bracket(inner: &str) -> Result<(Step, &str), SelectorError> {
        // A key may hold a quote: it ends at the first `"]`.
        if let Some(quoted) = inner.strip_prefix('"')
            && let Some((key, tail)) = quoted.split_once("\"]")
            && !key.contains("\"*")
        {
            return Ok((Step::Key(key.into()), tail));
        }
        let (mut glob, mut rest, mut stars) = (String::new(), inner, 0);
        loop {
            if let Some(quoted) = rest.strip_prefix('"') {
                let (text, tail) = quoted.split_once('"').ok_or(SelectorError::Bracket)?;
                if text.contains('*') {
                    return Err(SelectorError::Stars);
                }
                glob.push_str(text);
                rest = tail;
            } else if let Some(tail) = rest.strip_prefix('*') {
                glob.push('*');
                stars += 1;
                rest = tail;
            } else if let Some(tail) = rest.strip_prefix(']') {
                let good = stars > 0 && glob.len() > stars;
                let step = Step::Glob(glob.into());
                return if good {
                    Ok((step, tail))
                } else {
                    Err(SelectorError::Bracket)
                };
            } else {
                return Err(SelectorError::Bracket);
            }
        }
    }

    fn step(word: &str) -> Result<Step, SelectorError> {
        match word {
            "" => Err(SelectorError::EmptyStep),
            "*" => Ok(Step::Any),
            "**" => Ok(Step::Deep),
            _ if word.contains("**") => Err(SelectorError::Stars),
            _ if word.contains('*') => Ok(Step::Glob(word.into())),
            _ => Ok(Step::Key(word.into())),
        }
    }

    /// The steps, outermost first.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The positions reached from `positions` by one more segment, a bit per position: for few
    /// selectors; many are walked as a [`SelectorSet`]. Bit `steps().len()` means "matched". Start
    /// with [`Selector::start`].
    #[must_use]
    pub fn advance(&self, positions: u64, segment: Segment<'_>) -> u64 {
        let mut next = 0;
        for (at, step) in self.steps.iter().enumerate() {
            if positions >> at & 1 == 0 {
                continue;
            }
            let hit = match step {
                Step::Key(key) => segment == Segment::Key(key),
                Step::Glob(glob) => {
                    matches!(segment, Segment::Key(key) if glob_match(glob, key))
                }
                Step::Any => true,
                Step::Item => segment == Segment::Item,
                Step::Deep => {
                    next |= 1 << at;
                    false
                }
            };
            if hit {
                next |= 1 << (at + 1);
            }
        }
        self.close(next)
    }

    /// The positions before the first segment.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.close(1)
    }

    /// Whether `positions` says that the whole selector has matched.
    #[must_use]
    pub fn matched(&self, positions: u64) -> bool {
        positions >> self.steps.len() & 1 == 1
    }

    /// `**` may stand for nothing: its position implies the next.
    fn close(&self, mut positions: u64) -> u64 {
        for (at, step) in self.steps.iter().enumerate() {
            if *step == Step::Deep && positions >> at & 1 == 1 {
                positions |= 1 << (at + 1);
            }
        }
        positions
    }

    /// Whether the selector matches the whole path.
    #[must_use]
    pub fn matches(&self, path: &[Segment<'_>]) -> bool {
        let mut positions = self.start();
        for segment in path {
            positions = self.advance(positions, *segment);
        }
        self.matched(positions)
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            match step {
                Step::Key(key) if key.contains(['.', '[', '*']) => write!(f, "[\"{key}\"]")?,
                Step::Glob(glob) if glob.contains(['.', '[']) => {
                    write!(f, "[\"{}\"]", glob.replace('*', "\"*\""))?;
                }
                Step::Key(word) | Step::Glob(word) => write!(f, "{dot}{word}")?,
                Step::Any => write!(f, "{dot}*")?,
                Step::Deep => write!(f, "{dot}**")?,
                Step::Item => write!(f, "[]")?,
            }
        }
        Ok(())
    }
}

/// Whether `text` matches `glob`, in which `*` stands for any run of characters.
#[must_use]
pub fn glob_match(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if glob.get(g) == Some(&b'*') {
            star = Some((g, t));
            g += 1;
        } else if glob.get(g).is_some() && glob.get(g) == text.get(t) {
            g += 1;
            t += 1;
        } else if let Some((sg, st)) = star {
            g = sg + 1;
            t = st + 1;
            star = Some((sg, st + 1));
        } else {
            return false;
        }
    }
    glob.get(g..)
        .is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
}

#[cfg(test)]
mod tests {
    use super::Segment::{Item, Key};
    use super::*;

    fn hit(selector: &str, path: &[Segment<'_>]) -> bool {
        Selector::parse(selector).unwrap().matches(path)
    }

    #[test]
    fn selectors_match_what_they_say() {
        assert!(hit(
            "properties.$email",
            &[Key("properties"), Key("$email")]
        ));
        assert!(!hit("properties.$email", &[Key("properties")]));
        assert!(hit(
            "context.*.email",
            &[Key("context"), Item, Key("email")]
        ));
        assert!(hit("**.email", &[Key("email")]));
        assert!(hit("**.email", &[Key("a"), Item, Key("b"), Key("email")]));
        assert!(!hit("**.email", &[Key("email"), Key("x")]));
        assert!(hit("items[].sku", &[Key("items"), Item, Key("sku")]));
        assert!(hit(
            "properties.utm_*",
            &[Key("properties"), Key("utm_source")]
        ));
        assert!(hit(
            "properties[\"a.b\"].c",
            &[Key("properties"), Key("a.b"), Key("c")]
        ));
        assert!(hit("a[\"b.\"*].c", &[Key("a"), Key("b.x.y"), Key("c")]));
        assert!(hit("[\"b.\"*\".d\"]", &[Key("b.x.d")]));
        assert!(!hit("[\"b.\"*\".d\"]", &[Key("b.x")]));
        let shown = Selector::parse("a[\"b.\"*\".d\"].c").unwrap();
        assert_eq!(Selector::parse(&shown.to_string()), Ok(shown));
        assert!(hit("**", &[Key("a"), Item]));
        assert!(hit("[].event", &[Item, Key("event")]));
    }

    #[test]
    fn what_is_no_selector_says_why() {
        assert_eq!(Selector::parse(""), Err(SelectorError::EmptyStep));
        assert_eq!(Selector::parse("a..b"), Err(SelectorError::EmptyStep));
        assert_eq!(Selector::parse("a[1]"), Err(SelectorError::Bracket));
        for bad in ["a[*]", "a[\"b\"*", "a[\"b", "a[\"\"*]", "a[\"b\"c]"] {
            assert_eq!(Selector::parse(bad), Err(SelectorError::Bracket), "{bad}");
        }
        assert_eq!(Selector::parse("a.b**"), Err(SelectorError::Stars));
    }

    #[test]
    fn globs() {
        assert!(glob_match("Checkout *", "Checkout Completed"));
        assert!(glob_match("*", "") && glob_match("a*b*c", "aXbYbc") && !glob_match("a*b", "ac"));
    }
}
