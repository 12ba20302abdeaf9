"""The real `heapapi` package: an event, a person, lists of both. Its host is an attribute of its class: only that is changed."""
from heapapi import HeapAPIClient

from driver import BASE, EVENT, UTILITY, WHO, finish, profile, properties

HeapAPIClient.track_api, HeapAPIClient.props_api = BASE + "/api/track", BASE + "/api/add_user_properties"
trouble, client = [], HeapAPIClient("1234567")


def flat(given):
    return {key: value for key, value in given.items() if isinstance(value, (str, int, float)) and value != ""}


def call(name, run, *args):
    try:
        answer = run(*args)
        for one in answer if isinstance(answer, list) else [answer]:
            one.raise_for_status()
    except Exception as error:  # noqa: BLE001
        trouble.append(f"{name}: {str(error)[:200]}")


small = {"plan": UTILITY["plan"], "amount": UTILITY["amount"], "items": UTILITY["items"]}
call("track", client.track, WHO["user_id"], EVENT, flat(properties()))
call("add_user_properties", client.add_user_properties, WHO["email"], flat(profile()))
call("bulk_track", client.bulk_track, [{"identity": WHO["user_id"], "event": EVENT, "properties": small}, {"identity": WHO["email"], "event": EVENT, "properties": flat(properties())}])
call("bulk_add_user_properties", client.bulk_add_user_properties, [{"identity": WHO["user_id"], "properties": flat(profile())}, {"identity": WHO["alias_id"], "properties": small}])
finish(trouble)
