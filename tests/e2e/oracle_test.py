#!/usr/bin/env python3
"""The oracle's and the checks' own tests: every disguise is seen through, every kind of damage is objected to."""
import base64
import gzip
import html
import json
import sys
import unittest
import urllib.parse
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import checks  # noqa: E402
from oracle import CANARIES, VENDORS, canaries_in, events, leaks, utility  # noqa: E402

EMAIL = CANARIES["identity"]["email"]
ME = CANARIES["identity"]["user_id"]
FORM = [["Content-Type", "application/x-www-form-urlencoded"]]
DEVICE, HASHED = "0a1b2c3d-0000-4000-8000-00000000aaaa", "99999999-0000-4000-8000-00000000bbbb"


def request(body=b"", target="/track?ip=0", headers=(), method="POST"):
    body = body.encode() if isinstance(body, str) else body
    return {"method": method, "target": target, "headers": [list(h) for h in headers], "body_b64": base64.b64encode(body).decode()}


def b64(text):
    return base64.b64encode(text.encode()).decode()


class Hunting(unittest.TestCase):
    def assert_seen(self, record, canary="email"):
        self.assertIn(canary, leaks(record))

    def test_every_disguise_of_an_address(self):
        doc = json.dumps({"properties": {"x": EMAIL}})
        disguises = {
            "plain": EMAIL, "json": doc, "upper case": EMAIL.upper(), "json key": json.dumps({EMAIL: 1}), "duplicate key": '{"a":"%s","a":"b"}' % EMAIL,
            "json in json": json.dumps({"a": doc}), "json in json in base64": json.dumps({"a": b64(doc)}), "ndjson": '{"a":1}\n' + doc,
            "form": "data=" + urllib.parse.quote(doc), "form base64": "data=" + urllib.parse.quote(b64(doc)), "form bare base64": "data=" + b64(doc),
            "base64url without padding": "data=" + base64.urlsafe_b64encode(("ÿ~" + doc).encode()).decode().rstrip("="), "reversed base64": json.dumps({"a": b64(EMAIL)[::-1]}),
            "base64 in text": f"see id_{b64(EMAIL)} there", "base64 twice": b64(b64(doc)), "hex": json.dumps({"a": EMAIL.encode().hex()}), "percent": urllib.parse.quote(EMAIL, safe=""),
            "percent twice": urllib.parse.quote(urllib.parse.quote(EMAIL, safe=""), safe=""), "every letter percent": "".join(f"%{b:02X}" for b in EMAIL.encode()),
            "entities": "".join(f"&#{ord(c)};" for c in EMAIL), "html": html.escape(f'<a href="mailto:{EMAIL}">'), "escapes": '{"a":"%s"}' % "".join(f"\\u{ord(c):04x}" for c in EMAIL),
            "escapes in a string": json.dumps({"a": "".join(f"\\u{ord(c):04x}" for c in EMAIL)}), "url in json": json.dumps({"u": "https://a.example/x?q=" + urllib.parse.quote(EMAIL)}),
            "path in json": json.dumps({"u": f"https://a.example/{urllib.parse.quote(EMAIL)}/x"}), "fragment": "https://a.example/#m=" + urllib.parse.quote(EMAIL), "reversed": EMAIL[::-1],
            "full width": EMAIL.replace("otti", "ｏｔｔｉ"), "zero width": EMAIL.replace("otti", "ot\u200bti"), "utf-16": EMAIL.encode("utf-16-le"), "utf-16 with mark": ("x" + EMAIL).encode("utf-16"),
            "gzip, undeclared": gzip.compress(doc.encode()), "zlib, undeclared": zlib.compress(doc.encode()), "gzip in base64": json.dumps({"a": base64.b64encode(gzip.compress(doc.encode())).decode()}),
            "binary": b"\x0a\x1e\x00\x01" + EMAIL.encode() + b"\x00\xff\xfe",
        }
        for name, body in disguises.items():
            with self.subTest(name):
                self.assert_seen(request(body))

    def test_outside_the_body(self):
        for name, record in {
            "query": request(target="/track?ip=0&who=" + urllib.parse.quote(EMAIL)), "base64 query": request(target="/track?data=" + urllib.parse.quote(b64(EMAIL))),
            "path": request(target="/track/" + urllib.parse.quote(EMAIL)), "header": request(headers=[("Referer", "https://x.example/?m=" + urllib.parse.quote(EMAIL))]),
            "cookie": request(headers=[("Cookie", "a=1; mp=" + urllib.parse.quote(json.dumps({"m": EMAIL})))]), "header name": request(headers=[("X-" + EMAIL, "1")]),
            "credentials": request(headers=[("Authorization", "Basic " + b64(EMAIL + ":x"))]),
        }.items():
            with self.subTest(name):
                self.assert_seen(record)

    def test_declared_codings(self):
        doc = json.dumps({"x": EMAIL}).encode()
        raw = zlib.compressobj(wbits=-15)
        bodies = {"gzip": gzip.compress(doc), "deflate": raw.compress(doc) + raw.flush(), "identity": doc}
        try:
            import brotli
            import zstandard
            bodies.update({"br": brotli.compress(doc), "zstd": zstandard.ZstdCompressor().compress(doc), "gzip, br": brotli.compress(gzip.compress(doc))})
        except ImportError:
            pass
        for coding, body in bodies.items():
            with self.subTest(coding):
                self.assert_seen(request(body, headers=[("Content-Encoding", coding)]))
        part = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + gzip.compress(doc) + b"\r\n--b--\r\n"
        self.assert_seen(request(part, headers=[("Content-Type", "multipart/form-data; boundary=b")]))

    def test_cesu_8_in_base64(self):
        cesu = json.dumps({"t": "😀", "x": EMAIL}, ensure_ascii=False).encode("utf-16-le", "surrogatepass").decode("utf-16-le").replace("😀", "\ud83d\ude00").encode("utf-8", "surrogatepass")
        record = request("data=" + urllib.parse.quote(base64.b64encode(b"[" + cesu + b"]").decode()))
        self.assert_seen(record)
        self.assertEqual(events(record, "mixpanel")[0][2]["t"], "😀")

    def test_other_spellings(self):
        self.assertIn("phone", canaries_in("020 7946-0958"[1:]))
        self.assertIn("phone", canaries_in("+44 (20) 7946.0958"))
        self.assertIn("card", canaries_in("5555-5555-5555-4444"))
        self.assertIn("iban", canaries_in("gb33 bukb 2020 1555 5555 55"))
        self.assertIn("birthday", canaries_in("11/23/1979"))
        self.assertIn("mine", canaries_in("x DEVICE-1 y", [("mine", "device-1")]))

    def test_harmless_is_harmless(self):
        doc = {"event": "Checkout Completed", "properties": {"plan": "pro", "amount": 42.5, "distinct_id": "p7f3a9c1", "time": 1795301881.22, "note": "[email] called [phone]", "domain": "krasnapolsky.example"}}
        self.assertEqual(leaks(request(json.dumps(doc))), {})
        self.assertEqual(leaks(request("data=" + urllib.parse.quote(b64(json.dumps(doc))), headers=FORM)), {})


class Reading(unittest.TestCase):
    def test_framings_read_alike(self):
        doc = '{"event":"Checkout Completed","properties":{"amount":42.50,"items":3,"plan":"pro"}}'
        framings = [
            request(doc), request(f"[{doc}]"), request("data=" + urllib.parse.quote(doc), headers=FORM), request("data=" + b64(doc), headers=FORM), request("ip=0&verbose=1&data=" + urllib.parse.quote(b64(doc)), headers=FORM),
            request("data=" + base64.urlsafe_b64encode(doc.encode()).decode().rstrip("=")), request(target="/track?data=" + urllib.parse.quote(doc), method="GET"), request(doc + "\n" + doc)]
        for record in framings[:-1]:
            self.assertEqual(sum(utility(events(record, "mixpanel")).values()), 3)
            self.assertIn(("/track", "Checkout Completed", "amount", "number:42.50"), utility(events(record, "mixpanel")))
        self.assertEqual(len(events(framings[-1], "mixpanel")), 2)

    def test_what_does_not_read_is_said(self):
        self.assertIsNone(events(request(b"\xff\xfe\x00"), "mixpanel"))
        self.assertIsNone(events(request("data=%7Bbroken", headers=FORM), "mixpanel"))
        self.assertIsNone(events(request("x", headers=[("Content-Encoding", "gzip")]), "mixpanel"))


class Judging(unittest.TestCase):
    def arrived(self, docs, target="/track?ip=0", headers=()):
        return checks.Arrived("mixpanel", VENDORS["mixpanel"]["shape"], [request(json.dumps(docs), target, headers)])

    def event(self, me=ME, device=DEVICE, anon=None, **more):
        return {"event": "E", "properties": {"token": "t", "distinct_id": anon or me, "$user_id": me, "$device_id": device, "plan": "pro", "amount": 42.5, **more}}

    def before(self):
        return self.arrived([self.event(), self.event(anon="$device:" + DEVICE)])

    def test_a_good_proxy_passes(self):
        after = self.arrived([self.event("p1", HASHED), self.event("p1", HASHED, anon="$device:" + HASHED)])
        for what, check, _ in checks.CHECKS:
            with self.subTest(what):
                self.assertEqual(check(self.before(), after), [])

    def test_damage_is_objected_to(self):
        good = [self.event("p1", HASHED), self.event("p1", HASHED, anon="$device:" + HASHED)]

        def damaged(**change):
            return self.arrived([{"event": "E", "properties": {**good[0]["properties"], **change}}, good[1]])

        cases = [
            (checks.utility_exact, damaged(amount="42.5")), (checks.utility_exact, damaged(plan="PRO")), (checks.utility_exact, self.arrived(good[:1])), (checks.same_events, self.arrived(good[:1])),
            (checks.same_events, self.arrived(good + good[:1])), (checks.same_events, damaged(time=1)), (checks.identity_joins, damaged(**{"$user_id": "p2"})), (checks.identity_joins, damaged(**{"$user_id": ME})),
            (checks.identity_joins, damaged(**{"$device_id": "11111111-0000-4000-8000-00000000cccc"})), (checks.identity_joins, damaged(**{"$device_id": "abc"})),
            (checks.identity_joins, self.arrived([good[0], self.event("p1", HASHED, anon="$device:other")])), (checks.identity_joins, self.arrived([good[0], self.event("p1", HASHED, anon="p9")])),
            (checks.no_address_lookup, self.arrived(good, "/track?ip=1")), (checks.no_address_lookup, self.arrived(good, "/track")), (checks.clean_transport, self.arrived(good, headers=[("Cookie", "a=b")])),
            (checks.clean_transport, self.arrived(good, headers=[("X-Anything", "a")])), (checks.vendor_credentials, self.arrived(good, "/import?ip=0", headers=[("Authorization", "Basic eDo=")])),
            (checks.no_canary, damaged(x=EMAIL)), (checks.readable, self.arrived_raw(b"\xff\xff")), (checks.nothing_refused_left, self.arrived([], "/record/?seq=0")),
        ]
        for number, (check, after) in enumerate(cases):
            with self.subTest(f"{number} {check.__name__}"):
                self.assertTrue(check(self.before(), after))

    def arrived_raw(self, body):
        return checks.Arrived("mixpanel", VENDORS["mixpanel"]["shape"], [request(body)])


if __name__ == "__main__":
    outcome = unittest.main(exit=False, argv=[sys.argv[0], "-q"]).result
    bad = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.testsRun - bad if outcome.testsRun >= bad else 0} passed, {bad} failed")
    sys.exit(1 if bad else 0)
