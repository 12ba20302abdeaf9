"""What other server libraries and hand-made clients send, byte by byte: framings and headers that the libraries driven here do not make.

Go and Java: JSON arrays and gzip bodies to /import. PHP and Ruby: base64 forms. Scripts: NDJSON, GET with plain JSON, base64url without
padding. Every request carries what a chain of proxies and a browser add.
"""
import base64
import gzip
import http.client
import json
import urllib.parse

from driver import BASE, CANARIES, EVENT, PROJECT, UTILITY, WHO, finish, properties

target = urllib.parse.urlsplit(BASE)
trouble = []
NOISE = {
    "X-Forwarded-For": CANARIES["forwarded_for"], "Forwarded": f"for={CANARIES['forwarded_for']}", "CF-Connecting-IP": CANARIES["forwarded_for"],
    "X-Real-IP": CANARIES["forwarded_for"], "True-Client-IP": CANARIES["forwarded_for"], "Via": "1.1 edge", "Cookie": "session=" + CANARIES["cookie"],
    "Referer": CANARIES["page"]["referrer"], "Accept-Language": "en-GB,cy;q=0.5", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) " + CANARIES["user_agent_marker"],
    "X-User-Email": WHO["email"],
}
NOT_HANDED_ON = ("set-cookie", "etag", "nel", "report-to", "accept-ch", "alt-svc")


def event(**more):
    return {"event": EVENT, "properties": {"token": PROJECT, "distinct_id": WHO["user_id"], "time": 1700000000, **properties(), **more}}


def send(method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(target.hostname, target.port, timeout=20)
    connection.request(method, target.path + path, body, {**NOISE, **(headers or {})})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        trouble.append(f"{method} {path.split('?')[0]}: status {answer.status}")
    if target.path:  # through a proxy: the vendor's own identifiers and probes must not reach the client
        trouble.extend(f"the answer to {path.split('?')[0]} hands on {name}" for name in NOT_HANDED_ON if answer.getheader(name))
    connection.close()


form = {"Content-Type": "application/x-www-form-urlencoded"}
plain = json.dumps(event())
padless = base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")
basic = {"Authorization": "Basic " + base64.b64encode(b"probe-secret:").decode()}
two = [event(step=1), event(step=2)]

send("POST", "/track?ip=1", "data=" + urllib.parse.quote(plain), form)
send("POST", "/track?ip=1&verbose=1", "data=" + urllib.parse.quote(base64.b64encode(plain.encode()).decode()), form)
send("POST", "/track", "ip=1&data=" + padless, form)
send("POST", "/track?ip=1", json.dumps(two), {"Content-Type": "application/json"})
send("POST", "/track?ip=1", gzip.compress(json.dumps(two).encode()), {"Content-Type": "application/json", "Content-Encoding": "gzip"})
send("GET", "/track?ip=1&data=" + urllib.parse.quote(plain))
send("GET", "/track/?ip=1&_=1700000000000&data=" + urllib.parse.quote(base64.b64encode(plain.encode()).decode()))
send("POST", "/import?strict=1&project_id=424242", json.dumps(two), {"Content-Type": "application/json", **basic})
send("POST", "/import?strict=1&project_id=424242", "\n".join(json.dumps(one) for one in two), {"Content-Type": "application/x-ndjson", **basic})
send("POST", "/import?strict=1&project_id=424242", gzip.compress(json.dumps(two).encode()), {"Content-Type": "application/json", "Content-Encoding": "gzip", **basic})
send("POST", "/engage?ip=1", json.dumps([{"$token": PROJECT, "$distinct_id": WHO["user_id"], "$ip": WHO["ip"], "$set": {"$email": WHO["email"], "plan": UTILITY["plan"]}}]), {"Content-Type": "application/json"})
send("POST", "/groups", json.dumps([{"$token": PROJECT, "$group_key": "org_id", "$group_id": WHO["org_id"], "$set": {"owner_email": WHO["email"], "plan": UTILITY["plan"]}}]), {"Content-Type": "application/json"})
send("GET", f"/decide?version=3&lib=probe&token={PROJECT}&distinct_id={WHO['user_id']}")
finish(trouble)
