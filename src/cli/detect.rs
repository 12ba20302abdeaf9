//! `tamis detect --jsonl`: the detectors by themselves, line by line.

use std::io::{BufRead, BufReader, Write};
use std::process::ExitCode;

use clap::Args;

use super::output;
use crate::detect::Lines;

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
    // As much at a time as a pipe holds: fewer calls, fewer turns between the two ends.
    const AT_A_TIME: usize = 64 * 1024;
    let mut input = BufReader::with_capacity(AT_A_TIME, std::io::stdin().lock());
    let mut stdout = std::io::stdout().lock();
    let mut out = String::with_capacity(AT_A_TIME + AT_A_TIME / 4);
    let mut lines = Lines::default();
    let (mut line, mut number) = (String::new(), 0_usize);
    let mut status = ExitCode::SUCCESS;
    loop {
        line.clear();
        let read = input.read_line(&mut line);
        let last = !matches!(read, Ok(1..));
        if out.len() >= AT_A_TIME || last {
            stdout.write_all(out.as_bytes())?;
            out.clear();
        }
        if last {
            stdout.flush()?;
            read?;
            return Ok(status);
        }
        number += 1;
        if line.trim().is_empty() {
            continue;
        }
        match lines.answer(&line, &mut out) {
            Ok(()) => out.push('\n'),
            Err(_) => {
                output::note(&format!(
                    "line {number}: expected {{\"id\",\"path\",\"value\"}}"
                ));
                status = ExitCode::from(2);
            }
        }
    }
}
