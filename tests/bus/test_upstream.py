# SPDX-License-Identifier: LGPL-2.1-or-later
"""Error texts of the API reach no caller, and only the debug log."""

import pytest

from harness.standin import Reply, StandIn

from .client import plain
from .stack import RP_ID, Stack, new_request_id, new_user, raises

MARKER = "Quixotic-Zebra-77"
PRINCIPAL = {"_tag": "ExtendedPrincipal", "id": "pr1", "userId": "ada", "authenticatorId": "pk1",
             "authenticatorType": "passkey", "passkey": {"verified": True, "userVerified": True},
             "createdAt": 1767225600000, "expiresAt": 1767225900000, "metadata": {}}


def error(status: int, tag: str) -> Reply:
    return Reply(status, {"_tag": f"@error/{tag}", "message": MARKER})


# The reply to Authorize and to Exchange, and what either becomes.
REPLIES = {
    "BadRequest": (error(400, "BadRequest"), "BadRequest"),
    "InvalidCode": (error(404, "InvalidCode"), "InvalidCode"),
    "Forbidden": (error(403, "Forbidden"), "ApiDenied"),
    "rate limit": (Reply(429, {"_tag": f"@error/{MARKER}", "message": MARKER},
                         {"Retry-After": MARKER}), "RateLimited"),
    "server error": (error(500, MARKER), "Unreachable"),
    "html": (Reply(200, f"<h1>{MARKER}</h1>".encode(), {"Content-Type": "text/html"}),
             "MalformedReply"),
    "other success": (Reply(200, {"_tag": MARKER, MARKER: MARKER}), "MalformedReply"),
    "unknown error": (error(400, MARKER), "BadRequest"),
    "no such way": (Reply(404, f"<h1>{MARKER}</h1>".encode(), {"Content-Type": "text/html"}),
                    "BadRequest"),
    "spoiled": (Reply(200, {"_tag": "ExtendedPrincipal", "userId": MARKER, "id": MARKER}),
                "MalformedReply"),
    "header": (Reply(400, {"_tag": "@error/BadRequest", "message": ""}, {"X-Note": MARKER}),
               "BadRequest"),
}


@pytest.fixture(params=[(), ("--log-level=debug",)], ids=["info", "debug"], scope="module")
def upstream(request):
    stack = Stack()
    stack.daemon_options = request.param
    with stack, StandIn() as api:
        stack.sections["Tenancy default"] = stack.tenancy(Endpoint=api.endpoint)
        stack.apply()
        yield stack, api


@pytest.mark.parametrize("what", REPLIES)
@pytest.mark.parametrize("member", ["Authorize", "Exchange"])
def test_text_goes_nowhere(upstream, what, member):
    stack, api = upstream
    api.reply, name = REPLIES[what]
    if (name, member) == ("InvalidCode", "Authorize"):  # which the API never says there
        name = "BadRequest"
    with stack.connect() as connection, raises(name) as caught:
        if member == "Authorize":
            connection.authorize(RP_ID, new_user())
        else:
            connection.exchange("some-code")
    assert MARKER not in caught.error.message
    if not stack.daemon_options:
        assert MARKER not in stack.daemon.log_text()


def test_text_forges_no_line_of_the_log(upstream):
    stack, api = upstream
    for text in ("a\npasslockd: forged", "a\r\n<0>passlockd: forged", "\x1b[2Jforged",
                 "x" * 100000):
        api.fail(400, "BadRequest", text)
        with stack.connect() as connection:
            with raises("BadRequest"):
                connection.authorize(RP_ID, new_user())
            with raises("BadRequest"):
                connection.exchange("some-code")
    log = stack.daemon.log.read_bytes()
    assert b"\x1b" not in log and b"\r" not in log
    for line in log.split(b"\n"):
        assert len(line) < 2000
        assert not line.startswith((b"passlockd: forged", b"<0>"))


def test_callers_forge_no_line_of_the_log(upstream):
    stack, _ = upstream
    with stack.connect() as connection:
        for text in ("a\npasslockd: forged", "\x1b[2J", "y" * 256):
            connection.outcome(connection.start_links("Add", text, text))
            connection.outcome(connection.start_links("GetUser", text))
            connection.outcome(connection.start_authorize(text, text))
            connection.outcome(connection.start_exchange(text, **{text: True}))
    log = stack.daemon.log.read_bytes()
    assert b"\x1b" not in log
    assert not [line for line in log.split(b"\n") if line.startswith(b"passlockd: forged")]


@pytest.fixture(scope="module")
def odd_api():
    with Stack() as stack, StandIn() as api:
        stack.sections["Tenancy default"] = stack.tenancy(Endpoint=api.endpoint)
        stack.apply()
        yield stack, api


# Of these, Unicode calls some "not characters"; they are valid UTF-8 and JSON nevertheless. A server
# that cuts texts in JavaScript leaves half a surrogate pair behind.
ODD = {"\ufffe": None, "a\x07b": None, "Mozilla/5.0\tX": None, "Mozilla\x85": None, "\x1b[31m": None,
       "\U0010ffff": None, "a\0b": None, "\ud83d": None, "x" * 5000: "x" * 4096, 7: None,
       "Zo\xeb\U0001f511": "Zo\xeb\U0001f511", ("an", "array"): None}
FIELDS = {"userAgent": ("user_agent", 4096), "ipAddress": ("ip_address", 0),
          "platformName": ("platform_name", 256)}


@pytest.mark.parametrize("odd", ODD, ids=lambda text: ascii(text)[:12])
@pytest.mark.parametrize("field", FIELDS)
def test_what_a_browser_says_of_itself_breaks_nothing(odd_api, odd, field):
    """User agents are untrusted: passed on, truncated or omitted."""
    stack, api = odd_api
    name, longest = FIELDS[field]
    principal = PRINCIPAL | {"passkey": dict(PRINCIPAL["passkey"]), "metadata": {}}
    principal["passkey" if field == "platformName" else "metadata"][field] = odd
    api.reply = Reply(200, principal)
    with stack.connect() as connection:
        told = plain(connection.exchange("some-code", request_id=new_request_id()))
        assert connection.state() == "ready"
    expected = ODD[odd]
    if expected and len(expected) > longest:
        expected = expected[:longest] or (None if len(expected) > 64 else expected)
    assert told.get(name) == expected
    assert (told["user_id"], told["verified"]) == ("ada", True)


@pytest.mark.parametrize("metadata", [None, 7, "text", [], {"userAgent": {"name": "Mozilla"}}],
                         ids=str)
def test_metadata_of_any_kind(odd_api, metadata):
    stack, api = odd_api
    api.reply = Reply(200, PRINCIPAL | {"metadata": metadata})
    with stack.connect() as connection:
        told = connection.exchange("some-code", link=False)
    assert not {"user_agent", "ip_address"} & set(told)


def test_metadata_may_be_missing(odd_api):
    stack, api = odd_api
    api.reply = Reply(200, {key: value for key, value in PRINCIPAL.items() if key != "metadata"})
    with stack.connect() as connection:
        assert plain(connection.exchange("some-code", link=False))["user_id"] == "ada"


def test_cut_text_is_the_first_answer_again(odd_api):
    """A retry gets the same truncated text from the store."""
    stack, api = odd_api
    principal = PRINCIPAL | {"metadata": {"userAgent": "\xeb" * 3000, "ipAddress": "::1"}}
    api.reply = Reply(200, principal)
    request_id = new_request_id()
    with stack.connect() as connection:
        first = connection.exchange("some-code", request_id=request_id)
        api.reply = Reply(500)
        assert connection.exchange("some-code", request_id=request_id) == first
    assert plain(first)["user_agent"] == "\xeb" * 2048


@pytest.mark.parametrize("field", ["userId", "authenticatorId", "id"])
@pytest.mark.parametrize("odd", ["\ufffe", "\U0010ffff", "a\nb", "a\ud83d", "a\0b"], ids=ascii)
def test_odd_ids_of_a_principal(odd_api, odd, field):
    stack, api = odd_api
    api.reply = Reply(200, PRINCIPAL | {field: odd})
    with stack.connect() as connection:
        with raises("MalformedReply"):
            connection.exchange("some-code", link=False)


def test_odd_principals_do_not_spoil_the_lists(odd_api):
    """A link that cannot be sent on the bus would break every list."""
    stack, api = odd_api
    with stack.connect() as connection:
        for i, change in enumerate([{"userId": "\ufffe"}, {"authenticatorId": "\ufffe"},
                                    {"passkey": PRINCIPAL["passkey"] |
                                     {"platformName": "\ufffe"}}]):
            api.reply = Reply(200, PRINCIPAL | {"authenticatorId": f"odd-{i}"} | change)
            connection.outcome(connection.start_exchange("some-code"))
        connection.links("Add", "ada", "fine")
        assert "fine" in [link["authenticator_id"] for link in connection.all_links()]
        connection.links("ListByUser", "ada")


@pytest.mark.parametrize("token", ["\ufffe", "a\nb", "", "x" * 100000], ids=lambda t: ascii(t)[:9])
def test_odd_registration_tokens(odd_api, token):
    stack, api = odd_api
    api.reply = Reply(200, {"_tag": "AuthorizedPasskeyRegistration", "registrationToken": token,
                            "expiresAt": 4102444800000})
    with stack.connect() as connection:
        outcome = connection.outcome(connection.start_authorize(RP_ID, new_user()))
    assert outcome[0] != "error" or outcome == ("error", "MalformedReply")
