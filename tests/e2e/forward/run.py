#!/usr/bin/env python3
"""The forward proxy with real clients: curl, Python (requests, the official Mixpanel and PostHog libraries), Node (undici), Chromium.

    tests/e2e/forward/run.py                 target/release/tamis, or target/debug/tamis, or --tamis PATH
    tests/e2e/forward/run.py --only node     clients whose name contains the word

Each client sends the invented person to the vendor's own host through Tamis, with the CA of `tamis ca new` trusted. Something of it must
arrive at the recording fake vendor, and no canary in it. A client that cannot be had here (no Chromium) is a failure, not a pass.
Closing line: `N passed, N failed`; exit status 1 when something failed.
"""
import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
E2E = HERE.parent
ROOT = E2E.parent.parent
CACHE = E2E.parent / ".cache"
PYTHON = CACHE / "venv/bin/python"
sys.path.insert(0, str(E2E))
if PYTHON.exists() and Path(sys.prefix).resolve() != (CACHE / "venv").resolve():
    os.execv(PYTHON, [str(PYTHON), *sys.argv])

from decode import strings  # noqa: E402
from oracle import CANARIES, canaries_in  # noqa: E402

WHO = CANARIES["identity"]
BODY = [{"event": "Signed Up", "properties": {"token": "t0k", "distinct_id": WHO["user_id"], "$email": WHO["email"], "plan": "pro"}}]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Vendor:
    """A recording fake vendor; its lines go to a file."""

    def __init__(self, folder, name):
        own = name in json.loads((E2E / "vendors.json").read_text())
        self.path, self.base = folder / f"{name}.jsonl", "" if own else f"/{name}"
        which = ["--vendor", name] if own else ["--table", "sdks/vendors.json"]
        self.out = open(self.path, "w", encoding="utf-8")
        self.child = subprocess.Popen(["node", "fake_vendor.mjs", *which], stdin=subprocess.PIPE, stdout=self.out, cwd=E2E, text=True)
        until(lambda: self.lines())
        self.url = f"http://127.0.0.1:{self.lines()[0]['listening']}{self.base}"

    def lines(self):
        whole = [line for line in self.path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
        return [json.loads(line) for line in whole]

    def records(self):
        return self.lines()[1:]

    def stop(self):
        self.child.stdin.close()
        self.child.wait(10)
        self.out.close()


def until(condition, seconds=30.0):
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)
    return True


class Tamis:
    def __init__(self, binary, folder, vendors):
        self.folder, self.port, self.admin, gateway = folder, free_port(), free_port(), free_port()
        self.proxy = f"http://127.0.0.1:{self.port}"
        users = folder / "users"
        users.write_text(subprocess.run([binary, "forward-user", "fleet"], input="pass word\n", capture_output=True, text=True, check=True).stdout)
        self.config, self.closed = folder / "tamis.toml", folder / "closed.toml"
        head = f'state_dir = "{folder}/state"\n[gateway]\nlisten = "127.0.0.1:{gateway}"\n[admin]\nlisten = "127.0.0.1:{self.admin}"\n[forward]\nlisten = "127.0.0.1:{self.port}"\n'
        self.config.write_text(head)
        self.with_users = head + f'users_file = "{users}"\n'
        subprocess.run([binary, "ca", "new", "--config", self.config], check=True, capture_output=True)
        self.ca = folder / "state/ca/ca.pem"
        shown = subprocess.run([binary, "ca", "show", "--json", "--config", self.config], check=True, capture_output=True, text=True)
        self.spki = json.loads(shown.stdout)["spki_sha256"]
        upstreams = [part for name, vendor in vendors.items() for part in ("--upstream", f"{name}={vendor.url}")]
        self.log = open(folder / "tamis.log", "w", encoding="utf-8")
        self.child = subprocess.Popen([binary, "run", "--config", self.config, *upstreams], stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        if not until(self.ready, 20):
            raise SystemExit("tamis did not get ready:\n" + (folder / "tamis.log").read_text()[-2000:])

    def get(self, path, method="GET"):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}{path}", method=method)
        with opener.open(request, timeout=10) as answer:
            return answer.read().decode()

    def ready(self):
        try:
            return "ready" in self.get("/readyz")
        except OSError:
            return False

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(40)
        except subprocess.TimeoutExpired:
            self.child.kill()
        self.log.close()


def run(command, env=None, seconds=60):
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run(command, env={**clean, **(env or {})}, capture_output=True, text=True, timeout=seconds, cwd=E2E)
    return done.returncode, done.stdout + done.stderr


def curl(*flags, url="https://api.mixpanel.com/track"):
    def drive(tamis):
        command = ["curl", "-sS", "-m", "20", "-x", tamis.proxy, "--cacert", str(tamis.ca), *flags]
        status, said = run([*command, "-H", "content-type: application/json", "-d", json.dumps(BODY), "-w", " %{http_code}", url])
        return [] if status == 0 and said.endswith(" 200") else [said[-300:]]

    return drive


PROXIED = "import os, sys\nsys.path.insert(0, 'PATH')\nfrom oracle import CANARIES\nWHO = CANARIES['identity']\n".replace("PATH", str(E2E))
REQUESTS = PROXIED + """
import requests
s = requests.Session()
for scheme in ("https", "http"):
    a = s.post(scheme + "://api.mixpanel.com/track", json=[{"event": "e", "properties": {"token": "t0k", "distinct_id": WHO["user_id"], "$email": WHO["email"]}}])
    assert a.status_code == 200, (a.status_code, a.text)
"""
MIXPANEL = PROXIED + """
import mixpanel
m = mixpanel.Mixpanel("t0k")
m.track(WHO["user_id"], "Signed Up", {"$email": WHO["email"], "plan": "pro"})
m.people_set(WHO["user_id"], {"$email": WHO["email"], "$name": WHO["name"]})
m.alias(WHO["email"], WHO["user_id"])   # goes to api.mixpanel.com whatever was configured
"""
POSTHOG = PROXIED + """
import posthog
failed = []
client = posthog.Posthog("phc_t0k", host="https://us.i.posthog.com", on_error=lambda e, items: failed.append(str(e)))
client.capture("signed up", distinct_id=WHO["user_id"], properties={"email": WHO["email"], "plan": "pro"})
client.shutdown()
assert not failed, failed
"""


def python(text):
    def drive(tamis):
        env = {"HTTPS_PROXY": tamis.proxy, "HTTP_PROXY": tamis.proxy, "REQUESTS_CA_BUNDLE": str(tamis.ca), "SSL_CERT_FILE": str(tamis.ca), "NO_PROXY": ""}
        status, said = run([str(PYTHON) if PYTHON.exists() else sys.executable, "-c", text], env)
        return [] if status == 0 else [said[-600:]]

    return drive


def node(tamis):
    env = {"NODE_EXTRA_CA_CERTS": str(tamis.ca), "E2E_PROXY": tamis.proxy, "E2E_BODY": json.dumps(BODY)}
    status, said = run(["node", str(HERE / "undici.mjs")], env)
    return [] if status == 0 else [said[-600:]]


def chromium(tamis):
    """A page fetches and posts across origins; what it saw stands in the document that is dumped."""
    page = tamis.folder / "page.html"
    script = "fetch('https://api-js.mixpanel.com/track?verbose=1', {method: 'POST', headers: {'content-type': 'application/json'}, credentials: 'include', body: BODY}).then(a => a.text().then(t => document.body.textContent = 'answered ' + a.status + ' ' + t), e => document.body.textContent = 'failed ' + e)"
    page.write_text(f"<!doctype html><body>waiting<script>const BODY = {json.dumps(json.dumps(BODY))}; {script}</script>")
    binary = os.environ.get("CHROMIUM", shutil.which("chromium") or "chromium")
    profile = tempfile.mkdtemp(dir=tamis.folder)
    command = [binary, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={profile}", f"--proxy-server={tamis.proxy}", f"--ignore-certificate-errors-spki-list={tamis.spki}", "--virtual-time-budget=10000", "--dump-dom", page.as_uri()]
    _, said = run(command, seconds=90)
    return [] if "answered 200" in said else [said[-600:]]


def complaints_of(records, least):
    found = []
    if len(records) < least:
        found.append(f"{len(records)} requests arrived, {least} were expected")
    for record in records:
        for where, text in strings(record):
            found += [f"{canary} in {where}" for canary in canaries_in(text)]
    return sorted(set(found))


def refusals(tamis, binary):
    """What must not go through, by curl's own account."""
    cases = {
        "another host": ["https://example.com/"],
        "an address": ["https://127.0.0.1/"],
        "the admin listener": [f"http://127.0.0.1:{tamis.admin}/metrics"],
        "another port": ["https://api.mixpanel.com:8443/track"],
        "a trailing dot": ["https://api.mixpanel.com./track"],
        "a name for the metadata service": ["http://169.254.169.254/latest/meta-data/"],
    }
    for what, urls in cases.items():
        for url in urls:
            _, said = run(["curl", "-sS", "-m", "20", "-x", tamis.proxy, "--cacert", str(tamis.ca), "-o", "/dev/null", "-w", "%{http_connect} %{http_code}", url])
            yield f"curl: {what} is refused", [] if "403" in said else [said[-200:]]
    tamis.config.write_text(tamis.with_users)
    tamis.get("/reload", "POST")
    for flags, want in (([], "407"), (["-U", "fleet:wrong"], "407"), (["-U", "fleet:pass word"], "200")):
        _, said = run(["curl", "-sS", "-m", "20", "-x", tamis.proxy, *flags, "--cacert", str(tamis.ca), "-o", "/dev/null", "-d", "x", "-w", "%{http_connect}", "https://api.mixpanel.com/track"])
        yield f"curl: {want} with {flags[1:] or 'no credentials'}", [] if said.startswith(want) else [said[-200:]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tamis")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    given = [args.tamis] if args.tamis else [ROOT / "target/release/tamis", ROOT / "target/debug/tamis"]
    binary = next((Path(p).resolve() for p in given if Path(p).exists()), None)
    if not binary:
        raise SystemExit("no tamis binary: run `cargo build` first, or name one with --tamis")
    known = subprocess.run([binary, "vendors"], capture_output=True, text=True, check=True).stdout
    names = [name for name in ("mixpanel", "posthog") if name in known]
    clients = [
        ("curl, CONNECT, HTTP/1.1", "mixpanel", 1, curl("--http1.1")),
        ("curl, CONNECT, HTTP/2", "mixpanel", 1, curl("--http2")),
        ("curl, absolute form", "mixpanel", 1, curl(url="http://api.mixpanel.com/track")),
        ("python requests", "mixpanel", 2, python(REQUESTS)),
        ("python mixpanel, alias() too", "mixpanel", 3, python(MIXPANEL)),
        ("python posthog", "posthog", 1, python(POSTHOG)),
        ("node undici ProxyAgent", "mixpanel", 1, node),
        ("chromium --proxy-server", "mixpanel", 1, chromium),
    ]
    passed = failed = 0
    folder = Path(tempfile.mkdtemp(prefix="tamis-forward-"))
    vendors = {name: Vendor(folder, name) for name in names}
    tamis = Tamis(binary, folder, vendors)

    def note(what, complaints):
        nonlocal passed, failed
        passed, failed = (passed, failed + 1) if complaints else (passed + 1, failed)
        print(*(["FAIL  forward: " + what, *(f"        {c}" for c in complaints[:8])] if complaints else ["ok    forward: " + what]), sep="\n", flush=True)

    try:
        for what, vendor, least, drive in clients:
            if args.only.lower() not in what or vendor not in vendors:
                continue
            before = len(vendors[vendor].records())
            note(f"{what}: the client is content", drive(tamis))
            until(lambda: len(vendors[vendor].records()) >= before + least, 10)
            note(f"{what}: it arrived, without a canary", complaints_of(vendors[vendor].records()[before:], least))
        if not args.only:
            for what, complaints in refusals(tamis, binary):
                note(what, complaints)
            tamis.log.flush()
            note("no value in Tamis's own log and metrics", sorted(set(canaries_in((folder / "tamis.log").read_text() + tamis.get("/metrics")))))
    finally:
        tamis.stop()
        for vendor in vendors.values():
            vendor.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
