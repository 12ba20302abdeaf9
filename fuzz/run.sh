#!/usr/bin/env bash
# Builds and runs a fuzz target on stable Rust: no nightly, no cargo-fuzz.
#
#   fuzz/run.sh TARGET SECONDS [libFuzzer options…]
#   fuzz/run.sh --list
#
# The coverage passes of rustc are given by hand, as cargo-fuzz does; address sanitizing needs nightly and is left out (the crate forbids
# unsafe code). The corpus grows in fuzz/target/corpus, seeds are in fuzz/seeds, a crashing input lands in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")"
targets=$(sed -n 's/^name = "\(.*\)"/\1/p' Cargo.toml | grep -v tamis-fuzz)
if [ "${1:-}" = --list ]; then echo "$targets"; exit 0; fi
if [ $# -lt 2 ] || ! grep -qx -- "$1" <<<"$targets"; then
  echo "usage: fuzz/run.sh TARGET SECONDS; targets:" $targets >&2
  exit 2
fi
target=$1 seconds=$2
shift 2
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Clink-dead-code --cfg fuzzing" \
  cargo build --quiet --locked --release --target "$host" --target-dir target --bins
mkdir -p "target/corpus/$target" artifacts
log=target/$target.log
status=0
dictionary=()
[ ! -f "seeds/$target.dict" ] || dictionary=("-dict=seeds/$target.dict")
"target/$host/release/$target" "target/corpus/$target" "seeds/$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
  -artifact_prefix="artifacts/$target-" -print_final_stats=1 "${dictionary[@]}" "$@" 2>"$log" || status=$?
if [ "$status" != 0 ]; then
  tail -n 40 "$log"
  echo "$target: FAILED (the input is in fuzz/artifacts)"
  exit 1
fi
echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs in ${seconds} s, $(grep -oE 'cov: [0-9]+' "$log" | tail -n 1)"
