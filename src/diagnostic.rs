//! Diagnostics as data: what is wrong with a file that a person wrote, where, and how to mend it.
//!
//! Drawn only in `cli`. A diagnostic never holds a client's value: only text of configuration,
//! policy and catalog files.

use std::ops::Range;
use std::sync::OnceLock;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Severity {
    /// Works, but probably not as meant.
    Warning,
    /// The file is refused.
    Error,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name, e.g. `unknown-key`.
    pub code: &'static str,
    /// What was expected and what was found: lower case, no full stop.
    pub message: String,
    /// Byte range in the file; `None` when it concerns the file as a whole.
    pub span: Option<Range<usize>>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            span: Some(span),
            help: None,
        }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(code: &'static str, message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message, span)
        }
    }

    /// The same with a fix.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// All findings about one file.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    /// The file's name as the user gave it.
    pub file: String,
    /// The file's text, to draw the places.
    pub source: String,
    /// The findings in the order of their places.
    pub items: Vec<Diagnostic>,
    /// Where the lines start, once somebody asked.
    lines: OnceLock<Vec<usize>>,
}

impl Diagnostics {
    /// No findings yet about this file.
    #[must_use]
    pub fn new(file: impl Into<String>, source: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            source: source.into(),
            items: Vec::new(),
            lines: OnceLock::new(),
        }
    }

    /// Adds a finding.
    pub fn push(&mut self, item: Diagnostic) {
        self.items.push(item);
    }

    /// Hides a part of the source, so that no finding is drawn with it; places stay what they are.
    pub fn conceal(&mut self, part: Range<usize>) {
        let Some(text) = self.source.get(part.clone()) else {
            return;
        };
        // As many bytes, so that spans go on pointing at what they did.
        let hidden: String = text
            .bytes()
            .map(|byte| if byte == b'\n' { '\n' } else { '*' })
            .collect();
        self.source.replace_range(part, &hidden);
    }

    /// Whether any finding is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|d| d.severity == Severity::Error)
    }

    /// Line and column, both from 1, of a byte offset. Columns count characters.
    #[must_use]
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let lines = self.lines.get_or_init(|| {
            let ends = self.source.bytes().enumerate();
            let starts = ends
                .filter(|(_, byte)| *byte == b'\n')
                .map(|(at, _)| at + 1);
            std::iter::once(0).chain(starts).collect()
        });
        let line = lines.partition_point(|start| *start <= offset);
        let start = lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.source.get(start..offset);
        let column = before.map_or(0, |text| text.chars().count()) + 1;
        (line, column)
    }
}

impl std::fmt::Display for Diagnostics {
    /// One line a finding: `file:line:column: error[code]: message; help: …`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, item) in self.items.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            let (line, column) = item
                .span
                .as_ref()
                .map_or((1, 1), |span| self.position(span.start));
            let kind = match item.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            write!(
                f,
                "{}:{line}:{column}: {kind}[{}]: {}",
                self.file, item.code, item.message
            )?;
            if let Some(help) = &item.help {
                write!(f, "; help: {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
