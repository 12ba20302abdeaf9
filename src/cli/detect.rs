//! `tamis detect --jsonl`: the detectors by themselves, line by line.

use std::io::{BufRead, BufWriter, Write};
use std::process::ExitCode;

use clap::Args;

use super::output;
use crate::detect;

#[derive(Args)]
pub(super) struct Detect {
    /// Read JSON lines (the only form so far)
    #[arg(long)]
    jsonl: bool,
}

pub(super) fn main(args: &Detect) -> anyhow::Result<ExitCode> {
    if !args.jsonl {
        anyhow::bail!("detect reads JSON lines: add --jsonl");
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut status = ExitCode::SUCCESS;
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        match detect::jsonl::detect_line(&line) {
            Ok(answer) => writeln!(out, "{answer}")?,
            Err(_) => {
                output::note(&format!(
                    "line {}: expected {{\"id\",\"path\",\"value\"}}",
                    number + 1
                ));
                status = ExitCode::from(2);
            }
        }
    }
    out.flush()?;
    Ok(status)
}
