#!/usr/bin/env python3
"""The licences and bans of deny.toml, held without cargo-deny: a stand-in for machines that have only cargo and Python 3.11.

A crate passes when its licence expression is satisfied by the allow list; packages from anywhere but the registry are refused.
"""
import json
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


def linked(graph):
    """The packages that are built into the product: dependencies of dependencies, those of the tests left out."""
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    reached, open_ids = set(), list(graph["workspace_members"])
    while open_ids:
        here = open_ids.pop()
        if here not in reached:
            reached.add(here)
            open_ids += [dep["pkg"] for dep in nodes[here]["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]
    return [package for package in graph["packages"] if package["id"] in reached]


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    wanted = [triple["triple"] for triple in rules["graph"]["targets"]]
    command = ["cargo", "metadata", "--locked", "--format-version", "1", *(flag for triple in wanted for flag in ("--filter-platform", triple))]
    graph = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout)
    packages = linked(graph)
    allowed, banned = set(rules["licenses"]["allow"]), {entry["crate"]: entry["reason"] for entry in rules["bans"]["deny"]}
    complaints = []
    for package in packages:
        who = f"{package['name']} {package['version']}"
        if package["name"] in banned:
            complaints.append(f"{who} is banned: {banned[package['name']]}")
        if not package["license"] or not satisfied(package["license"], allowed):
            complaints.append(f"{who}: licence {package['license']!r} is not on the allow list")
        if package["source"] and not package["source"].startswith("registry+"):
            complaints.append(f"{who} comes from {package['source'].split(':')[0]}")
    print(*complaints, sep="\n", end="\n" if complaints else "")
    print(f"{len(packages)} packages, {len(complaints)} complaints")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
