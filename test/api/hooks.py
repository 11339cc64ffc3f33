"""What Schemathesis cannot know from the description: values of our formats, and the requests that are left out."""

import os
import re

import schemathesis
from hypothesis import strategies as st

NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)
HOST = st.sampled_from(["bix.org", "other.example"])

schemathesis.openapi.format("jid", st.one_of(st.just("juliet@bix.org"), st.builds("{}@{}".format, NAME, HOST)))
schemathesis.openapi.format("jid-resource", NAME)
schemathesis.openapi.format("idn-hostname", HOST)
schemathesis.openapi.format("password", st.text("abcdefghijklmnopqrstuvwxyzäöü ", min_size=10, max_size=99).map(lambda text: f"x{text}x"))
schemathesis.openapi.format("ip-network", st.sampled_from(["192.0.2.1", "2001:db8::/64"]))
schemathesis.openapi.format("time-zone", st.sampled_from(["Europe/Rome", "Asia/Tokyo"]))
schemathesis.openapi.format("cursor", st.just("anVsaWV0QGJpeC5vcmc"))

# The same by name: where a text has a length too, its format is not looked at when its bounds are tried.
JID = re.compile(r"[a-z0-9]{1,20}@(bix\.org|other\.example)")
FITS = {
    "jid": JID,
    "to": JID,
    "inviter": JID,
    "from": JID,
    "account": JID,
    "host": re.compile(r"bix\.org|other\.example"),
    "resource": re.compile(r"[a-z0-9]{1,1023}"),
    "address": re.compile(r"192\.0\.2\.1|2001:db8::/64"),
    "cursor": re.compile(r"anVsaWV0QGJpeC5vcmc"),
    "zone": re.compile(r"Europe/Rome|Asia/Tokyo"),
    "password": re.compile(r"[a-z0-9äöü ]{10,1024}"),
}


def fields(value):
    """Each name with its value, also those inside."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from fields(inner)


@schemathesis.hook
def filter_case(context, case):
    # With its own token ended the rest of the run would see 401 alone.
    ended = str((case.path_parameters or {}).get("id")) if case.path.endswith("/tokens/{id}") else None
    return ended != os.environ["OWN_TOKEN"]


def cannot_be_described(case, given):
    """Why a request that follows the description may be refused all the same; None: it may not."""
    if not all(FITS[name].fullmatch(str(value)) for name, value in given if name in FITS):
        return "the text is not of its format"
    names = {name for name, _ in given}
    if case.path == "/v1/push/explain" and ("jid" in names) == ("message" in names):
        return "either of two parameters is needed"
    if case.path == "/v1/invites" and "inviter" not in names and dict(given).get("register") is False:
        return "one of two things must be offered"
    if case.path == "/v1/invites" and "jid" in names and "host" in names:
        return "the host must be that of the address"
    if case.path == "/v1/uploads" and case.method.upper() == "DELETE" and not names & {"account", "older_than"}:
        return "an account or an age must be named"
    if case.path == "/v1/rooms" and isinstance(case.body, dict) and not str(case.body.get("jid", "@conference.")).count("@conference."):
        return "rooms have a domain of their own"
    if case.path == "/v1/push/channels/{channel}/send":
        return "which of Apple's keys go with which event of a Live Activity is looked at one by one"
    if case.path == "/xmpp-websocket":
        return "it is for WebSocket clients"
    return None


@schemathesis.check
def what_follows_the_description_is_accepted(ctx, response, case):
    """In place of positive_data_acceptance, which knows no exceptions."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    given = [*fields(case.path_parameters or {}), *fields(dict(case.query or {})), *fields(case.body)]
    if response.status_code == 422 and response.json().get("code") == "key-reused":
        return  # The description cannot say that one key is for one request.
    if response.status_code in (400, 413, 415, 422, 426):
        assert cannot_be_described(case, given), f"{response.status_code}: {response.text}"

