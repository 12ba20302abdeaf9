#!/usr/bin/env python3
"""Says what a list of recorded requests gives away (canaries), what useful it holds (utility) and how many events there are.

    oracle.py RECORDS.jsonl [--vendor mixpanel]      # exit 1 when a canary is found

The values stand in canaries.json, the vendors' shapes in vendors.json.
"""
import argparse
import collections
import json
import re
import sys
import unicodedata
from pathlib import Path

from decode import Number, documents, strings

HERE = Path(__file__).resolve().parent
CANARIES = json.loads((HERE / "canaries.json").read_text())
VENDORS = json.loads((HERE / "vendors.json").read_text())
INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")
DIGIT_GAP = re.compile(r"(?<=\d)[\s().+\-\u2010-\u2015_/\u00a0]+(?=\d)")
UTILITY = {**CANARIES["utility"], **CANARIES["server_utility"]}
KEPT_NESTED = {"method": "express", "role": None}


def plain(text):
    return INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).lower()


def canaries_in(text, extra=()):
    """Identifiers of the canaries in one decoded text. `extra`: more (id, text) that a driver learnt at run time."""
    text = plain(text)
    readings = (text, text[::-1])
    found = []
    for rule in CANARIES["leaks"]:
        kind, value = rule["kind"], rule["value"]
        if kind == "text":
            hit = any(value in reading for reading in readings)
        elif kind == "regex":
            hit = any(re.search(value, reading) for reading in readings)
        elif kind == "digits":
            hit = any(ch.isdigit() for ch in text) and value in DIGIT_GAP.sub("", text)
        else:  # solid: spaces and dashes do not count
            hit = value in re.sub(r"[\s-]", "", text)
        if hit:
            found.append(rule["id"])
    return found + [name for name, value in extra if value.lower() in text]


def leaks(record, extra=()):
    """{canary id: [paths]} of one recorded request."""
    out = collections.defaultdict(list)
    for path, text in strings(record):
        for canary in canaries_in(text, extra):
            if path not in out[canary]:
                out[canary].append(path)
    return dict(out)


def endpoint(record):
    """The first path segment: /track/?x and /track are one endpoint."""
    return "/" + record["target"].split("?")[0].strip("/").split("/")[0]


def leaves(value, path=""):
    """(path, value) of every leaf of a document; list positions are written []."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path + "[]")
    else:
        yield path, value


def events(record, vendor):
    """[(endpoint, label, document)] of one request; None where the body does not read."""
    shape = VENDORS[vendor]["shape"]
    if record["method"] == "OPTIONS" or not any(re.search(pattern, record["target"]) for pattern in shape["collect"]):
        return []
    docs = documents(record, tuple(shape["payload_fields"]))
    if docs is None:
        return None
    out = []
    for doc in docs:
        label = next((doc[key] for key in shape["event_name"] if isinstance(doc, dict) and isinstance(doc.get(key), str)), "")
        out.append((endpoint(record), label, doc))
    return out


def exact(value):
    """A value with its type and spelling: the number 3, the string "3" and 3.0 are three things."""
    return ("number:" + value) if isinstance(value, Number) else f"{type(value).__name__}:{value}"


def utility(event_list, more=()):
    """Counter of (endpoint, label, key, exact value) of every utility value, canary-free nested ones too. `more`: the vendor's own keys."""
    out = collections.Counter()
    for place, label, doc in event_list:
        for path, value in leaves(doc):
            key = path.replace("[]", "").rsplit(".", 1)[-1]
            if key in UTILITY or key in more or (key in KEPT_NESTED and isinstance(value, str)):
                out[(place, label, key, exact(value))] += 1
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("records")
    parser.add_argument("--vendor", default="mixpanel")
    args = parser.parse_args()
    records = [json.loads(line) for line in open(args.records, encoding="utf-8") if '"method"' in line]
    leaking = 0
    for record in records:
        found = leaks(record)
        leaking += bool(found)
        read = events(record, args.vendor)
        print(f"{record['method']:7} {endpoint(record):12} {'unreadable' if read is None else str(len(read)) + ' events':12} {' '.join(sorted(found)) or 'clean'}")
    everything = [event for record in records for event in (events(record, args.vendor) or [])]
    print(f"{len(records)} requests, {leaking} leaking, {len(everything)} events, {sum(utility(everything).values())} utility values")
    sys.exit(1 if leaking else 0)


if __name__ == "__main__":
    main()
