# SPDX-License-Identifier: LGPL-2.1-or-later
"""Undocumented arguments are InvalidArgs, without an API call."""

import pytest
from jeepney import DBusAddress, new_method_call

from .client import INTERFACES, NAME, PATH, PROPERTIES, SIGNATURES, Connection, tenancy_path
from .stack import RP_ID, new_request_id, raises

CODE = "cd_never-issued"
# Arguments that are all right, up to the options; and the options with their types.
OPTIONS = {
    "Authorize": ((RP_ID, "ada", "ada"), {
        "rp_name": "s", "display_name": "s", "exclude_credentials": "as", "exclude_linked": "b",
        "user_verification": "s", "timeout_ms": "u"}),
    "AuthorizeAuthentication": ((RP_ID,), {
        "user_id": "s", "allow_credentials": "as", "discoverable": "b", "mediation": "s",
        "user_verification": "s", "timeout_ms": "u"}),
    "Exchange": ((CODE,), {"user_id": "s", "link": "b", "request_id": "s"}),
    "VerifyIdToken": (("a.b.c",), {"user_id": "s"}),
    "Import": (([],), {"dry_run": "b"}),
    "Reconcile": ((), {"dry_run": "b"}),
    "UpdatePasskeys": (("ada", "ada"), {"display_name": "s"}),
    "DeletePasskeys": ((["pk"],), {}),
    "DeleteUserPasskeys": (("ada",), {}),
    "PrunePasskeys": (("ada",), {}),
    "CreateChallenge": (("ada@example.com", "login"), {
        "name": "s", "user_id": "s", "metadata": "s", "invalidate_others": "b",
        "skip_rate_limit": "b", "send_email": "b"}),
}
ALL_OPTIONS = [(method, key, right) for method, (_, types) in OPTIONS.items()
               for key, right in types.items()]
VALUES = {"s": "required-as-text", "as": ["a"], "b": True, "u": 60000, "t": 60000, "i": 1,
          "ai": [1], "v": ("s", "text"), "a{sv}": {}, "o": "/", "ay": b"required"}
GOOD = {"user_verification": ("s", "required"), "mediation": ("s", "required"),
        "discoverable": ("b", False), "metadata": ("s", "{}"), "request_id": ("s", "r" * 20),
        "timeout_ms": ("u", 60000)}


def scope(method: str, key: str) -> dict:
    """Other options that make the call valid apart from the tested option."""
    if method != "AuthorizeAuthentication":
        return {}
    if key == "allow_credentials":
        return {"user_id": ("s", "ada")}
    return {"allow_credentials": ("as", ["a"])}


def call(connection, method: str, options):
    """Calls the method with valid arguments and these options."""
    return connection.method(method, *OPTIONS[method][0], options)


@pytest.fixture(autouse=True)
def refused_means_refused(request, stack):
    """After a test_..._refused, the API has received no request."""
    refused = "refused" in request.function.__name__
    before = stack.sandbox.calls()
    yield
    if refused:
        assert stack.sandbox.calls() == before
        assert stack.daemon.running


@pytest.mark.parametrize("method", OPTIONS)
@pytest.mark.parametrize("key", ["unknown", "", "Link", "LINK", "user_id ", "timeout"])
def test_unknown_option_is_refused(connection, method, key):
    with raises("InvalidArgs"):
        call(connection, method, scope(method, key) | {key: ("s", "x")})


@pytest.mark.parametrize("method, key, signature", [
    (method, key, signature) for method, key, right in ALL_OPTIONS
    for signature in VALUES if signature != right])
def test_option_of_another_type_is_refused(connection, method, key, signature):
    with raises("InvalidArgs"):
        call(connection, method, scope(method, key) | {key: (signature, VALUES[signature])})


@pytest.mark.parametrize("method, key, right", ALL_OPTIONS)
def test_option_that_is_there_twice_is_refused(connection, method, key, right):
    value = GOOD.get(key, (right, VALUES[right]))
    with raises("InvalidArgs"):
        call(connection, method, [*scope(method, key).items(), (key, value), (key, value)])


@pytest.mark.parametrize("method", ["Authorize", "AuthorizeAuthentication"])
@pytest.mark.parametrize("value", ["", "Required", "always", "required "])
def test_user_verification_of_another_kind_is_refused(connection, method, value):
    options = {"user_verification": ("s", value)}
    with raises("InvalidArgs"):
        call(connection, method, scope(method, "user_verification") | options)


@pytest.mark.parametrize("method, key", [
    ("Authorize", "rp_name"), ("Authorize", "display_name"), ("UpdatePasskeys", "display_name")])
@pytest.mark.parametrize("length", [0, 257])
def test_name_of_a_wrong_length_is_refused(connection, method, key, length):
    with raises("InvalidArgs"):
        call(connection, method, {key: ("s", "n" * length)})


@pytest.mark.parametrize("method, key", [
    ("Authorize", "exclude_credentials"), ("AuthorizeAuthentication", "allow_credentials")])
@pytest.mark.parametrize("ids", [[""], ["x" * 513], ["fine", ""]], ids=["empty", "long", "second"])
def test_id_of_a_wrong_length_is_refused(connection, method, key, ids):
    with raises("InvalidArgs"):
        call(connection, method, scope(method, key) | {key: ("as", ids)})


@pytest.mark.parametrize("request_id", [
    "", "r" * 15, "r" * 65, "r" * 1000, "r" * 19 + " ", "r" * 19 + "/", "r" * 19 + "=",
    "r" * 19 + "+", "r" * 19 + ".", "r" * 19 + "é", "r" * 19 + "\n"])
def test_request_id_is_refused(connection, request_id):
    with raises("InvalidArgs"):
        call(connection, "Exchange", {"request_id": ("s", request_id)})


@pytest.mark.parametrize("request_id", ["r" * 16, "r" * 64, "AZaz09_-" * 2])
def test_request_id_is_accepted(connection, request_id):
    with raises("InvalidCode"):
        call(connection, "Exchange", {"request_id": ("s", request_id)})


@pytest.mark.parametrize("method", [method for method, key, _ in ALL_OPTIONS if key == "user_id"])
@pytest.mark.parametrize("user_id", ["", "u" * 257, "é" * 129])
def test_user_of_a_wrong_length_is_refused(connection, method, user_id):
    with raises("InvalidArgs"):
        call(connection, method, scope(method, "user_id") | {"user_id": ("s", user_id)})


CHALLENGE = ("ada@example.com", "login", {"skip_rate_limit": ("b", True)})
# Each string argument: its method, all arguments as they may be, its index, and its bound.
STRINGS = {
    "rp_id": ("Authorize", (RP_ID, "ada", "ada", {}), 0, 253),
    "user_id": ("Authorize", (RP_ID, "ada", "ada", {}), 1, 256),
    "username": ("Authorize", (RP_ID, "ada", "ada", {}), 2, 256),
    "rp_id-sign-in": ("AuthorizeAuthentication", (RP_ID, {"discoverable": ("b", True)}), 0, 253),
    "code": ("Exchange", (CODE, {}), 0, 512),
    "id_token": ("VerifyIdToken", ("a.b.c", {}), 0, 8192),
    "GetUser": ("GetUser", ("a",), 0, 512),
    "ListByUser": ("ListByUser", ("u",), 0, 256),
    "Add-user": ("Add", ("u", "a"), 0, 256),
    "Add-authenticator": ("Add", ("u", "a"), 1, 512),
    "Remove": ("Remove", ("a",), 0, 512),
    "RemoveByUser": ("RemoveByUser", ("u",), 0, 256),
    "GetPasskey": ("GetPasskey", ("a",), 0, 512),
    "UpdatePasskeys-user": ("UpdatePasskeys", ("ada", "ada", {}), 0, 256),
    "UpdatePasskeys-name": ("UpdatePasskeys", ("ada", "ada", {}), 1, 256),
    "DeletePasskeys": ("DeletePasskeys", (["a"], {}), 0, 512),
    "DeleteUserPasskeys": ("DeleteUserPasskeys", ("ada", {}), 0, 256),
    "PrunePasskeys": ("PrunePasskeys", ("ada", {}), 0, 256),
    "email": ("CreateChallenge", CHALLENGE, 0, 254),
    "purpose": ("CreateChallenge", CHALLENGE, 1, 64),
    "GetChallenge": ("GetChallenge", ("ch",), 0, 512),
    "VerifyChallenge-id": ("VerifyChallenge", ("ch", "secret", "123456"), 0, 512),
    "VerifyChallenge-secret": ("VerifyChallenge", ("ch", "secret", "123456"), 1, 512),
    "VerifyChallenge-code": ("VerifyChallenge", ("ch", "secret", "123456"), 2, 64),
    "DeleteChallenge": ("DeleteChallenge", ("ch",), 0, 512),
}
LABEL = "a" * 49 + "."
# Where not every text will do: the longest that does.
AT_THE_BOUND = {"rp_id": (LABEL * 6)[:249] + ".com", "rp_id-sign-in": (LABEL * 6)[:249] + ".com",
                "email": "a" * 242 + "@example.com", "purpose": "Az9._:-x" * 8}


# What such arguments may meet: they are good, but nothing is there, or somebody else has it. The
# sandbox has narrower bounds of its own.
FINE = ("NotFound", "InvalidCode", "InvalidToken", "BadRequest", "LinkConflict", "InvalidChallenge",
        "InvalidChallengeCode")


def start_with(connection: Connection, name: str, text: str) -> int:
    method, args, index, _ = STRINGS[name]
    value = [text] if isinstance(args[index], list) else text
    return connection.start_method(method, *args[:index], value, *args[index + 1:])


@pytest.mark.parametrize("name", STRINGS)
def test_empty_string_is_refused(connection, name):
    with raises("InvalidArgs"):
        connection.finish(start_with(connection, name, ""))


@pytest.mark.parametrize("name", STRINGS)
@pytest.mark.parametrize("beyond", [1, 2, 100000])
def test_long_string_is_refused(connection, name, beyond):
    with raises("InvalidArgs"):
        connection.finish(start_with(connection, name, "x" * (STRINGS[name][3] + beyond)))


@pytest.mark.parametrize("name", STRINGS)
def test_bound_is_of_bytes_and_beyond_it_is_refused(connection, name):
    bound = STRINGS[name][3]
    with raises("InvalidArgs"):
        connection.finish(start_with(connection, name, "é" * (bound // 2 + 1)))


@pytest.mark.parametrize("name", STRINGS)
def test_string_at_its_bound_is_accepted(connection, name):
    bound = STRINGS[name][3]
    texts = [AT_THE_BOUND[name]] if name in AT_THE_BOUND else ["x" * bound, "é" * (bound // 2)]
    for text in texts:
        assert len(text.encode()) == bound
        result = connection.outcome(start_with(connection, name, text))
        assert result[:1] != ("error",) or result[1] in FINE


@pytest.mark.parametrize("method", SIGNATURES)
@pytest.mark.parametrize("wrong, args", [("i", (7,)), ("sssss", ("a",) * 5), ("v", (("s", "a"),)),
                                         ("ay", (b"abc",)), ("a{ss}", ({},))])
def test_wrong_signature_is_refused(connection, method, wrong, args):
    interface = INTERFACES[method]
    path = PATH if interface == "Manager" else tenancy_path()
    with raises("InvalidArgs"):
        connection.call(path, interface, method, wrong, *args)


@pytest.mark.parametrize("method", [method for method, signature in SIGNATURES.items() if signature])
def test_call_without_arguments_is_refused(connection, method):
    interface = INTERFACES[method]
    with raises("InvalidArgs"):
        connection.call(PATH if interface == "Manager" else tenancy_path(), interface, method)


@pytest.mark.parametrize("interface, name", [("Tenancy", "State"), ("Tenancy", "TenancyId"),
                                             ("Links", "Count")])
def test_property_cannot_be_set(connection, interface, name):
    with raises("PropertyReadOnly", "AccessDenied", "InvalidArgs"):
        connection.call(tenancy_path(), PROPERTIES, "Set", "ssv", f"{NAME}.{interface}", name,
                        ("s", "x"))


@pytest.mark.parametrize("path, names", [
    (tenancy_path("nowhere"), ("UnknownObject", "UnknownMethod")),
    (PATH + "/tenancy", ("UnknownObject", "UnknownMethod", "UnknownInterface")),
    (PATH, ("UnknownObject", "UnknownMethod", "UnknownInterface"))])
def test_tenancy_is_nowhere_else(connection, path, names):
    with raises(*names):
        connection.call(path, "Tenancy", "Exchange", "sa{sv}", CODE, {})


def test_unknown_method(connection):
    with raises("UnknownMethod"):
        connection.call(tenancy_path(), "Tenancy", "ExchangeTwice", "s", CODE)


@pytest.mark.parametrize("raw", [b"\xff\xfe\xfd", b"\xc0\xaf\xc0", b"\xed\xa0\x80", b"a\0b"])
def test_text_that_is_no_utf8_ends_at_the_bus(stack, raw):
    marker = "!" * len(raw)
    with stack.connect() as connection:
        call = new_method_call(DBusAddress(tenancy_path(), NAME, f"{NAME}.Links"), "GetUser", "s",
                               (marker,))
        data = call.serialise(serial=1000)
        assert data.count(marker.encode()) == 1
        connection.bus.sock.sendall(data.replace(marker.encode(), raw))
        with pytest.raises((ConnectionError, OSError)):
            connection.finish(1000)
    stack.assert_healthy()


def test_options_without_end(connection):
    """As many options as fit into a bus message."""
    with raises("InvalidArgs"):
        call(connection, "Exchange", [(f"key-{i}", ("b", True)) for i in range(20000)])
    with raises("InvalidArgs", "LimitsExceeded", "BadRequest"):
        call(connection, "Authorize", {"exclude_credentials": ("as", ["x" * 100] * 20000)})
    with raises("InvalidArgs"):
        call(connection, "Exchange", {"request_id": ("s", new_request_id() + "x" * 1000000)})
