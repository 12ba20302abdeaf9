//! Runs the detection contract over standard input, for the scorer.
use std::io::{BufRead as _, Write as _};

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        if let Ok(answer) = tamis::detect::jsonl::detect_line(&line?) {
            writeln!(out, "{answer}")?;
        }
    }
    out.flush()
}
