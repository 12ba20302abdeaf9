#!/usr/bin/env python3
"""Real Sentry libraries -> Tamis -> a real server of the Sentry protocol (Bugsink), then its database.

    python3 tests/e2e/servers/bugsink.py [--tamis target/debug/tamis] [--work DIR] [--no-node]

Installs Bugsink and sentry-sdk into a virtual environment and @sentry/node into a folder of DIR (kept,
so that the second run is fast), starts Bugsink and Tamis on free ports, sends events of an invented
person, and checks: every event was accepted and digested, exceptions and messages have their names,
values that are useful are stored exactly, and none of the person's data stands anywhere in the
database's files. Exit status: 0 good, 1 a finding, 2 something could not be set up.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]

PERSON = {
    "id": "user-canary-48213", "email": "zeb.canary7@quixworth.example", "username": "Zebulon Quixworth",
    "phone": "+1 415 555 0137", "street": "742 Canary Birdcage Lane", "city": "Canaryville",
    "birthday": "1987-03-09", "ip": "203.0.113.77", "card": "4111 1111 1111 1111",
}
# Read in what the database holds, in any case.
CANARIES = [
    "user-canary-48213", "zeb.canary7", "zebulon", "quixworth", "415 555 0137", "4155550137",
    "742 canary", "birdcage", "canaryville", "1987-03-09", "203.0.113.77", "4111 1111", "4111111111111111",
]

PYTHON = r'''
import json, logging, sys
import sentry_sdk
dsn, person = sys.argv[1], json.loads(sys.argv[2])
sentry_sdk.init(dsn=dsn, traces_sample_rate=1.0, send_default_pii=True, release="shop@1.4.2",
                environment="e2e", server_name="zebulon-laptop", enable_logs=True)
sentry_sdk.set_user({"id": person["id"], "email": person["email"], "username": person["username"], "ip_address": person["ip"]})
sentry_sdk.set_tag("plan", "pro")
sentry_sdk.set_context("order", {"plan": "pro", "amount": 42.5, "items": 3, "big": 9007199254740993,
                                 "text": "naïve café 日本語 😀", "phone": person["phone"], "city": person["city"]})
sentry_sdk.add_breadcrumb(category="auth", message="logged in as " + person["email"], data={"phone": person["phone"]})
with sentry_sdk.start_transaction(op="http.server", name="GET /account/%s/checkout" % person["id"]):
    sentry_sdk.capture_message("Checkout Completed for " + person["username"])
    logging.getLogger("shop").error("refused %s at %s", person["email"], person["street"])
def pay(address, card, name):
    raise TypeError("card %s of %s refused" % (card, person["email"]))
try:
    pay(person["street"], person["card"], person["username"])
except TypeError as error:
    sentry_sdk.capture_exception(error)
scope = sentry_sdk.get_isolation_scope()
scope.add_attachment(bytes=json.dumps(person).encode(), filename=person["username"] + ".json")
sentry_sdk.capture_message("Report Attached")
sentry_sdk.get_client().close(timeout=10)
'''

NODE = r'''
const Sentry = require("@sentry/node");
const [dsn, json] = process.argv.slice(2);
const person = JSON.parse(json);
const tunnel = process.argv[4];
Sentry.init({ dsn, tunnel: tunnel || undefined, tracesSampleRate: 1, sendDefaultPii: true, release: "shop@1.4.2", environment: "e2e", serverName: "zebulon-laptop" });
Sentry.setUser({ id: person.id, email: person.email, username: person.username, ip_address: person.ip });
Sentry.setTag("plan", "pro");
Sentry.setContext("order", { plan: "pro", amount: 42.5, items: 3, text: "naïve café 日本語 😀", phone: person.phone, city: person.city, birthday: person.birthday });
Sentry.addBreadcrumb({ category: "auth", message: "logged in as " + person.email, data: { url: "https://shop.example/account/" + person.id + "?email=" + encodeURIComponent(person.email) } });
Sentry.captureMessage((tunnel ? "Tunnel Opened by " : "Node Started by ") + person.username);
try { throw new RangeError("card " + person.card + " of " + person.email + " refused"); } catch (error) { Sentry.captureException(error, { attachments: [] }); }
Sentry.close(10000).then(() => process.exit(0));
'''


def run(command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **more)
    if done.returncode:
        sys.stderr.write(done.stdout[-2000:] + done.stderr[-4000:])
        print("cannot set up:", " ".join(str(part) for part in command[:3]))
        sys.exit(2)
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process):
    for _ in range(150):
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    print("cannot set up:", url, "does not answer")
    sys.exit(2)


def install(work, node):
    venv = work / "venv"
    python = venv / "bin" / "python"
    if not (venv / "bin" / "bugsink-manage").exists():
        run([sys.executable, "-m", "venv", venv])
        run([python, "-m", "pip", "install", "--quiet", "bugsink", "sentry-sdk"])
    if node and not (work / "node_modules" / "@sentry" / "node").exists():
        run(["npm", "install", "--no-audit", "--no-fund", "--prefix", work, "@sentry/node"])
    return venv / "bin"


def start_bugsink(bin_, data, port):
    """Bugsink with an empty database; its process, project and public key."""
    manage = [bin_ / "bugsink-manage"]
    run([bin_ / "bugsink-create-conf", "--template=local", "--host=127.0.0.1", f"--port={port}"], cwd=data)
    env = {**os.environ, "PYTHONPATH": str(data)}
    for database in ([], ["--database=snappea"]):
        subprocess.run([*map(str, manage), "migrate", "--noinput", *database], cwd=data, env=env, capture_output=True)
    make = ("from projects.models import Project; from teams.models import Team; "
            "t = Team.objects.create(name='e2e'); p = Project.objects.create(name='e2e', team=t); "
            "print('PROJECT', p.id, p.sentry_key)")
    made = run([*manage, "shell", "-c", make], cwd=data, env=env)
    _, project, key = next(line for line in made.splitlines() if line.startswith("PROJECT")).split()
    log = open(data / "bugsink.log", "w")
    server = subprocess.Popen([str(bin_ / "gunicorn"), f"--bind=127.0.0.1:{port}", "--threads=2", "bugsink.wsgi"],
                              cwd=data, env={**env, "DJANGO_SETTINGS_MODULE": "bugsink_conf"}, stdout=log, stderr=log)
    wait_for(f"http://127.0.0.1:{port}/", server)
    return server, project, key.replace("-", "")


def stored(bin_, data):
    """Every digested event as JSON."""
    read = ("import json; from events.models import Event; "
            "print('EVENTS', json.dumps([json.loads(e.get_raw_data() if hasattr(e, 'get_raw_data') else e.data) "
            "for e in Event.objects.all()]))")
    out = run([bin_ / "bugsink-manage", "shell", "-c", read], cwd=data, env={**os.environ, "PYTHONPATH": str(data)})
    line = next(line for line in out.splitlines() if line.startswith("EVENTS"))
    return json.loads(line[len("EVENTS "):])


def title(event):
    values = event.get("exception") or {}
    values = values.get("values", []) if isinstance(values, dict) else values
    if values and values[0].get("type"):
        return values[0]["type"] + ": " + values[0].get("value", "")
    entry = event.get("logentry") or {}
    return event.get("message") or entry.get("formatted") or entry.get("message") or ""


def check(events, expected, data):
    findings = []
    titles = [title(event) for event in events]
    for want in expected:
        if want not in titles:
            findings.append(f"no event {want!r}; there are {sorted(titles)}")
    for event in events:
        order = (event.get("contexts") or {}).get("order") or {}
        for key, value in {"plan": "pro", "amount": 42.5, "items": 3, "text": "naïve café 日本語 😀"}.items():
            if order.get(key) != value:
                findings.append(f"{title(event)!r}: order.{key} is {order.get(key)!r}")
        if event.get("release") != "shop@1.4.2" or event.get("environment") != "e2e":
            findings.append(f"{title(event)!r}: release or environment changed")
        tags = event.get("tags") or {}
        if dict(tags).get("plan") != "pro":
            findings.append(f"{title(event)!r}: the tag plan is gone")
    users = {event.get("user", {}).get("id") for event in events}
    if len(users) != 1 or None in users:
        findings.append(f"one person has {len(users)} pseudonyms")
    frames = [frame for event in events for value in (event.get("exception") or {}).get("values", [])
              for frame in value.get("stacktrace", {}).get("frames", [])]
    if not any(frame.get("function") == "pay" for frame in frames):
        findings.append("no frame of the function pay")
    for file in sorted(path for path in data.rglob("*") if path.is_file() and path.name != "bugsink.log"):
        held = file.read_bytes().lower()
        findings += [f"{file.name} holds {word!r}" for word in CANARIES if word.encode() in held]
    return findings


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("--tamis", type=pathlib.Path, default=ROOT / "target/debug/tamis")
    ask.add_argument("--work", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "tamis-e2e-bugsink")
    ask.add_argument("--no-node", action="store_true")
    args = ask.parse_args()
    node = not args.no_node and shutil.which("npm") is not None
    args.work.mkdir(parents=True, exist_ok=True)
    bin_ = install(args.work, node)
    data = args.work / "data"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    processes = []
    try:
        upstream, listen, admin = free_port(), free_port(), free_port()
        server, project, key = start_bugsink(bin_, data, upstream)
        processes.append(server)
        state = args.work / "state"
        tamis = subprocess.Popen(
            [str(args.tamis), "run", "--listen", f"127.0.0.1:{listen}", "--admin-listen", f"127.0.0.1:{admin}",
             "--state-dir", str(state), "--upstream", f"sentry=http://127.0.0.1:{upstream}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        processes.append(tamis)
        wait_for(f"http://127.0.0.1:{admin}/healthz", tamis)
        dsn = f"http://{key}@127.0.0.1:{listen}/sentry/{project}"
        person = json.dumps(PERSON)
        expected = ["Checkout Completed for [name]", "refused [email] at [address]",
                    "TypeError: card [card] of [email] refused", "Report Attached"]
        (args.work / "send.py").write_text(PYTHON)
        run([bin_ / "python", "send.py", dsn, person], cwd=args.work)
        if node:
            (args.work / "send.cjs").write_text(NODE)
            run(["node", "send.cjs", dsn, person], cwd=args.work)
            elsewhere = f"http://{key}@127.0.0.1:1/{project}"
            run(["node", "send.cjs", elsewhere, person, f"http://127.0.0.1:{listen}/sentry/tunnel"], cwd=args.work)
            expected += ["Node Started by [name]", "Tunnel Opened by [name]",
                         "RangeError: card [card] of [email] refused"]
        time.sleep(2)
        events = stored(bin_, data)
    finally:
        for process in processes:
            process.terminate()
            process.wait(10)
    findings = check(events, expected, data)
    print(f"{len(events)} events digested, {len(findings)} findings")
    for finding in findings:
        print(" ", finding)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
