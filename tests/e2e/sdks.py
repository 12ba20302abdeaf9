#!/usr/bin/env python3
"""Real client libraries of every vendor → Tamis → a recording fake vendor, compared with the same libraries → fake vendor.

    tests/e2e/sdks.py                      the most used ones (part of `make test`): sdks/scenarios.json
    tests/e2e/sdks.py --suite rest         the others (`make test-sdks`): sdks/rest.json, with libraries of their own list
    tests/e2e/sdks.py --often              the dozen of them that is driven most
    tests/e2e/sdks.py --only posthog       scenarios whose name contains the word
    tests/e2e/sdks.py --keep DIR           leaves records and Tamis's log there
    tests/e2e/sdks.py --baseline           without Tamis: what the libraries send, with counts

One Tamis serves all vendors with the embedded default policy; a library's host is all that differs. Checks of each scenario: the library is
content; no canary in any decodable form; every utility value exact and as often; the same number of events; the person is the pseudonym
that `tamis pseudonym` prints, wherever a library put it. Each must object to the baseline where a proxy that changes nothing would fail it.
In the suite `rest` no id that a library stored in the browser may leave, and readers that are none of ours (readers.py) take Sentry's, Snowplow's, GA4's and Matomo's requests apart once more.
Closing line: `N passed, N failed`.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from run import HERE, Process, Tally, Tamis, command_of, find_tamis  # first: it moves into the virtual environment

from decode import Number  # noqa: E402
from natural import leaves  # noqa: E402
from oracle import CANARIES, canaries_in, leaks  # noqa: E402
from readers import READERS  # noqa: E402

SUITES = {"most": "sdks/scenarios.json", "rest": "sdks/rest.json"}
PACKAGES = {"most": "../.cache/node/package.json", "rest": "../.cache/node/rest/package.json"}  # below the other: what that holds is found too
VENDORS = {name: entry for name, entry in json.loads((HERE / "sdks/vendors.json").read_text()).items() if name[0] != "_"}
DEADLINE = 40.0
ALLOWED = {
    "host", "content-type", "content-length", "content-encoding", "transfer-encoding", "accept", "accept-encoding", "connection", "user-agent",
}
UTILITY = {key: value for key, value in {**CANARIES["utility"], **CANARIES["server_utility"]}.items() if isinstance(value, (int, float, str)) and value != "" and not isinstance(value, bool)}


class Vendor(Process):
    """All fake vendors at once."""

    def __init__(self):
        super().__init__(["node", "fake_vendor.mjs", "--table", "sdks/vendors.json"])
        if not self.wait(lambda lines: any("listening" in line for line in lines)):
            raise SystemExit("the fake vendor did not start")
        self.url = f"http://127.0.0.1:{self.find('listening')['listening']}"
        self.read = {}

    def since(self, start):
        with self.news:
            return [line for line in self.lines if "method" in line and line["method"] != "OPTIONS"][start:]

    def leaves(self, record):
        if record["n"] not in self.read:
            self.read[record["n"]] = leaves(record)
        return self.read[record["n"]]


class Way:
    """Straight to the vendor, or through Tamis."""

    def __init__(self, vendor, base):
        self.vendor, self.base = vendor, base

    def counts(self, start, keys):
        out = collections.Counter()
        for record in self.vendor.since(start):
            for path, _ in self.vendor.leaves(record):
                key = path.rsplit(".", 1)[-1]
                if key in keys:
                    out[key] += 1
        return out

    def drive(self, scenario):
        """(the number of the first record, complaints)"""
        start = len(self.vendor.since(0))
        env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        env.update(E2E_BASE=f"{self.base}/{scenario['vendor']}", E2E_PROJECT=scenario["project"], E2E_VARIANT=scenario.get("variant", ""), E2E_PACKAGES=scenario["packages"], PYTHONPATH=str(HERE))
        driver, complaints = Process(command_of(scenario), env), []

        def enough(_=None):
            counts = self.counts(start, scenario["events"])
            return all(counts[key] >= want for key, want in scenario["events"].items())

        if scenario["kind"] == "browser":
            if driver.wait(lambda lines: any("driven" in line or "trouble" in line for line in lines)) and driver.find("driven"):
                self.vendor.wait(enough, 8)  # what goes out by itself; the rest leaves with the page
                driver.child.stdin.write("leave\n")
                driver.child.stdin.flush()
        if not driver.wait(lambda lines: any("trouble" in line for line in lines)):
            complaints.append("the driver gave no report")
        driver.stop()
        report = driver.find("trouble") or {"trouble": []}
        complaints += report["trouble"]
        self.stored = report.get("stored", "")
        if not self.vendor.wait(enough, DEADLINE):
            complaints.append(f"only {dict(self.counts(start, scenario['events']))} of {scenario['events']} arrived")
        return start, complaints


def settle(ways, keys):
    """Some libraries send more when the page is left: both ways get it, a moment apart. Waits until they hold the same, and not for ever."""
    def held():
        return [way.counts(start, keys) for way, start in ways]

    behind = min(range(2), key=lambda at: sum(held()[at].values()))
    ways[behind][0].vendor.wait(lambda _: held()[0] == held()[1], 6)


def no_canary(_, after, __):
    found = collections.defaultdict(set)
    for record in after.records:
        for canary, paths in leaks(record).items():
            found[canary].update(f"{record['method']} {record['target'].split('?')[0][:60]} {path}"[:150] for path in paths[:2])
    return [f"{canary}: {'; '.join(sorted(places)[:3])}" for canary, places in sorted(found.items())]


def utility_exact(before, after, scenario):
    want, have = useful(before), useful(after)
    if not want:
        return ["the baseline holds no utility value: the scenario proves nothing"]
    if VENDORS[scenario["vendor"]].get("repeats"):
        want, have = collections.Counter(set(want)), collections.Counter(set(have))
    return [f"{key}: {have[key]} instead of {want[key]}" for key in sorted(set(want) | set(have)) if want[key] != have[key]]


def useful(arrived):
    """Counter of utility values, by spelling: as a whole leaf, or the event's name within one."""
    out, words = collections.Counter(), {str(value).lower() if isinstance(value, bool) else str(value): key for key, value in UTILITY.items()}
    for _, value in arrived.leaves():
        if isinstance(value, (str, Number)) and str(value) in words and not (words[str(value)] == "items"):
            out[f"{words[str(value)]} as {'number' if isinstance(value, Number) else 'text'}"] += 1
    return out


def same_events(before, after, scenario):
    keys = () if VENDORS[scenario["vendor"]].get("repeats") else VENDORS[scenario["vendor"]]["keys"]
    want, have = ([path.rsplit(".", 1)[-1] for path, _ in arrived.leaves()] for arrived in (before, after))
    return [f"{key}: {have.count(key)} instead of {want.count(key)}" for key in keys if want.count(key) != have.count(key)]


def joins(before, after, scenario):
    """Where the person's id stood as a whole value, there is the pseudonym that the operator can work out, or nothing."""
    complaints = []
    for name in ("user_id", "org_id"):
        value, wanted = CANARIES["identity"][name], scenario["pseudonyms"][name]
        stood = {path for path, leaf in before.leaves() if leaf == value}
        stands = {path for path, leaf in after.leaves() if leaf == wanted}
        others = {(path, leaf) for path, leaf in after.leaves() if path in stood and leaf != wanted and path not in {p for p, leaf in before.leaves() if leaf != value}}
        if stood and not stands:
            complaints.append(f"{name} stood at {sorted(stood)[:4]} and its pseudonym stands nowhere")
        complaints += [f"{path} holds another value than the pseudonym of {name}" for path, _ in sorted(others)[:4]]
    return complaints


def clean_transport(_, after, scenario):
    """No header but those that the protocol needs, and none of the browser's."""
    mine = ALLOWED | set(VENDORS[scenario["vendor"]].get("headers", ()))
    odd = {name.lower() for record in after.records for name, _ in record["headers"]} - mine
    return [f"header {name}" for name in sorted(odd)]


STORED = re.compile(r"(?<![A-Za-z0-9])(?!\d{4}-\d\d-\d\d)(?=[\w-]*\d[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9][\w-]{9,}", re.ASCII)


def no_stored_id(stored, arrived, scenario):
    """What a library wrote into the browser, to know it again, does not leave: no id of its own making, whatever it is called."""
    vendor, leaves = VENDORS[scenario["vendor"]], arrived.leaves()
    said = {str(value) for path, value in leaves if path.rsplit(".", 1)[-1] in vendor["keys"] or path.endswith(tuple(vendor.get("things", ())))} | set(vendor.get("own", ()))
    ids = {one for one in STORED.findall(urllib.parse.unquote(stored)) if one not in said and scenario["project"] not in one.replace("-", "")}
    return sorted({f"{path[-60:]} holds one" for path, value in leaves for one in ids if one in str(value)})


def reads(arrived, scenario):
    """What the vendor's own side objects to."""
    read, _ = READERS[scenario["vendor"]]
    return sorted(set(read(arrived.records)))


def reader_objects(after, scenario):
    """The reader of a vendor, shown to object to what is broken."""
    read, spoil = READERS[scenario["vendor"]]
    spoilt = [broken for broken in map(spoil, after.records) if broken]
    return [] if spoilt and read(spoilt) else ["it did not: this check cannot fail"]


CHECKS = [
    ("no canary in any decodable form", no_canary, True),
    ("utility values exact", utility_exact, False),
    ("same events", same_events, False),
    ("ids are the pseudonyms of `tamis pseudonym`", joins, True),
    ("clean transport", clean_transport, "browser"),
]


class Arrived:
    def __init__(self, way, records):
        self.way, self.records = way, records

    def leaves(self):
        return [leaf for record in self.records for leaf in self.way.vendor.leaves(record)]


def pseudonyms(tamis, binary, vendor):
    """What the operator's own command says."""
    command = [str(binary), "pseudonym", "--vendor", vendor, "--state-dir", tamis.state, "--json", CANARIES["identity"]["user_id"], CANARIES["identity"]["org_id"]]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(zip(("user_id", "org_id"), re.findall(r'"pseudonym":\s*"([^"]+)"', said)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tamis", help="the binary under test")
    parser.add_argument("--suite", choices=SUITES, default="most", help="which list of scenarios")
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    parser.add_argument("--often", action="store_true", help="the most used libraries only")
    parser.add_argument("--keep", help="directory for records and logs")
    parser.add_argument("--baseline", action="store_true", help="without Tamis")
    args = parser.parse_args()
    scenarios = [s for s in json.loads((HERE / SUITES[args.suite]).read_text()) if args.only.lower() in s["name"].lower() and (s.get("often") or not args.often)]
    for n, scenario in enumerate(scenarios):
        scenario["project"] = f"{0xa1b1c3d4e5f60718293a4b5c6d7e9000 + n:x}"
        scenario["packages"] = PACKAGES[args.suite]
    if args.keep:
        Path(args.keep).mkdir(parents=True, exist_ok=True)
    tally, direct_vendor, objected = Tally(), Vendor(), 0
    direct = Way(direct_vendor, direct_vendor.url)
    binary = tamis = None
    if not args.baseline:
        binary, through_vendor = find_tamis(args.tamis), Vendor()
        tamis = Tamis(binary, {name: f"{through_vendor.url}/{name}" for name in {s["vendor"] for s in scenarios}}, args.keep)
        through = Way(through_vendor, tamis.url)
    try:
        for scenario in scenarios:
            with ThreadPoolExecutor(2) as both:  # the two ways share nothing
                later = None if args.baseline else both.submit(through.drive, scenario)
                start, complaints = direct.drive(scenario)
            if later is not None:
                settle([(direct, start), (through, later.result()[0])], VENDORS[scenario["vendor"]]["keys"])
            before = Arrived(direct, direct.vendor.since(start))
            tally.note(f"{scenario['name']}: baseline, {len(before.records)} requests", complaints)
            if later is None:
                print(f"      {dict(direct.counts(start, VENDORS[scenario['vendor']]['keys']))} {dict(useful(before))}")
                continue
            scenario["pseudonyms"] = pseudonyms(tamis, binary, scenario["vendor"])
            start, complaints = later.result()
            after = Arrived(through, through.vendor.since(start))
            tally.note(f"{scenario['name']}: the library is content", complaints)
            for what, check, must_object in CHECKS:
                tally.note(f"{scenario['name']}: {what}", check(before, after, scenario))
                if must_object in (True, scenario["kind"]) and not check(before, before, scenario):
                    tally.note(f"{scenario['name']}: control: '{what}' objects to a pass-through", ["it did not: this check cannot fail"])
            if args.suite == "rest" and scenario["kind"] == "browser":
                tally.note(f"{scenario['name']}: no id that the library stored in the browser", no_stored_id(through.stored, after, scenario))
                objected += bool(no_stored_id(direct.stored, before, scenario))
            if args.suite == "rest" and scenario["vendor"] in READERS and scenario.get("reader", True):
                for way, arrived in (("as the library sent it", before), ("as it left", after)):
                    tally.note(f"{scenario['name']}: an independent reader takes it {way}", reads(arrived, scenario))
                tally.note(f"{scenario['name']}: control: the reader objects to what is broken", reader_objects(after, scenario))
        if args.suite == "rest" and not args.only and not args.baseline:
            tally.note("control: stored ids are found in a pass-through", [] if objected > 5 else [f"in {objected} only"])
        if tamis:
            for where, said in (("log", tamis.said()), ("metrics", tamis.metrics())):
                tally.note(f"no value in Tamis's own {where}", sorted(set(canaries_in(said))))
    finally:
        for way in (direct,) if args.baseline else (direct, through):
            way.vendor.stop()
            if args.keep:
                name = "direct" if way is direct else "tamis"
                with open(Path(args.keep) / f"sdks-{name}.jsonl", "w", encoding="utf-8") as out:
                    out.writelines(json.dumps(record) + "\n" for record in way.vendor.since(0))
        if tamis:
            tamis.stop()
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
