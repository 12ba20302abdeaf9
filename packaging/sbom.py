#!/usr/bin/env python3
"""A CycloneDX 1.5 bill of what is linked into Tamis, from `cargo metadata --locked --offline`: no network, only Python 3.11 and cargo.

    packaging/sbom.py > tamis.cdx.json
    packaging/sbom.py --check       says how many components there are, and fails when one has no licence or checksum
"""
import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main():
    target = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout.split("host: ")[1].split()[0]
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--offline", f"--filter-platform={target}"]
    data = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    sums = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]}
    root = data["resolve"]["root"]

    def linked(node):
        return [dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]

    seen, work = set(), [root]
    while work:
        at = work.pop()
        if at not in seen:
            seen.add(at)
            work += linked(nodes[at])

    def url(package):
        return f"pkg:cargo/{package['name']}@{package['version']}"

    def component(package):
        entry = {"type": "library", "bom-ref": url(package), "name": package["name"], "version": package["version"], "purl": url(package), "scope": "required"}
        if package.get("license"):
            entry["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        if checksum := sums.get((package["name"], package["version"])):
            entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        return entry

    libraries = [component(packages[at]) for at in sorted(seen - {root}, key=lambda at: url(packages[at]))]
    main_component = {**component(packages[root]), "type": "application"}
    depends = [{"ref": url(packages[at]), "dependsOn": sorted({url(packages[d]) for d in linked(nodes[at])})} for at in sorted(seen, key=lambda at: url(packages[at]))]
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": {"component": main_component}, "components": libraries, "dependencies": depends}
    if "--check" in sys.argv:
        bare = [entry["name"] for entry in libraries if "licenses" not in entry or "hashes" not in entry]
        print(f"{len(libraries)} components, {len(bare)} without licence or checksum", *bare)
        sys.exit(1 if bare else 0)
    json.dump(bill, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
