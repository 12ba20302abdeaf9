#!/usr/bin/env bash
# Everything that must hold, in one command: `make test`. Installs what is missing first.
#
#   tests/all.sh [STEP…]     steps: setup fmt lint doc unit e2e sdks units fuzz deny (default: all, in this order);
#                            and setup-rest rest (the other vendors' libraries), servers
#
# FUZZ_SECONDS (default 10) is the time for each fuzz target. Closing line: `N passed, N failed`, summed over cargo tests, end-to-end
# checks and one for each gate. Goes on after a failure, so that one run tells everything. What this machine cannot run (the systemd
# units need root and systemd) is told in front of the closing line.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
passed=0 failed=0 not_run=
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

say() { printf '\n== %s\n' "$1"; }

# gate NAME COMMAND…: one check, passed when the command succeeds.
gate() {
  local name=$1
  shift
  say "$name"
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $name"; fi
}

# counted NAME COMMAND…: adds up the counts that the command prints; failing without a counted failure is one failure.
counted() {
  local name=$1 status=0 good bad
  shift
  say "$name"
  "$@" 2>&1 | tee "$log/out" || status=$?
  good=$({ grep -oE '[0-9]+ passed[;,] [0-9]+ failed' "$log/out" || true; } | awk '{ sum += $1 } END { print sum + 0 }')
  bad=$({ grep -oE '[0-9]+ passed[;,] [0-9]+ failed' "$log/out" || true; } | awk '{ sum += $3 } END { print sum + 0 }')
  if [ "$status" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
  if [ "$good" = 0 ] && [ "$bad" = 0 ]; then bad=1; echo "no test ran: $name"; fi
  passed=$((passed + good)) failed=$((failed + bad))
}

setup() {
  say "setup"
  tests/tools.sh
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || rustup component add rustfmt clippy
  tests/e2e/setup.sh "$@"
}

doc() { RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked --quiet; }
formatted() { cargo fmt --check && cargo fmt --check --manifest-path fuzz/Cargo.toml --package tamis-fuzz; }
lint() { cargo clippy --all-targets --locked --quiet -- -D warnings; }
unit() { cargo test --locked --no-fail-fast; }
end_to_end() {
  cargo build --locked --quiet --bin tamis
  tests/e2e/run.py --tamis "${CARGO_TARGET_DIR:-target}/debug/tamis"
  tests/e2e/forward/run.py --tamis "${CARGO_TARGET_DIR:-target}/debug/tamis"
}
libraries() {
  cargo build --locked --quiet --bin tamis
  tests/e2e/sdks.py --tamis "${CARGO_TARGET_DIR:-target}/debug/tamis" "$@"
}
servers() {
  cargo build --locked --quiet --bin tamis
  tests/e2e/servers/run.sh "${CARGO_TARGET_DIR:-target}/debug/tamis"
}
units() {
  cargo build --locked --quiet --bin tamis
  # 3: nothing failed, and something could not be run, which is told below.
  tests/systemd.py --tamis "${CARGO_TARGET_DIR:-target}/debug/tamis" || [ $? = 3 ]
}
deny() {
  if cargo deny --version >/dev/null 2>&1; then cargo deny --offline check licenses bans sources; else tests/deny.py; fi
}
fuzz() {
  local target
  for target in $(fuzz/run.sh --list); do gate "fuzz $target, ${FUZZ_SECONDS:-10} s" fuzz/run.sh "$target" "${FUZZ_SECONDS:-10}"; done
}

steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(setup fmt lint doc unit e2e sdks units fuzz deny)
for step in "${steps[@]}"; do
  case $step in
    setup) setup ;;
    setup-rest) setup rest ;;
    fmt) gate "format" formatted ;;
    lint) gate "clippy" lint ;;
    doc) gate "documentation" doc ;;
    unit) counted "cargo test" unit ;;
    e2e)
      counted "the oracle's own tests" tests/.cache/venv/bin/python tests/e2e/oracle_test.py
      counted "end to end" end_to_end
      ;;
    sdks) counted "libraries of every vendor" libraries ;;
    rest) counted "the other vendors' libraries" libraries --suite rest ;;
    servers) counted "real servers: Bugsink, Phoenix, MLflow" servers ;;
    units)
      counted "systemd units" units
      not_run+=$(grep '^NOT RUN' "$log/out" || true)
      ;;
    fuzz) fuzz ;;
    deny) gate "licences and bans" deny ;;
    *) echo "unknown step $step" >&2; exit 2 ;;
  esac
done

[ -z "$not_run" ] || printf '\n%s\n' "$not_run"
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
