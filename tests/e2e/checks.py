"""What the end-to-end tests assert: plain functions over what arrived at the vendor without and with the proxy.

Each check returns a list of complaints; an empty list is a pass. Complaints hold invented values only.
"""
import collections
import re

from decode import form_of, parse, query_of
from oracle import CANARIES, canaries_in, endpoint, events, leaks, leaves, utility

# All that a vendor needs to read a request. Everything else that arrives is a leak of transport identity.
ALLOWED_HEADERS = {"host", "content-type", "content-length", "content-encoding", "transfer-encoding", "accept", "accept-encoding", "authorization", "connection", "user-agent"}
KNOWN = ("user_id", "org_id", "alias_id")
UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.I)


class Arrived:
    """The requests of one scenario as they arrived at the vendor."""

    def __init__(self, vendor, shape, records, extra=()):
        self.vendor, self.shape, self.records, self.extra = vendor, shape, records, tuple(extra)
        self.events, self.unreadable = [], 0
        for record in records:
            read = events(record, vendor)
            self.unreadable += read is None
            self.events.extend(read or [])

    def collect(self):
        return [r for r in self.records if r["method"] != "OPTIONS" and any(re.search(p, r["target"]) for p in self.shape["collect"])]

    def counts(self):
        return dict(collections.Counter(place for place, _, _ in self.events))

    def canaries(self):
        """{canary: Counter of places}"""
        out = collections.defaultdict(collections.Counter)
        for record in self.records:
            for canary, paths in leaks(record, self.extra).items():
                for path in paths:
                    out[canary][f"{record['method']} {endpoint(record)} {path}"[:160]] += 1
        return out


def no_canary(before, after):
    """No canary in any decodable form in what left. Names the fields in which the vendor would read it, else the way to the bytes."""
    fields = collections.defaultdict(collections.Counter)
    for place, label, doc in after.events:
        for path, value in leaves(doc):
            for canary in canaries_in(str(value), after.extra) + canaries_in(path, after.extra):
                fields[canary][f"{place} {label or '-'} {path}"] += 1
    out = []
    for canary, places in sorted(after.canaries().items()):
        seen = fields.get(canary) or places
        out.append(f"{canary} x{sum(seen.values())}: {', '.join(place for place, _ in seen.most_common(4))}")
    return out


def readable(before, after):
    """Everything that arrived reads as what the vendor expects."""
    return [f"{after.unreadable} requests arrived that the vendor cannot read"] if after.unreadable else []


def utility_exact(before, after):
    """Every utility value arrived with the same type and spelling, as often as it was sent."""
    keys = before.shape.get("utility_keys", ())
    want, have = utility(before.events, keys), utility(after.events, keys)
    if not want:
        return ["the baseline holds no utility value: the scenario proves nothing"]
    return ([f"lost x{n}: {' '.join(map(str, key))}" for key, n in (want - have).items()] + [f"new x{n}: {' '.join(map(str, key))}" for key, n in (have - want).items()])[:12]


def same_events(before, after):
    """As many events for each endpoint and event name, with their protocol fields."""
    volatile = set(before.shape.get("volatile", ()))

    def tally(arrived):
        out = collections.Counter()
        for place, label, doc in arrived.events:
            if label in volatile:
                continue
            out[(place, label)] += 1
            for path, _ in leaves(doc):
                key = path.rsplit(".", 1)[-1]
                if key in arrived.shape["count_keys"]:
                    out[(place, label, key)] += 1
        return out

    want, have = tally(before), tally(after)
    return [f"{' '.join(key)}: {have[key]} instead of {want[key]}" for key in sorted(set(want) | set(have)) if want[key] != have[key]][:12]


def located(arrived):
    """{(endpoint, label, path): Counter of string values}"""
    out = collections.defaultdict(collections.Counter)
    for place, label, doc in arrived.events:
        if label not in arrived.shape.get("volatile", ()):
            for path, value in leaves(doc):
                if isinstance(value, str):
                    out[(place, label, path)][str(value)] += 1
    for record in arrived.records:  # documents that stand in a query: the context of a feature flag request
        for pattern, parameter in arrived.shape.get("query_documents", {}).items():
            for key, value in query_of(record) if record["method"] != "OPTIONS" and re.search(pattern, record["target"]) else ():
                for path, leaf in leaves(parse(value)) if key == parameter else ():
                    out[(endpoint(record), "", f"{parameter}.{path}")][str(leaf)] += 1
    return out


def pseudonyms(before, after):
    """({canary: set of values that stand where it stood}, complaints): equal inputs give equal outputs, different ones different."""
    complaints, stands = [], collections.defaultdict(set)
    known = {CANARIES["identity"][name]: name for name in KNOWN}
    want, have = located(before), located(after)
    for spot, values in want.items():
        path = spot[2]
        required = path in before.shape["ids"] or path.replace("[]", "").rsplit(".", 1)[-1] in before.shape["group_keys"]
        there = have.get(spot, collections.Counter())
        if not there and not required:
            continue
        if required and sorted(values.values()) != sorted(there.values()):
            complaints.append(f"{' '.join(spot)}: {sum(there.values())} values in {len(there)} groups instead of {sum(values.values())} in {len(values)}")
            continue
        for value, times in values.items():
            if value in known and len(values) == 1:
                stands[known[value]].update(there)
    for name, values in stands.items():
        if len(values) > 1:
            complaints.append(f"{name} stands as {len(values)} different values: {' '.join(sorted(values)[:4])}")
        if CANARIES["identity"][name] in values:
            complaints.append(f"{name} left as it came")
    for spot, values in want.items():  # places that hold several people: the pseudonym known from elsewhere is there as often
        for value, times in values.items():
            name = known.get(value)
            if name and len(values) > 1 and spot[2] in before.shape["ids"] and len(stands[name]) == 1 and have[spot][next(iter(stands[name]))] != times:
                complaints.append(f"{' '.join(spot)}: the pseudonym of {name} stands there {have[spot][next(iter(stands[name]))]} times instead of {times}")
    return stands, complaints


def identity_joins(before, after):
    """Ids are pseudonyms that still join: the same person, group and device everywhere, merges included."""
    stands, complaints = pseudonyms(before, after)
    if not stands:
        complaints.append("no identifier arrived to compare")
    one = [next(iter(values)) for values in stands.values() if len(values) == 1]
    if len(set(one)) != len(one):
        complaints.append("two different ids have one pseudonym")
    return complaints + device_joins(before, after)


def device_joins(before, after):
    """An anonymous visitor's id is the prefix and the pseudonym of the device id."""
    device = before.shape.get("device")
    if not device:
        return []
    complaints = []

    def values(arrived, paths):
        return [value for spot, found in located(arrived).items() if spot[2] in paths for value in found.elements()]

    was, now = values(before, device["id"]), values(after, device["id"])
    if len(set(was)) != len(set(now)) or len(was) != len(now):
        complaints.append(f"{len(set(now))} devices in {len(now)} places instead of {len(set(was))} in {len(was)}")
    if any(UUID.match(value) for value in was) and not all(UUID.match(value) for value in now):
        complaints.append("a device id has lost its shape")
    held_was = [v for v in values(before, device["holder"]) if v.startswith(device["prefix"])]
    held = [v for v in values(after, device["holder"]) if v.startswith(device["prefix"])]
    if len(held) != len(held_was):
        complaints.append(f"{len(held)} anonymous ids instead of {len(held_was)}")
    complaints += sorted({f"{value} is the anonymous id of no device that arrived" for value in held if value[len(device["prefix"]):] not in now})
    complaints += sorted({f"{value} names no device that arrived" for value in values(after, device.get("elsewhere", ())) if value not in now})
    if set(was) & set(now):
        complaints.append("a device id left as it came")
    return complaints


def clean_transport(before, after):
    """No header but those on the allow list; no preflight handed on."""
    names = collections.Counter(name.lower() for r in after.records for name, _ in r["headers"] if name.lower() not in ALLOWED_HEADERS)
    out = [f"header {name} x{n}" for name, n in names.items()]
    return out + ["a preflight reached the vendor"] * any(r["method"] == "OPTIONS" for r in after.records)


def no_address_lookup(before, after):
    """The vendor is told not to look up the address it sees."""
    rule = before.shape.get("no_ip")
    if not rule:
        return []
    out = collections.Counter()
    for record in after.collect():
        given = [value for key, value in query_of(record) + form_of(record) if key == rule["parameter"]]
        forced = any(re.search(p, record["target"]) for p in rule["endpoints"])
        if set(given) - {rule["value"]} or (forced and not given):
            out[f"{record['method']} {endpoint(record)}: {rule['parameter']}={','.join(given) or 'nothing'}"] += 1
    return [f"{what} x{n}" for what, n in out.items()]


def vendor_credentials(before, after):
    """What the vendor authenticates with arrives as it was sent, where it authenticates (Python's BufferedConsumer sends the secret to
    every endpoint once it has one: elsewhere it may stay behind)."""

    def tally(arrived):
        out = collections.Counter()
        auth = arrived.shape["auth"]
        for record in arrived.collect():
            place = endpoint(record)
            if not any(re.search(p, record["target"]) for p in auth["endpoints"]):
                continue
            out.update((place, name.lower(), value) for name, value in record["headers"] if name.lower() in auth["headers"])
            out.update((place, key, value) for key, value in query_of(record) + form_of(record) if key in auth["parameters"])
        return out

    want, have = tally(before), tally(after)
    return [f"{place} {name}: {have[place, name, value]} instead of {n}" for (place, name, value), n in want.items() if have[place, name, value] != n] + [
        f"{place} {name}: new" for place, name, value in have if not want[place, name, value]]


def nothing_refused_left(before, after):
    """Endpoints whose content no policy can judge (session replay) are answered and not forwarded."""
    never = [r for r in after.records if any(re.search(p, r["target"]) for p in after.shape["never"])]
    return [f"{len(never)} requests to {endpoint(never[0])} were forwarded"] if never else []


# The third says in how many of the control's scenarios a check must object to a proxy that changes nothing: the proof that it can.
CHECKS = [
    ("no canary in any decodable form", no_canary, "every"),
    ("the vendor can read everything", readable, None),
    ("utility values exact", utility_exact, None),
    ("same events", same_events, None),
    ("ids join as pseudonyms", identity_joins, "every"),
    ("clean transport", clean_transport, "every"),
    ("no address lookup", no_address_lookup, "some"),
    ("vendor credentials arrive", vendor_credentials, None),
    ("nothing unjudgeable left", nothing_refused_left, None),
]
