"""Independent readers of what arrives: not by anything of this repository, but as the vendor's own side reads it.

`READERS[vendor]` is `(read, spoil)`: `read(records)` lists what a reader objects to; `spoil(record)` makes of a record one that it must object
to, or None where it has nothing to spoil, so that each reader is shown to object.

Sentry: envelopes by their item lengths, events by `sentry_relay`, the library that Sentry's own server normalises with. Snowplow: the
collector's schema by `jsonschema`. GA4 and Matomo: the documented grammar of each parameter, on what `urllib.parse` reads.
"""
import base64
import json
import re
import urllib.parse
from pathlib import Path

from decode import body_of

HERE = Path(__file__).resolve().parent
UUID = re.compile(r"^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$")


def with_body(record, data):
    """The record with another body, as it would be sent without compression."""
    headers = [pair for pair in record["headers"] if pair[0].lower() not in ("content-encoding", "content-length")]
    return {**record, "headers": headers, "body_b64": base64.b64encode(data).decode()}


# --------------------------------------------------------------------------------------------------------- Sentry


def envelope(data):
    """(header, [(item header, payload)]), by Sentry's rules; ValueError where they are broken."""
    line, _, rest = data.partition(b"\n")
    header, items = json.loads(line), []
    while rest.strip(b"\n"):
        line, _, rest = rest.partition(b"\n")
        if not line:
            continue
        head = json.loads(line)
        if "length" in head:
            payload, rest = rest[: head["length"]], rest[head["length"]:]
            if len(payload) != head["length"] or (rest and rest[:1] != b"\n"):
                raise ValueError(f"item {head.get('type')} is not as long as it says")
            rest = rest[1:]
        else:
            payload, _, rest = rest.partition(b"\n")
        items.append((head, payload))
    return header, items


def sentry(records):
    from sentry_relay.processing import StoreNormalizer

    normalizer, out = StoreNormalizer(project_id=42), []
    for record in records:
        data = body_of(record)
        if record["method"] != "POST" or not data:
            continue
        try:
            header, items = envelope(data)
        except (ValueError, UnicodeDecodeError) as error:
            out.append(f"the envelope does not read: {type(error).__name__}")
            continue
        if not items:
            out.append("an envelope without items")
        for head, payload in items:
            kind = head.get("type")
            read = json.loads(payload)
            if kind in ("log", "span", "trace_metric") and head.get("item_count") != len(read["items"]):
                out.append(f"{kind}: item_count is not the number of items")
            if kind not in ("event", "transaction"):
                continue
            if not UUID.match(header.get("event_id", "")) or read.get("event_id", header["event_id"]) != header["event_id"]:
                out.append(f"{kind}: event_id is no UUID, or another than the envelope's")
            out += [f"{kind}: {found}" for found in objections(normalizer.normalize_event(read))]
    return out


def objections(event):
    """What relay says about an event: its list of errors, and the places that it took out."""
    found = [f"{error.get('type')} {error.get('name', '')}" for error in event.get("errors") or []]

    def visit(node, path):
        for key, inner in node.items():
            if key == "" and isinstance(inner, dict):
                found.extend(f"{path}: {error if isinstance(error, str) else error[0]}" for error in inner.get("err", []))
            elif isinstance(inner, dict):
                visit(inner, f"{path}.{key}")

    visit(event.get("_meta") or {}, "")
    return found


def spoil_sentry(record):
    data = body_of(record)
    if not data or b'"type":"event"' not in data.replace(b" ", b""):
        return None
    line, _, rest = data.partition(b"\n")
    header = json.loads(line)
    header["event_id"] = "not-an-id"
    return with_body(record, json.dumps(header).encode() + b"\n" + rest)


# ------------------------------------------------------------------------------------------------------- Snowplow


def snowplow(records):
    import jsonschema

    schema = json.loads((HERE / "sdks/payload_data.json").read_text())
    validator, out = jsonschema.Draft202012Validator(schema), []
    for record in records:
        path, _, query = record["target"].partition("?")
        if record["method"] == "GET" and path.endswith("/i"):
            events = [dict(urllib.parse.parse_qsl(query, keep_blank_values=True))]
        elif record["method"] == "POST" and path.endswith("/tp2"):
            body = json.loads(body_of(record))
            if not str(body.get("schema", "")).startswith("iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/"):
                out.append("the body does not name its schema")
            events = body.get("data")
        else:
            continue
        out += [f"payload_data: {error.json_path} {error.validator}" for error in validator.iter_errors(events)]
        for event in events:
            out += snowplow_fields(event)
    return out


SNOWPLOW = {
    "eid": UUID, "sid": UUID, "dtm": re.compile(r"^\d{13}$"), "stm": re.compile(r"^\d{13}$"), "vid": re.compile(r"^\d+$"), "res": re.compile(r"^\d+x\d+$"), "vp": re.compile(r"^\d+x\d+$"),
    "ds": re.compile(r"^\d+x\d+$"), "duid": re.compile(r"^.{1,128}$"), "uid": re.compile(r"^.{1,255}$"), "se_va": re.compile(r"^-?\d+(\.\d+)?$"), "url": re.compile(r"^https?://\S+$"),
}


def snowplow_fields(event):
    out = [f"{key} is not as its grammar wants" for key, grammar in SNOWPLOW.items() if key in event and not grammar.match(str(event[key]))]
    for plain, coded in (("co", "cx"), ("ue_pr", "ue_px")):
        if coded in event:
            text = event[coded]
            read = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        elif plain in event:
            read = json.loads(event[plain])
        else:
            continue
        if not str(read.get("schema", "")).startswith("iglu:") or "data" not in read:
            out.append(f"{coded} is no self-describing document")
            continue
        for entity in read["data"] if coded == "cx" else [read["data"]]:
            if set(entity) != {"schema", "data"} or not entity["schema"].startswith("iglu:"):
                out.append(f"{coded}: an entity without schema and data")
            elif "/client_session/" in entity["schema"] and not all(UUID.match(entity["data"].get(key) or "0" * 32) for key in ("userId", "sessionId", "previousSessionId")):
                out.append("client_session: an id that is no UUID")
    return out


def spoil_snowplow(record):
    path, _, query = record["target"].partition("?")
    if record["method"] == "GET" and path.endswith("/i"):
        return {**record, "target": record["target"] + "&unheard=of"}
    if record["method"] == "POST" and path.endswith("/tp2"):
        body = json.loads(body_of(record))
        body["data"][0]["res"] = 1280
        return with_body(record, json.dumps(body).encode())
    return None


# ----------------------------------------------------------------------------------------- GA4, Matomo: parameters


def lines_of(record):
    """The query, and each line of a body joined to it, as both vendors read them: [[(name, value)]]."""
    query = record["target"].partition("?")[2]
    data = (body_of(record) or b"").decode()
    if data.lstrip().startswith("{"):  # Matomo's bulk request
        texts = [text.lstrip("?") for text in json.loads(data)["requests"]]
    else:
        texts = [query + ("&" if query and line else "") + line for line in data.splitlines() or [""]]
    return [urllib.parse.parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict") for text in texts if text]


def number(value):
    return re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value)


def address(value):
    read = urllib.parse.urlsplit(value)
    return read.scheme in ("http", "https") and read.netloc and not re.search(r"[\s<>\"]", value)


def grammar(pattern):
    return re.compile(pattern).fullmatch


GA4 = {
    "v": grammar("2"), "tid": grammar(r"G-[A-Z0-9]+"), "cid": grammar(r"\d+\.\d+"), "sid": grammar(r"\d+"), "sct": grammar(r"\d+"), "seg": grammar("[01]"), "_p": grammar(r"\d+"), "_s": grammar(r"\d+"),
    "en": grammar(r"[A-Za-z]\w{0,39}"), "_et": grammar(r"\d+"), "sr": grammar(r"\d+x\d+"), "ul": grammar(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*"), "dl": address, "dr": address, "uid": grammar(r".{1,256}"),
    "_fv": grammar(r"[0-9]"), "_ss": grammar(r"[0-9]"), "npa": grammar("[01]"), "cu": grammar("[A-Z]{3}"),
}


def ga4(records):
    out = []
    for record in records:
        if "/collect" not in record["target"]:
            continue
        for pairs in lines_of(record):
            read = dict(pairs)
            if len(read) != len(pairs):
                out.append("a parameter is given twice")
            out += [f"no {name}" for name in ("v", "tid", "cid", "en") if not read.get(name)]
            out += [f"{name} is not as its grammar wants" for name, value in pairs if value and name in GA4 and not GA4[name](value)]
            out += [f"{name} is no number" for name, value in pairs if name.startswith(("epn.", "upn.")) and not number(value)]
            for name, value in pairs:
                if re.fullmatch(r"pr\d+", name) and not all(re.match(r"(id|nm|br|ca|c[2-5]|va|pr|qt|cp|ds|lp|af|ln|li|pi|pn|lo|cr|k\d|v\d|cs)", part) for part in value.split("~")):
                    out.append("an item is not written as items are")
    return out


def spoil_ga4(record):
    return {**record, "target": re.sub(r"([?&]cid=)[^&]*", r"\1somebody", record["target"])} if re.search(r"[?&]cid=", record["target"]) else None


def ecommerce(value):
    return all(isinstance(item, list) and 1 <= len(item) <= 5 and all(number(str(part)) for part in item[3:]) for item in json.loads(value))


def variables(value):
    return all(key.isdigit() and isinstance(pair, list) and len(pair) == 2 for key, pair in json.loads(value).items())


MATOMO = {
    "idsite": grammar(r"\d+"), "rec": grammar("1"), "apiv": grammar("1"), "_id": grammar("[0-9a-f]{16}"), "cid": grammar("[0-9a-f]{16}"), "uid": grammar(".{1,200}"), "url": address, "urlref": address,
    "link": address, "download": address, "res": grammar(r"\d+x\d+"), "h": grammar(r"\d{1,2}"), "m": grammar(r"\d{1,2}"), "s": grammar(r"\d{1,2}"), "cookie": grammar("[01]"),
    "lang": grammar(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*([,;].*)?"), "e_v": number, "revenue": number, "ec_st": number, "ec_tx": number, "ec_sh": number, "ec_dt": number, "idgoal": grammar(r"\d+"),
    "ec_items": ecommerce, "_cvar": variables, "cvar": variables, "pv_id": grammar(r"\w{6}"), "send_image": grammar("[01]"), "new_visit": grammar("[01]"),
}


def matomo(records):
    out = []
    for record in records:
        for pairs in lines_of(record):
            out += [f"no {name}" for name in ("idsite", "rec") if name not in dict(pairs)]
            for name, value in pairs:
                try:
                    if value and name in MATOMO and not MATOMO[name](value):
                        out.append(f"{name} is not as its grammar wants")
                except ValueError:
                    out.append(f"{name} does not read")
    return out


def spoil_matomo(record):
    return {**record, "target": re.sub(r"([?&]_id=)[^&]*", r"\1somebody", record["target"])} if re.search(r"[?&]_id=", record["target"]) else None


READERS = {"sentry": (sentry, spoil_sentry), "snowplow": (snowplow, spoil_snowplow), "ga4": (ga4, spoil_ga4), "matomo": (matomo, spoil_matomo)}
