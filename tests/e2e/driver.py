"""Shared by the Python drivers: the environment the runner gives, the invented values, the report at the end.

A driver uses a real client library as an application would; the host is all that differs between the two runs.
"""
import json
import os
import sys
from pathlib import Path

CANARIES = json.loads((Path(__file__).resolve().parent / "canaries.json").read_text())
WHO, UTILITY = CANARIES["identity"], CANARIES["utility"]
BASE = os.environ["E2E_BASE"]          # where the vendor's paths stand: http://127.0.0.1:PORT[/vendor]
PROJECT = os.environ["E2E_PROJECT"]    # the project token; the runner tells drivers apart by it
VARIANT = os.environ.get("E2E_VARIANT", "")
EVENT = UTILITY["event_name"]


def properties():
    """What an application hands to track(): useful values, and identity in every disguise."""
    page = CANARIES["page"]
    return {
        **UTILITY, **CANARIES["server_utility"], "email": WHO["email"], "phone": WHO["phone"], "address": WHO["street"], "city": WHO["city"],
        "birthday": WHO["birthday"], "ip": WHO["ip"], "user_id": WHO["user_id"], "org_id": WHO["org_id"], "note": CANARIES["free_text"],
        "page": "https://shop.example" + page["path"] + page["query"], "referrer": page["referrer"],
        "raw_profile": json.dumps({"email": WHO["email"], "plan": "pro"}),
        **CANARIES["oddly_named"], **CANARIES["nested"],
    }


def profile():
    """What an application hands to people.set()."""
    return {
        "$name": WHO["name"], "$first_name": WHO["first_name"], "$last_name": WHO["last_name"], "$email": WHO["email"], "$phone": WHO["phone"],
        "$city": WHO["city"], "birthday": WHO["birthday"], "address": {"street": WHO["street"], "city": WHO["city"]}, "tags": [WHO["email"], "vip"],
        "plan": UTILITY["plan"], **CANARIES["oddly_named"],
    }


def finish(trouble=(), **extra):
    """The last line of a driver's output: what went wrong, and values it learnt that must not leave either."""
    print(json.dumps({"trouble": list(trouble), **extra}))
    sys.exit(1 if trouble else 0)
