#!/usr/bin/env python3
"""Real OTLP servers behind Tamis: Phoenix and MLflow.

    python3 -m venv VENV && VENV/bin/pip install arize-phoenix mlflow opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
    VENV/bin/python otlp_servers.py --tamis ../../../target/debug/tamis [--only phoenix|mlflow] [--work DIR]

Starts each server on a free port with a database of its own, Tamis before it, and sends spans with the
OpenTelemetry SDK (protobuf, plain and gzip) that are full of an invented person. Then: the exporter was
told of success; the server's own API shows the spans with names and utility values exact; the database,
read byte for byte and table for table, holds nothing of the person; the same person has one pseudonym.
The same spans sent without Tamis must be found in the database, else the search finds nothing anywhere.
Prints counts; exits 1 on any failure.
"""
import argparse, json, os, shutil, signal, socket, sqlite3, subprocess, sys, tempfile, time, urllib.request
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import StatusCode

PERSON = {
    "name": "Zebulon Quixworth", "email": "zeb.canary7@quixworth.example", "phone": "+1 415 555 0137",
    "street": "742 Canary Birdcage Lane", "user": "user-canary-48213", "org": "org-canary-77120",
    "ip": "203.0.113.77", "card": "4111 1111 1111 1111", "token": "canarytoken55", "host": "zebs-canary-laptop",
}
# What may not be read out of a database, in any spelling that these cover.
CANARIES = [
    "zeb.canary7", "Zebulon", "Quixworth", "415 555 0137", "4155550137", "742 Canary", "user-canary-48213",
    "org-canary-77120", "203.0.113.77", "4111 1111", "4111111111111111", "canarytoken55", "zebs-canary",
]
UTILITY = {
    "plan": "pro", "amount": 42.5, "items": 3, "big_integer": 9007199254740993, "is_first": True,
    "unicode_text": "naïve café 日本語 😀",
}
EVENT = "Checkout Completed"


class Checks:
    def __init__(self):
        self.good, self.bad = 0, []

    def check(self, ok, what):
        if ok:
            self.good += 1
        else:
            self.bad.append(what)
            print(f"  FAILED: {what}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url, data=None, headers=()):
    request = urllib.request.Request(url, data=None if data is None else json.dumps(data).encode())
    request.add_header("content-type", "application/json")
    for name, value in headers:
        request.add_header(name, value)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or b"null")


def wait(url, process, log, seconds=180):
    for _ in range(seconds * 2):
        if process.poll() is not None:
            raise SystemExit(f"{log}: the process ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=2).read()
            return
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"{log}: no answer at {url}")


def start(arguments, log, env=None):
    return subprocess.Popen(
        arguments, stdout=open(log, "wb"), stderr=subprocess.STDOUT, env={**os.environ, **(env or {})},
        start_new_session=True,
    )


def stop(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def send(base, headers, checks, what):
    """Spans of one purchase and one call of a model, plain and compressed; their trace ids."""
    traces = []
    for compression in (Compression.NoCompression, Compression.Gzip):
        exporter = OTLPSpanExporter(endpoint=base + "/v1/traces", headers=headers, compression=compression)
        results = []
        export = exporter.export
        exporter.export = lambda spans: results.append(export(spans)) or results[-1]
        resource = Resource.create({
            "service.name": "shop", "enduser.id": PERSON["user"], "org.id": PERSON["org"],
            "host.name": PERSON["host"], "openinference.project.name": "default",
        })
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("shop", "1.0")
        attributes = {
            **UTILITY, "user.email": PERSON["email"], "phone": PERSON["phone"], "address": PERSON["street"],
            "user.id": PERSON["user"], "session.id": "session-" + PERSON["user"], "client.address": PERSON["ip"],
            "note": f"please mail {PERSON['email']} or call {PERSON['phone']}, card {PERSON['card']}",
            "url.full": f"https://shop.example/account/{PERSON['user']}/checkout?email=zeb.canary7%40quixworth.example&token={PERSON['token']}",
            "mails": [PERSON["email"], "ops"],
            "shipping": json.dumps({"recipient": {"full_name": PERSON["name"], "tel": PERSON["phone"]}, "method": "express"}),
        }
        with tracer.start_as_current_span(EVENT, attributes=attributes) as span:
            traces.append(f"{span.get_span_context().trace_id:032x}")
            span.add_event("mail sent to " + PERSON["email"], {"phone": PERSON["phone"]})
            span.record_exception(ValueError("refused for " + PERSON["email"]))
            span.set_status(StatusCode.ERROR, PERSON["name"] + " refused")
            llm = {
                "openinference.span.kind": "LLM", "gen_ai.request.model": "model-1",
                "llm.model_name": "model-1", "llm.token_count.total": 17, "plan": "pro",
                "input.value": "I am " + PERSON["name"], "output.value": "Hello " + PERSON["name"],
                "llm.input_messages.0.message.content": "I am " + PERSON["name"],
                "gen_ai.prompt": "I am " + PERSON["name"], "user.id": PERSON["user"],
            }
            with tracer.start_as_current_span("Answer Given", attributes=llm):
                pass
        provider.shutdown()
        ok = len(results) == 2 and all(r == SpanExportResult.SUCCESS for r in results)
        checks.check(ok, f"{what}: the exporter was told {results} ({compression.name})")
    return traces


def found(folder):
    """Canaries in a folder: in the bytes of every file, and in every value of every table."""
    hits = set()
    for path in Path(folder).rglob("*"):
        if not path.is_file():
            continue
        raw = path.read_bytes()
        hits |= {c for c in CANARIES for e in ("utf-8", "utf-16-le") if c.encode(e).lower() in raw.lower()}
        if raw.startswith(b"SQLite format 3"):
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
                for (table,) in db.execute("select name from sqlite_master where type = 'table'").fetchall():
                    for row in db.execute(f'select * from "{table}"'):
                        text = json.dumps(row, default=lambda b: bytes(b).decode("latin-1") if isinstance(b, (bytes, memoryview)) else str(b), ensure_ascii=False)
                        hits |= {c for c in CANARIES if c.lower() in text.lower()}
    return sorted(hits)


class Phoenix:
    name = "phoenix"
    headers = {"x-project-name": "default"}

    def __init__(self, work, binaries):
        self.port, self.grpc = free_port(), free_port()
        self.folder = work / "phoenix"
        self.folder.mkdir(parents=True)
        self.arguments = [str(binaries / "phoenix"), "serve"]
        self.env = {
            "PHOENIX_PORT": str(self.port), "PHOENIX_GRPC_PORT": str(self.grpc), "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_WORKING_DIR": str(self.folder), "PHOENIX_TELEMETRY_ENABLED": "false",
        }
        self.health = f"http://127.0.0.1:{self.port}/healthz"

    def spans(self, _traces):
        """Name and attributes of every span, by the server's own API."""
        rows = get(f"http://127.0.0.1:{self.port}/v1/projects/default/spans?limit=100")["data"]
        return [(row["name"], row["attributes"]) for row in rows]


class MLflow:
    name = "mlflow"

    def __init__(self, work, binaries):
        self.port = free_port()
        self.folder = work / "mlflow"
        self.folder.mkdir(parents=True)
        self.headers = {"x-mlflow-experiment-id": "0"}
        self.arguments = [
            str(binaries / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db", "--artifacts-destination", str(self.folder / "artifacts"),
        ]
        self.env = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
        self.health = f"http://127.0.0.1:{self.port}/health"

    def spans(self, _traces):
        """Name and attributes of every span, out of the server's tables: its client decodes the same."""
        rows = []
        with sqlite3.connect(f"file:{self.folder}/mlflow.db?mode=ro", uri=True) as db:
            for (content,) in db.execute("select content from spans"):
                span = json.loads(content)
                attributes = {}
                for key, value in span["attributes"].items():
                    try:
                        attributes[key] = json.loads(value) if isinstance(value, str) else value
                    except ValueError:
                        attributes[key] = value
                rows.append((span["name"], attributes))
        return rows


def flat(value, before=""):
    """Phoenix nests `user.id` into maps; both shapes are read."""
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in flat(inner, f"{before}.{key}" if before else key).items()}
    return {before: value}


def run(kind, tamis, work, checks):
    binaries = Path(sys.executable).parent
    direct = kind(work / "direct", binaries)
    server = kind(work / "clean", binaries)
    work.mkdir(parents=True, exist_ok=True)
    logs = work / f"{kind.name}.log"
    processes = [start(server.arguments, logs, server.env), start(direct.arguments, work / f"{kind.name}-direct.log", direct.env)]
    try:
        wait(server.health, processes[0], logs)
        wait(direct.health, processes[1], logs)
        listen, admin = free_port(), free_port()
        processes.append(start([
            tamis, "run", "--listen", f"127.0.0.1:{listen}", "--admin-listen", f"127.0.0.1:{admin}",
            "--state-dir", str(work / f"{kind.name}-tamis"), "--policy", "default",
            "--upstream", f"otlp=http://127.0.0.1:{server.port}",
        ], work / f"{kind.name}-tamis.log"))
        time.sleep(2)
        traces = send(f"http://127.0.0.1:{listen}/otlp", server.headers, checks, kind.name)
        send(f"http://127.0.0.1:{direct.port}", direct.headers, checks, f"{kind.name} without Tamis")
        spans = []
        for _ in range(60):
            try:
                spans = server.spans(traces)
            except (OSError, KeyError, sqlite3.Error):
                spans = []
            if len(spans) >= 4:
                break
            time.sleep(0.5)
        checks.check(len(spans) == 4, f"{kind.name}: {len(spans)} spans of 4 are shown")
        ids = set()
        for name, attributes in spans:
            attributes = flat(attributes)
            checks.check(name in (EVENT, "Answer Given"), f"{kind.name}: a span is called {name!r}")
            ids.add(attributes.get("user.id"))
            for key, value in UTILITY.items() if name == EVENT else [("plan", "pro"), ("llm.token_count.total", 17)]:
                checks.check(attributes.get(key) == value, f"{kind.name}: {key} is {attributes.get(key)!r} in {name}")
        checks.check(len(ids) == 1 and None not in ids, f"{kind.name}: one person, {len(ids)} pseudonyms")
    finally:
        for process in processes:
            stop(process)
    hits = found(server.folder)
    checks.check(not hits, f"{kind.name}: in the database: {hits}")
    without = found(direct.folder)
    checks.check(len(without) >= 8, f"{kind.name}: without Tamis only {without} are in the database: the search is blind")
    print(f"{kind.name}: {len(spans)} spans, {len(hits)} canaries in the database with Tamis, {len(without)} without")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tamis", default=str(Path(__file__).parents[3] / "target/debug/tamis"))
    parser.add_argument("--only", choices=["phoenix", "mlflow"])
    parser.add_argument("--work", help="kept; without it a temporary folder")
    arguments = parser.parse_args()
    work = Path(arguments.work or tempfile.mkdtemp(prefix="tamis-servers-"))
    checks = Checks()
    try:
        for kind in (Phoenix, MLflow):
            if arguments.only in (None, kind.name):
                run(kind, arguments.tamis, work / kind.name, checks)
    finally:
        if not arguments.work:
            shutil.rmtree(work, ignore_errors=True)
    print(f"{checks.good} checks passed, {len(checks.bad)} failed")
    sys.exit(1 if checks.bad or not checks.good else 0)


if __name__ == "__main__":
    main()
