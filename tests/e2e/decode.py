"""Reads a recorded request in every way that anybody could read it.

`strings(record)`    every text that can be reached, by whatever decoding: for the hunt after what must not leave.
`documents(record)`  the one natural reading: the JSON documents that the vendor will store, with numbers spelled as they came.

A text is opened as JSON, NDJSON, form, query, cookie, path, base64 and base64url (whole, embedded, unpadded), hex, percent, HTML
entities, \\u escapes and JSON inside a string; bytes as gzip, zlib, zstd and brotli (declared or, where it has a magic number, not),
multipart, UTF-8, CESU-8, UTF-16, and otherwise as the printable runs in them (which finds the strings of a protobuf).
"""
import base64
import binascii
import html
import json
import re
import urllib.parse
import zlib

try:
    import brotli
except ImportError:
    brotli = None
try:
    import zstandard
except ImportError:
    zstandard = None

DEPTH = 12
UNPACKED = 64 << 20
BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
HEX_RUN = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")
ESCAPE = re.compile(r"\\u\{?([0-9a-fA-F]{4,6})\}?|\\x([0-9a-fA-F]{2})|%u([0-9a-fA-F]{4})")
PRINTABLE_RUN = re.compile(rb"[\t\r\n\x20-\x7e\xc2-\xf4\x80-\xbf]{4,}")


class Pairs(list):
    """A JSON object as pairs, so that a key given twice is seen twice."""


class Number(str):
    """A JSON number as it was spelled: 42.50 is not 42.5."""


# ---------------------------------------------------------------------------------------------------------- bytes


def gunzip(data):
    return zlib.decompressobj(31).decompress(data, UNPACKED)


def inflate(data):
    try:
        return zlib.decompressobj(15).decompress(data, UNPACKED)
    except zlib.error:
        return zlib.decompressobj(-15).decompress(data, UNPACKED)


def whole(data, *kinds):
    """Like the two above, but a stream that is cut short is an error."""
    for bits in kinds:
        try:
            stream = zlib.decompressobj(bits)
            out = stream.decompress(data, UNPACKED)
        except zlib.error:
            continue
        if stream.eof and not stream.unused_data:
            return out
    raise ValueError("cut short or not compressed so")


def unbrotli(data):
    return brotli.decompress(data)


def unzstd(data):
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


CODINGS = {"gzip": lambda data: whole(data, 31), "x-gzip": lambda data: whole(data, 31), "deflate": lambda data: whole(data, 15, -15), "br": unbrotli, "zstd": unzstd}


def sniffed(data):
    """Compressed bytes that say so themselves, or None."""
    if data[:2] == b"\x1f\x8b":
        kind = gunzip
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        kind = unzstd
    elif len(data) > 6 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0:
        kind = inflate
    else:
        return None
    try:
        return kind(data) or None
    except Exception:
        return None


def text_of(data):
    """UTF-8, or UTF-8 with surrogates encoded one by one (CESU-8, which mixpanel-browser's base64 makes), or None."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        try:
            return joined(data.decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError:
            return None


def joined(text):
    """Surrogate halves put together; a lone one stays."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def body_of(record):
    """The body with its declared content codings taken off; None where one does not decode."""
    data = base64.b64decode(record.get("body_b64") or "")
    declared = ",".join(value for name, value in record["headers"] if name.lower() == "content-encoding")
    for coding in reversed([part.strip().lower() for part in declared.split(",") if part.strip()]):
        if coding == "identity":
            continue
        try:
            data = CODINGS[coding](data)
        except Exception:
            return None
    return data


# ---------------------------------------------------------------------------------------------------- every reading


class Hunt:
    """Collects (path, text) of everything reachable from a request."""

    def __init__(self):
        self.found = []
        self.seen = set()

    def text(self, text, path, depth=0):
        text = joined(text)
        if depth > DEPTH or (text, depth > DEPTH - 3) in self.seen or not text:
            return
        self.seen.add((text, depth > DEPTH - 3))
        self.found.append((path, text))
        if len(text) < 4:
            return
        deeper = depth + 1
        stripped = text.strip()
        self.as_json(stripped, path, deeper)
        if "=" in text or "?" in text or ";" in text:
            self.as_pairs(text, path, deeper)
        if "/" in text:
            for segment in re.split(r"[/?#]", text):
                if len(segment) > 3 and segment != text:
                    self.text(urllib.parse.unquote(segment), path + "/segment", deeper)
        for tag, decoded in (("percent", urllib.parse.unquote(text) if "%" in text else text), ("plus", urllib.parse.unquote_plus(text) if "%" in text or "+" in text else text),
                             ("entities", html.unescape(text) if "&" in text else text), ("escapes", unescaped(text)), ("slashes", text.replace('\\"', '"').replace("\\/", "/"))):
            if decoded != text:
                self.text(decoded, f"{path}/{tag}", deeper)
        self.as_base64(text, path, deeper)
        for run in HEX_RUN.findall(text):
            self.bytes(bytes.fromhex(run), path + "/hex", deeper, strict=True)

    def as_json(self, text, path, depth):
        candidates = []
        if text[:1] in '{["':
            candidates = [text] + (text.splitlines() if "\n" in text else [])
        begin, end = text.find("{"), text.rfind("}")
        if 0 < begin < end:
            candidates.append(text[begin:end + 1])
        for candidate in candidates:
            try:
                value = json.loads(candidate, object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, strict=False)
            except (ValueError, RecursionError):
                continue
            self.value(value, path + "/json", depth)

    def value(self, value, path, depth):
        if isinstance(value, Pairs):
            for key, inner in value:
                self.text(key, f"{path}/~key", depth)
                self.value(inner, f"{path}/{key}", depth)
        elif isinstance(value, list):
            for inner in value:
                self.value(inner, path + "[]", depth)
        elif isinstance(value, str):
            self.text(value, path, depth)

    def as_pairs(self, text, path, depth):
        for pair in re.split(r"[&;\n?#]", text):
            key, equals, value = pair.partition("=")
            if not equals:
                continue
            for read in (urllib.parse.unquote, urllib.parse.unquote_plus):
                name = read(key).strip()
                self.text(name, f"{path}/~name", depth)
                self.text(read(value), f"{path}/{name[:40]}", depth)

    def as_base64(self, text, path, depth):
        for run in BASE64_RUN.findall(text)[:500]:
            starts = {0, 1, 2, 3} | {match.end() for match in re.finditer(r"[_+/-]", run[:200])} if len(run) < 4000 else {0}
            for start in sorted(starts):
                self.base64_run(run[start:], path, depth)
        if len(text) < 100_000 and re.fullmatch(r"[A-Za-z0-9+/_=-]{12,}", text):
            self.base64_run(text[::-1].lstrip("="), path + "/reversed", depth)

    def base64_run(self, run, path, depth):
        core = run.rstrip("=").replace("-", "+").replace("_", "/")
        if len(core) < 8 or len(core) % 4 == 1:
            core = core[:len(core) // 4 * 4]
        try:
            data = base64.b64decode(core + "=" * (-len(core) % 4))
        except (binascii.Error, ValueError):
            return
        self.bytes(data, path + "/base64", depth, strict=True)

    def bytes(self, data, path, depth=0, strict=False):
        """`strict`: the bytes come from a guess, so what is not text (or compressed text) is let go."""
        if depth > DEPTH or not data:
            return
        unpacked = sniffed(data)
        if unpacked:
            return self.bytes(unpacked, path + "/unpacked", depth + 1)
        text = text_of(data)
        if text is not None and is_text(text):
            return self.text(text, path, depth + 1)
        if len(data) >= 8:
            for coding, zeros in (("utf-16-le", data[1::2]), ("utf-16-be", data[0::2])):
                if zeros.count(0) * 3 > len(zeros):
                    return self.text(data.decode(coding, "replace"), path + "/utf16", depth + 1)
        if strict:
            return None
        for run in PRINTABLE_RUN.findall(data):
            self.text(run.decode("utf-8", "replace"), path + "/run", depth + 1)
        return None

    def multipart(self, data, boundary, path):
        for part in data.split(b"--" + boundary)[1:]:
            head, _, body = part.partition(b"\r\n\r\n")
            self.bytes(head, path + "/part-head")
            self.bytes(body.removesuffix(b"\r\n"), path + "/part")


def is_text(text):
    return all(ch >= " " or ch in "\t\r\n" for ch in text[:4000])


def unescaped(text):
    if "\\" not in text and "%u" not in text:
        return text
    return ESCAPE.sub(lambda m: chr(min(int(m[1] or m[2] or m[3], 16), 0x10FFFF)), text)


def strings(record):
    """Every (path, text) reachable in a recorded request."""
    hunt = Hunt()
    hunt.text(record["target"], "target")
    content_type = ""
    for name, value in record["headers"]:
        if name.lower() == "content-type":
            content_type = value
        value = text_of(value.encode("latin-1", "replace")) or value
        hunt.text(name, "header/~name")
        hunt.text(value, "header/" + name.lower())
        for word in value.split():
            hunt.text(word, "header/" + name.lower())
    raw = base64.b64decode(record.get("body_b64") or "")
    body = body_of(record)
    for data in ([raw] if body is None or body == raw else [body]):
        boundary = re.search(r'boundary="?([^";]+)', content_type)
        if boundary:
            hunt.multipart(data, boundary[1].encode(), "body")
        hunt.bytes(data, "body")
    return hunt.found


# ------------------------------------------------------------------------------------------------- the natural reading


def parse(text):
    """A JSON text with its numbers as spelled, or None."""
    try:
        return json.loads(text, parse_int=Number, parse_float=Number)
    except ValueError:
        return None


def opened(text):
    """A payload as SDKs write one: JSON, NDJSON, or either in base64. A list of documents, or None."""
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        whole = parse(stripped)
        if whole is not None:
            return whole if isinstance(whole, list) else [whole]
        lines = [parse(line) for line in stripped.splitlines() if line.strip()]
        return lines if all(line is not None for line in lines) else None
    # a form reader makes a space of the bare + that some libraries (npm mixpanel) put into base64: vendors undo it
    core = re.sub(r"[\r\n]", "", stripped).rstrip("=").replace(" ", "+").replace("-", "+").replace("_", "/")
    try:
        inner = text_of(base64.b64decode(core + "=" * (-len(core) % 4), validate=True))
    except (binascii.Error, ValueError):
        return None
    return opened(inner) if inner and inner.strip()[:1] in ("{", "[") else None


def query_of(record):
    """The query's parameters, in order."""
    return urllib.parse.parse_qsl(record["target"].partition("?")[2], keep_blank_values=True)


def form_of(record):
    """The body's form fields, in order; [] where it is no form."""
    text = text_of(body_of(record) or b"") or ""
    if not re.match(r"^[\w$.\[\]-]+=", text):
        return []
    return [(key, text_of(urllib.parse.unquote_to_bytes(value.replace("+", " "))) or "") for key, _, value in (pair.partition("=") for pair in text.split("&"))]


def documents(record, payload_fields=("data",)):
    """The documents that the vendor would store from this request; None where there is a body that does not read."""
    out, unread = [], False
    payloads = [value for key, value in form_of(record) + query_of(record) if key in payload_fields]
    if not payloads:
        body = body_of(record)
        text = text_of(body) if body is not None else None
        if text:
            payloads = [text]
        unread = body is None or (bool(body) and text is None)
    for payload in payloads:
        read = opened(payload)
        if read is None:
            unread = True
        else:
            out.extend(read)
    return None if unread else out
