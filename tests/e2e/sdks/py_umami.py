"""The real `umami-analytics` package: a view, events."""
import umami

from driver import BASE, CANARIES, EVENT, PROJECT, UTILITY, WHO, finish, properties

trouble, page = [], CANARIES["page"]
umami.set_url_base(BASE)
umami.set_website_id(f"{PROJECT[:8]}-{PROJECT[8:12]}-4{PROJECT[13:16]}-8{PROJECT[17:20]}-{PROJECT[20:]}")
umami.set_hostname("shop.example")
where = {"url": page["path"] + page["query"], "referrer": page["referrer"]}


def call(name, run, *args, **more):
    try:
        run(*args, **more)
    except Exception as error:  # noqa: BLE001
        trouble.append(f"{name}: {str(error)[:200]}")


call("view", umami.new_page_view, page["title"], **where, ip_address=WHO["ip"])
call("event", umami.new_event, EVENT, title=page["title"], **where, custom_data={key: value for key, value in properties().items() if value is not None}, ip_address=WHO["ip"])
call("event small", umami.new_event, EVENT, title=page["title"], url="/", custom_data={"plan": UTILITY["plan"], "amount": UTILITY["amount"], "items": UTILITY["items"]}, distinct_id=WHO["user_id"])
finish(trouble)
