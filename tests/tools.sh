#!/usr/bin/env bash
# What building needs: cargo and a C compiler (aws-lc). Installs the latter from Debian's packages; says where to get the former.
set -euo pipefail
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
if ! command -v cargo >/dev/null; then
  echo "Rust is not installed: https://rustup.rs, then start again in a new shell" >&2
  exit 2
fi
if ! command -v cc >/dev/null || ! command -v c++ >/dev/null || ! command -v make >/dev/null; then
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends build-essential
fi
