"""The natural reading of any vendor's request: every leaf once, as the vendor would store it.

Other than `decode.strings`, which tries every decoding to find what must not be there, this reads a body the one way its vendor does, so
that values can be counted: content codings, undeclared gzip or zlib, JSON, JSON lines (an envelope is one), forms, lines of forms,
multipart, OTLP protobuf, reversed base64; and within a text JSON, base64 of JSON (compressed or not), or a form.
"""
import base64
import binascii
import json
import re
import urllib.parse

from decode import Number, body_of, query_of, sniffed, text_of

PAIRS = re.compile(r"^\??[\w$.\[\]%-]+=[^\s{}]*(&[\w$.\[\]%-]+=[^\s{}]*)+$")


def leaves(record):
    """[(path, value)]; numbers are `Number`s with their spelling."""
    out = []
    path = record["target"].split("?")[0]
    for segment in path.split("/"):
        if len(segment) > 24:
            out += [leaf for leaf in text(urllib.parse.unquote(segment), "$path") if leaf[0] != "$path"]
    for key, value in query_of(record):
        out += text(value, key)
    out += body(record)
    return out


def body(record):
    kind = next((value for name, value in record["headers"] if name.lower() == "content-type"), "")
    data = body_of(record)
    if not data:
        return []
    data = sniffed(data) or data
    boundary = re.search(r'boundary="?([^";]+)', kind)
    if boundary:
        return [leaf for part in data.split(b"--" + boundary[1].encode())[1:-1] for leaf in part_of(part)]
    if "protobuf" in kind:
        return tree(json.loads(protobuf(record["target"], data), parse_int=Number, parse_float=Number), "")
    read = text_of(data)
    return [("", data)] if read is None else text(read, "")


def part_of(part):
    head, _, data = part.partition(b"\r\n\r\n")
    data = data.removesuffix(b"\r\n")
    name = re.search(rb'name="([^"]*)"', head)
    read = text_of(sniffed(data) or data)
    return text(read, name[1].decode() if name else "") if read is not None else []


def protobuf(target, data):
    """The JSON form of an OTLP message, by the official classes."""
    from google.protobuf.json_format import MessageToJson
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    kinds = {"traces": ExportTraceServiceRequest, "metrics": ExportMetricsServiceRequest, "logs": ExportLogsServiceRequest}
    message = kinds[target.split("?")[0].rstrip("/").rsplit("/", 1)[-1]]()
    message.ParseFromString(data)
    return MessageToJson(message)


def parse(read):
    return json.loads(read, parse_int=Number, parse_float=Number)


def text(read, path, depth=0):
    """The leaves of a text: its own, or those of what it holds."""
    stripped = read.strip()
    if depth > 8 or not stripped:
        return [(path, read)]
    if stripped[0] in "{[":
        try:
            return tree(parse(stripped), path, depth + 1)
        except ValueError:
            lines = [line for line in stripped.splitlines() if line.strip()]
            if len(lines) > 1 and lines[0].strip()[:1] == "{":
                return [leaf for line in lines for leaf in text(line, path, depth + 1)]
    if re.fullmatch(r"[A-Za-z0-9+/_-]{8,}={0,2}|={0,2}[A-Za-z0-9+/_-]{8,}", stripped):
        for candidate in (stripped, stripped[::-1]):
            core = candidate.rstrip("=").replace("-", "+").replace("_", "/")
            try:
                data = base64.b64decode(core + "=" * (-len(core) % 4), validate=True)
                inner = text_of(sniffed(data) or data)
            except (binascii.Error, ValueError):
                continue
            if inner and inner.lstrip()[:1] in ("{", "["):
                return text(inner, path, depth + 1)
    lines = stripped.splitlines()
    if all(PAIRS.match(line) for line in lines) or (depth == 0 and not path and re.match(r"^[\w$.\[\]-]+=", stripped) and len(lines) == 1):
        pairs = [pair for line in lines for pair in urllib.parse.parse_qsl(line.lstrip("?"), keep_blank_values=True)]
        return [leaf for key, value in pairs for leaf in text(value, key, depth + 1)]
    return [(path, read)]


def tree(value, path, depth=0):
    if isinstance(value, dict):
        named = value.get("key") if set(value) == {"key", "value"} and isinstance(value.get("key"), str) else None
        if named is not None:  # OTLP writes a map as a list of pairs
            return tree(value["value"], f"{path}.{named}", depth)
        return [leaf for key, inner in value.items() for leaf in tree(inner, f"{path}.{key}" if path else key, depth)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in tree(inner, path + "[]", depth)]
    return text(value, path, depth) if isinstance(value, str) and not isinstance(value, Number) else [(path, value)]
