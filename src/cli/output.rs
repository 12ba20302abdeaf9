//! What commands print: the only place with `println!` and its kin.
#![expect(clippy::print_stderr, reason = "printing is what this file is for")]

use std::io::{IsTerminal, Write};

use clap::Args;

use super::render;
use crate::diagnostic::Diagnostics;

/// `--json`.
#[derive(Args, Clone, Copy, Default)]
pub(super) struct Json {
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// One line on standard output.
pub(super) fn line(text: &str) {
    // A reader that went away (`| head`) is no error of ours.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// One line on standard error.
pub(super) fn note(text: &str) {
    eprintln!("{text}");
}

/// Bytes on standard output, exactly.
pub(super) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// Findings, drawn on standard error.
pub(super) fn diagnostics(d: &Diagnostics) {
    if !d.items.is_empty() {
        eprintln!("{}", render::render(d, std::io::stderr().is_terminal()));
    }
}

/// An error with its causes; findings are drawn.
pub(super) fn error(error: &anyhow::Error) {
    if let Some(d) = error.downcast_ref::<Diagnostics>() {
        diagnostics(d);
    } else {
        eprintln!("error: {}", chain(error));
    }
}

/// An error with its causes on one line; a cause that its error tells already is not repeated.
pub(super) fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// A table with aligned columns; the last column is not padded.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = head.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let draw = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (at, cell) in cells.enumerate() {
            if at > 0 {
                text.push_str("  ");
            }
            text.push_str(cell);
            if at + 1 < widths.len() {
                let pad = widths.get(at).copied().unwrap_or(0);
                text.extend(std::iter::repeat_n(
                    ' ',
                    pad.saturating_sub(cell.chars().count()),
                ));
            }
        }
        line(text.trim_end());
    };
    draw(&mut head.iter().copied());
    for row in rows {
        draw(&mut row.iter().map(String::as_str));
    }
}

/// A value shortened for a table cell, control characters shown.
pub(super) fn cell(text: &str, width: usize) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if plain.chars().count() <= width {
        return plain;
    }
    let short: String = plain.chars().take(width.saturating_sub(1)).collect();
    format!("{short}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_cause_is_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot read a.key: {source}")]
        struct Told {
            source: std::io::Error,
        }
        let source = std::io::Error::other("no luck");
        let error = Err::<(), _>(Told { source })
            .context("[salts]")
            .unwrap_err();
        assert_eq!(chain(&error), "[salts]: cannot read a.key: no luck");
    }
}
