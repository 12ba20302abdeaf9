"""The real `sentry-sdk` package: a message, an exception with local variables, a transaction, a log."""
import sentry_sdk

from driver import BASE, EVENT, PROJECT, UTILITY, WHO, finish, profile, properties

sentry_sdk.init(
    dsn=BASE.replace("://", f"://{PROJECT}@") + "/42", send_default_pii=True, traces_sample_rate=1.0, release="probe@1.0", environment="probe",
    server_name="host-of-" + WHO["first_name"], include_local_variables=True, enable_logs=True,
)
sentry_sdk.set_user({"id": WHO["user_id"], "email": WHO["email"], "username": WHO["name"], "ip_address": WHO["ip"]})
sentry_sdk.set_tag("plan", UTILITY["plan"])
sentry_sdk.set_tag("org_id", WHO["org_id"])
sentry_sdk.set_context("profile", profile())
sentry_sdk.set_context("order", properties())
sentry_sdk.add_breadcrumb(category="auth", message="logged in as " + WHO["email"], data={"phone": WHO["phone"]})
sentry_sdk.capture_message(EVENT)


def charge(card, mail):
    raise ValueError(f"card {card} refused for {mail}")


try:
    charge("5555 5555 5555 4444", WHO["email"])
except ValueError as error:
    sentry_sdk.capture_exception(error)
with sentry_sdk.start_transaction(op="probe", name=EVENT) as transaction:
    with transaction.start_child(op="db", name="select * from users where email = '" + WHO["email"] + "'") as span:
        span.set_data("amount", UTILITY["amount"])
sentry_sdk.logger.info("mail to " + WHO["email"], attributes={"phone": WHO["phone"], "plan": UTILITY["plan"]})
sentry_sdk.flush(15)
finish()
