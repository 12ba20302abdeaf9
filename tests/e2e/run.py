#!/usr/bin/env python3
"""End-to-end runner: real client libraries → Tamis → a recording fake vendor, compared with the same libraries → fake vendor.

    tests/e2e/run.py                       builds nothing: target/release/tamis, or target/debug/tamis, or --tamis PATH
    tests/e2e/run.py --only browser        scenarios whose name contains the word
    tests/e2e/run.py --keep DIR            leaves records and Tamis's log there
    tests/e2e/run.py --proxy passthrough   through a proxy that changes nothing (must fail)

Every check of a scenario counts. The negative control at the end runs the same checks through a pass-through and counts it as a failure
when one that must object does not. Closing line: `N passed, N failed`; exit status 1 when something failed.
"""
import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = HERE.parent / ".cache"
sys.path.insert(0, str(HERE))
if (CACHE / "venv/bin/python").exists() and Path(sys.prefix).resolve() != (CACHE / "venv").resolve():
    os.execv(CACHE / "venv/bin/python", [str(CACHE / "venv/bin/python"), *sys.argv])  # brotli and zstd live there

from checks import CHECKS, Arrived, pseudonyms  # noqa: E402
from decode import strings  # noqa: E402
from oracle import CANARIES, VENDORS, canaries_in  # noqa: E402

DEADLINE = 45.0  # seconds for anything that is waited for; SDK timers are in it
CONTROL = ("mixpanel-browser: batches", "mixpanel python: Consumer", "mixpanel: other server libraries")


class Process:
    """A child that speaks JSON lines on stdout and ends when its stdin closes."""

    def __init__(self, command, env=None, stderr=None):
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, env=env, cwd=HERE)
        self.lines, self.ended, self.news = [], False, threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            try:
                value = json.loads(line)
            except ValueError:
                value = {"said": line.rstrip()}
            with self.news:
                self.lines.append(value)
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def wait(self, condition, seconds=DEADLINE):
        """True once `condition(lines)` holds; False at the deadline or when the process has ended without it."""
        with self.news:
            self.news.wait_for(lambda: condition(self.lines) or self.ended, seconds)
            return bool(condition(self.lines))

    def find(self, key):
        return next((line for line in self.lines if key in line), None)

    def stop(self):
        try:
            self.child.stdin.close()
        except OSError:
            pass
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Vendor(Process):
    """The recording fake vendor."""

    def __init__(self, name):
        super().__init__(["node", "fake_vendor.mjs", "--vendor", name])
        self.name, self.cache = name, {}
        if not self.wait(lambda lines: any("listening" in line for line in lines)):
            raise SystemExit("the fake vendor did not start")
        self.port = self.find("listening")["listening"]
        self.url = f"http://127.0.0.1:{self.port}"

    def records(self):
        with self.news:
            return [line for line in self.lines if "method" in line]

    def owner(self, record, projects):
        """Whose request this is, told by the project token that every SDK sends."""
        if record["n"] not in self.cache:
            texts = [text for _, text in strings(record)]
            self.cache[record["n"]] = next((p for p in projects if any(p in text for text in texts)), None)
        return self.cache[record["n"]]

    def of(self, project):
        return [record for record in self.records() if self.owner(record, (project,) if project else ()) == project]


class Bench:
    """One way from the clients to a fake vendor: direct, through Tamis, or through the pass-through."""

    def __init__(self, way, vendor, scenarios, tamis=None, keep=None):
        self.way, self.vendor, self.name = way, Vendor(vendor), vendor
        self.projects = [s["project"] for s in scenarios]
        self.proxy, self.base = None, self.vendor.url
        if way == "tamis":
            self.proxy = Tamis(tamis, {vendor: self.vendor.url}, keep)
            self.base = f"{self.proxy.url}/{vendor}"
        elif way == "passthrough":
            self.proxy = Process(["node", "passthrough.mjs", "--vendor", vendor, "--upstream", self.vendor.url])
            if not self.proxy.wait(lambda lines: any("listening" in line for line in lines)):
                raise SystemExit("the pass-through did not start")
            self.base = f"http://127.0.0.1:{self.proxy.find('listening')['listening']}/{vendor}"

    def arrived(self, scenario, extra=()):
        mine = [record for record in self.vendor.records() if self.vendor.owner(record, self.projects) == scenario["project"]]
        return Arrived(self.name, VENDORS[self.name]["shape"], mine, extra)

    def drive(self, scenario):
        """Runs one driver against this bench. Returns (what arrived, complaints of the driver)."""
        env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        env.update(E2E_BASE=self.base, E2E_PROJECT=scenario["project"], E2E_VARIANT=scenario.get("variant", ""), PYTHONPATH=str(HERE))
        driver = Process(command_of(scenario), env)
        complaints = []

        def enough(_lines=None):
            counts = self.arrived(scenario).counts()
            return all(counts.get(place, 0) >= n for place, n in scenario["expect"].items())

        if scenario["kind"] == "browser":
            if driver.wait(lambda lines: any("driven" in line or "trouble" in line for line in lines)) and driver.find("driven"):
                self.vendor.wait(enough)  # what did not come is reported by the comparison of counts
                driver.child.stdin.write("leave\n")
                driver.child.stdin.flush()
        if not driver.wait(lambda lines: any("trouble" in line for line in lines)):
            complaints.append("the driver gave no report")
        driver.stop()
        report = driver.find("trouble") or {"trouble": []}
        complaints += report["trouble"]
        if not self.vendor.wait(enough):
            complaints.append(f"only {self.arrived(scenario).counts()} of {scenario['expect']} arrived")
        return self.arrived(scenario, report.get("canaries", {}).items()), complaints

    def strangers(self):
        """Requests of no scenario."""
        lost = [r for r in self.vendor.records() if r["method"] != "OPTIONS" and self.vendor.owner(r, self.projects) is None]
        return [f"{r['method']} {r['target'].split('?')[0]}" for r in lost]

    def close(self, keep=None):
        if self.proxy:
            self.proxy.stop()
        self.vendor.stop()
        if keep:
            with open(Path(keep) / f"{self.name}-{self.way}.jsonl", "w", encoding="utf-8") as out:
                out.writelines(json.dumps(record) + "\n" for record in self.vendor.records())


class Tamis:
    """The proxy under test, as `tamis run` starts it."""

    def __init__(self, binary, upstreams, keep):
        self.state = tempfile.mkdtemp(prefix="tamis-e2e-")
        self.log_path = Path(keep or self.state) / f"tamis-{'-'.join(upstreams) if len(upstreams) == 1 else 'all'}.log"
        port, admin = free_port(), free_port()
        self.url, self.admin = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}"
        self.log = open(self.log_path, "w", encoding="utf-8")
        command = [str(binary), "run", "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}", *(part for vendor, url in upstreams.items() for part in ("--upstream", f"{vendor}={url}")), "--state-dir", self.state, "--policy", "default"]
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        limit = time.monotonic() + 20
        while not self.ready():
            if self.child.poll() is not None or time.monotonic() > limit:
                self.stop()
                raise SystemExit(f"tamis did not get ready:\n{self.log_path.read_text()[-2000:]}")
            time.sleep(0.05)  # the pause between two looks at /readyz

    def ready(self):
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.admin + "/readyz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def said(self):
        """Everything Tamis wrote: start-up summary and logs."""
        self.log.flush()
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def metrics(self):
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.admin + "/metrics", timeout=5) as answer:
            return answer.read().decode()

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(15)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.log.close()
        shutil.rmtree(self.state, ignore_errors=True)


class Tally:
    """Counts and prints."""

    def __init__(self):
        self.passed = self.failed = 0

    def note(self, what, complaints):
        if complaints:
            self.failed += 1
            print(f"FAIL  {what}", *(f"        {line}" for line in complaints[:12]), sep="\n", flush=True)
        else:
            self.passed += 1
            print(f"ok    {what}", flush=True)


def command_of(scenario):
    interpreter = {"python": str(CACHE / "venv/bin/python"), "node": "node", "browser": "node"}[scenario["kind"]]
    if scenario["kind"] == "browser":
        return [interpreter, "browser/run.mjs", "--script", scenario["script"], "--options", json.dumps(scenario.get("options", {}))]
    return [interpreter, scenario["script"]]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find_tamis(given):
    for path in [given] if given else [ROOT / "target/release/tamis", ROOT / "target/debug/tamis"]:
        if path and Path(path).exists():
            return Path(path).resolve()
    raise SystemExit("no tamis binary: run `cargo build --release` first, or name one with --tamis")


def compare(tally, way, vendor, scenarios, baselines, args):
    """All checks of one vendor's scenarios through one proxy."""
    bench = Bench(way, vendor, scenarios, args.tamis, args.keep)
    everywhere = {}
    try:
        for scenario in scenarios:
            name = scenario["name"]
            before, extra = baselines[scenario["project"]]
            after, complaints = bench.drive(scenario)
            tally.note(f"{name}: the client is content", complaints)
            for what, check, _ in CHECKS:
                tally.note(f"{name}: {what}", check(before, after))
            for canary, values in pseudonyms(before, after)[0].items():
                everywhere.setdefault(canary, set()).update(values)
        tally.note(f"{vendor}: one pseudonym for each id over all libraries", [f"{canary}: {sorted(values)}" for canary, values in everywhere.items() if len(values) != 1])
        tally.note(f"{vendor}: nothing arrived that belongs to no scenario", bench.strangers())
        if way == "tamis":
            for where, text in (("log", bench.proxy.said()), ("metrics", bench.proxy.metrics())):
                tally.note(f"{vendor}: no value in Tamis's own {where}", sorted(set(canaries_in(text))))
    finally:
        bench.close(args.keep)


def control(tally, vendor, scenarios, baselines, args):
    """The same checks through a proxy that changes nothing: those that must object have to, the others must not."""
    bench = Bench("passthrough", vendor, scenarios)
    try:
        arrived = [(baselines[scenario["project"]][0], bench.drive(scenario)[0]) for scenario in scenarios]
    finally:
        bench.close(args.keep)
    for what, check, must_object in CHECKS:
        objections = [bool(check(before, after)) for before, after in arrived]
        if must_object:
            enough = all(objections) if must_object == "every" else any(objections)
            tally.note(f"{vendor}: control: '{what}' objects to a pass-through", [] if enough else ["it did not: this check cannot fail"])
        else:
            tally.note(f"{vendor}: control: '{what}' accepts a pass-through", ["it objects to unchanged traffic"] if any(objections) else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tamis", help="the binary under test")
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    parser.add_argument("--keep", help="directory for records and logs")
    parser.add_argument("--proxy", choices=("tamis", "passthrough", "none"), default="tamis", help="none: the baseline alone, with its counts")
    parser.add_argument("--no-control", action="store_true", help="without the negative control")
    args = parser.parse_args()
    if args.keep:
        Path(args.keep).mkdir(parents=True, exist_ok=True)
    if args.proxy == "tamis":
        args.tamis = find_tamis(args.tamis)
    scenarios = [s for s in json.loads((HERE / "scenarios.json").read_text()) if args.only.lower() in s["name"].lower()]
    tally = Tally()
    for vendor in dict.fromkeys(s["vendor"] for s in scenarios):
        mine = [s for s in scenarios if s["vendor"] == vendor]
        direct, baselines = Bench("direct", vendor, mine), {}
        try:
            seen = set()
            for scenario in mine:
                arrived, complaints = direct.drive(scenario)
                baselines[scenario["project"]] = (arrived, ())
                counts = arrived.counts()
                if counts != scenario["expect"]:
                    complaints.append(f"the library sends {counts}, scenarios.json says {scenario['expect']}")
                tally.note(f"{scenario['name']}: baseline, {len(arrived.records)} requests", complaints)
                seen |= set(arrived.canaries())
            if not args.only:
                tally.note(f"{vendor}: the baseline holds every canary", [rule["id"] for rule in CANARIES["leaks"] if rule["id"] not in seen])
        finally:
            direct.close(args.keep)
        if args.proxy != "none":
            compare(tally, args.proxy, vendor, mine, baselines, args)
        chosen = [s for s in mine if s["name"] in CONTROL]
        if args.proxy == "tamis" and chosen and not args.no_control:
            control(tally, vendor, chosen, baselines, args)
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
