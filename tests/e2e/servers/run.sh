#!/usr/bin/env bash
# Real servers as upstream: Bugsink, Phoenix and MLflow, installed from PyPI into tests/.cache. `make test-servers`.
#
#   tests/e2e/servers/run.sh TAMIS
#
# Closing line: `N passed, N failed`, one for each server's script; what each checked stands above it.
set -euo pipefail
tamis=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
cache=$here/../../.cache/servers
mkdir -p "$cache"
passed=0 failed=0

script() {
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $2"; fi
}

otlp=$cache/otlp
if [ ! -x "$otlp/bin/mlflow" ] || [ ! -x "$otlp/bin/phoenix" ]; then
  python3 -m venv "$otlp"
  "$otlp/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
fi
script "$otlp/bin/python" "$here/otlp_servers.py" --tamis "$tamis"
script python3 "$here/bugsink.py" --tamis "$tamis" --work "$cache/bugsink"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
