#!/usr/bin/env python3
"""The licences and bans of deny.toml, held without cargo-deny: a stand-in for machines that have only cargo and Python 3.11.

A crate passes when its licence expression is satisfied by the allow list; packages from anywhere but the registry are refused.
"""
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def satisfied(expression, allowed):
    """SPDX: OR binds looser than AND; `/` is an old spelling of OR."""
    tokens = re.findall(r"\(|\)|/|[^\s()/]+", expression)
    at = 0

    def any_of():
        nonlocal at
        value = all_of()
        while at < len(tokens) and tokens[at] in ("OR", "/"):
            at += 1
            value = all_of() or value
        return value

    def all_of():
        nonlocal at
        value = one()
        while at < len(tokens) and tokens[at] == "AND":
            at += 1
            value = one() and value
        return value

    def one():
        nonlocal at
        if tokens[at] == "(":
            at += 1
            value = any_of()
            at += 1
            return value
        name = tokens[at]
        at += 1
        if at + 1 < len(tokens) and tokens[at] == "WITH":
            name += " WITH " + tokens[at + 1]
            at += 2
        return name in allowed

    return any_of()


def linked():
    """(name, version, licence, whether from elsewhere than the registry) of what is built into the product; the tests' own needs left out."""
    command = ["cargo", "tree", "--locked", "--edges", "normal,build", "--target", "all", "--prefix", "none", "--format", "{p}\t{l}"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for line in sorted(set(listed.replace(" (*)", "").splitlines())):
        package, _, licence = line.partition("\t")
        name, version, *rest = package.split(" ", 2)
        yield name, version, licence, bool(rest) and rest[0].startswith("(") and "://" in rest[0]


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    allowed, banned = set(rules["licenses"]["allow"]), {entry["crate"]: entry["reason"] for entry in rules["bans"]["deny"]}
    complaints, count = [], 0
    for name, version, licence, elsewhere in linked():
        count += 1
        if name in banned:
            complaints.append(f"{name} {version} is banned: {banned[name]}")
        if not licence or not satisfied(licence, allowed):
            complaints.append(f"{name} {version}: licence {licence!r} is not on the allow list")
        if elsewhere:
            complaints.append(f"{name} {version} does not come from the registry")
    print(*complaints, sep="\n", end="\n" if complaints else "")
    print(f"{count} packages, {len(complaints)} complaints")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
