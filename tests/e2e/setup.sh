#!/usr/bin/env bash
# Installs what the end-to-end tests drive: Chromium (Debian package), npm and PyPI client libraries (tests/.cache, git-ignored).
# Does nothing the second time: a stamp holds the checksum of the two lists. `setup.sh rest` installs the lists in sdks/ as well, for
# `make test-sdks`: Node's below the first ones, so that these are found from there too; Python's into the same environment. Of the
# packages under `sources`, which are servers, only the files are fetched: a page script stands among them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$here/../.cache
mkdir -p "$cache"

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v openssl >/dev/null || missing+=(openssl)
command -v python3 >/dev/null || missing+=(python3)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -q
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
fi

stamp=$(cat "$here/package.json" "$here/requirements.txt" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$cache/stamp" 2>/dev/null)" != "$stamp" ]; then
  mkdir -p "$cache/node"
  cp "$here/package.json" "$cache/node/package.json"
  npm install --prefix "$cache/node" --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
  [ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv"
  "$cache/venv/bin/python" -m pip install -q --disable-pip-version-check -r "$here/requirements.txt"
  echo "$stamp" > "$cache/stamp"
fi
if [ "${1-}" = rest ]; then
  stamp=$(cat "$here"/{,sdks/}package.json "$here"/{,sdks/}requirements.txt | sha256sum | cut -d' ' -f1)
  if [ "$(cat "$cache/stamp-rest" 2>/dev/null)" != "$stamp" ]; then
    mkdir -p "$cache/node/rest"
    cp "$here/sdks/package.json" "$cache/node/rest/package.json"
    npm install --prefix "$cache/node/rest" --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
    node -e 'for (const one of Object.entries(require(process.argv[1]).sources)) console.log(one.join("@"))' "$here/sdks/package.json" | while read -r source; do
      place=$cache/node/rest/node_modules/${source%@*}
      mkdir -p "$place"
      packed=$(cd "$cache" && npm pack --silent --pack-destination "$cache" "$source")
      tar xzf "$cache/$packed" -C "$place" --strip-components=1
      rm "$cache/$packed"
    done
    "$cache/venv/bin/python" -m pip install -q --disable-pip-version-check -r "$here/requirements.txt" -r "$here/sdks/requirements.txt"
    echo "$stamp" > "$cache/stamp-rest"
  fi
fi
