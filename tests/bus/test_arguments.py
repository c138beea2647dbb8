# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is not as documented is InvalidArgs, and the API never hears of it."""

import pytest
from jeepney import DBusAddress, new_method_call

from .client import NAME, PATH, PROPERTIES, Connection, tenancy_path
from .stack import RP_ID, new_request_id, new_user, raises

AUTHORIZE_OPTIONS = {"rp_name": "s", "display_name": "s", "exclude_credentials": "as",
                     "exclude_linked": "b", "user_verification": "s", "timeout_ms": "u"}
EXCHANGE_OPTIONS = {"user_id": "s", "link": "b", "request_id": "s"}
VALUES = {"s": "required-as-text", "as": ["a"], "b": True, "u": 60000, "t": 60000, "i": 1,
          "ai": [1], "v": ("s", "text"), "a{sv}": {}, "o": "/", "ay": b"required"}
CODE = "cd_never-issued"


def options_of(member: str) -> dict[str, str]:
    return AUTHORIZE_OPTIONS if member == "Authorize" else EXCHANGE_OPTIONS


def call(connection, member: str, options):
    """With arguments that are all right, but for the options."""
    first = (RP_ID, new_user(), "somebody") if member == "Authorize" else (CODE,)
    return connection.finish(connection.start_tenancy(member, *first, options))


@pytest.fixture(autouse=True)
def refused_means_refused(request, stack):
    """After a test_..._refused the API has heard of nothing."""
    refused = "refused" in request.function.__name__
    before = stack.sandbox.calls()
    yield
    if refused:
        assert stack.sandbox.calls() == before
        assert stack.daemon.running


@pytest.mark.parametrize("member", ["Authorize", "Exchange"])
@pytest.mark.parametrize("key", ["unknown", "", "Link", "LINK", "user_id ", "timeout"])
def test_unknown_option_is_refused(connection, member, key):
    with raises("InvalidArgs"):
        call(connection, member, {key: ("s", "x")})


@pytest.mark.parametrize("member, key, signature", [
    (member, key, signature) for member in ("Authorize", "Exchange")
    for key, right in options_of(member).items() for signature in VALUES if signature != right])
def test_option_of_another_type_is_refused(connection, member, key, signature):
    with raises("InvalidArgs"):
        call(connection, member, {key: (signature, VALUES[signature])})


@pytest.mark.parametrize("member, key, value", [
    ("Authorize", "rp_name", ("s", "Shop")), ("Authorize", "exclude_linked", ("b", True)),
    ("Authorize", "timeout_ms", ("u", 60000)), ("Exchange", "user_id", ("s", "ada")),
    ("Exchange", "link", ("b", False)), ("Exchange", "request_id", ("s", "r" * 20))])
def test_option_that_is_there_twice_is_refused(connection, member, key, value):
    with raises("InvalidArgs"):
        call(connection, member, [(key, value), (key, value)])


@pytest.mark.parametrize("value", ["", "Required", "always", "required "])
def test_user_verification_of_another_kind_is_refused(connection, value):
    with raises("InvalidArgs"):
        call(connection, "Authorize", {"user_verification": ("s", value)})


@pytest.mark.parametrize("key", ["rp_name", "display_name"])
@pytest.mark.parametrize("length", [0, 257])
def test_name_of_a_wrong_length_is_refused(connection, key, length):
    with raises("InvalidArgs"):
        call(connection, "Authorize", {key: ("s", "n" * length)})


@pytest.mark.parametrize("ids", [[""], ["x" * 513], ["fine", ""]], ids=["empty", "long", "second"])
def test_excluded_id_of_a_wrong_length_is_refused(connection, ids):
    with raises("InvalidArgs"):
        call(connection, "Authorize", {"exclude_credentials": ("as", ids)})


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


@pytest.mark.parametrize("user_id", ["", "u" * 257, "é" * 129])
def test_expected_user_of_a_wrong_length_is_refused(connection, user_id):
    with raises("InvalidArgs"):
        call(connection, "Exchange", {"user_id": ("s", user_id)})


AUTHORIZE = ("Tenancy", "Authorize", "sssa{sv}")
EXCHANGE = ("Tenancy", "Exchange", "sa{sv}")
# Each string argument: its call, all arguments as they may be, its index, and its bound.
STRINGS = {
    "rp_id": (AUTHORIZE, (RP_ID, "ada", "ada", {}), 0, 253),
    "user_id": (AUTHORIZE, (RP_ID, "ada", "ada", {}), 1, 256),
    "username": (AUTHORIZE, (RP_ID, "ada", "ada", {}), 2, 256),
    "code": (EXCHANGE, (CODE, {}), 0, 512),
    "GetUser": (("Links", "GetUser", "s"), ("a",), 0, 512),
    "ListByUser": (("Links", "ListByUser", "s"), ("u",), 0, 256),
    "Add-user": (("Links", "Add", "ss"), ("u", "a"), 0, 256),
    "Add-authenticator": (("Links", "Add", "ss"), ("u", "a"), 1, 512),
    "Remove": (("Links", "Remove", "s"), ("a",), 0, 512),
    "RemoveByUser": (("Links", "RemoveByUser", "s"), ("u",), 0, 256),
}


# What such arguments may meet: they are good, but nothing is there, or somebody else has it.
FINE = ("NotFound", "InvalidCode", "BadRequest", "LinkConflict")


def start_with(connection: Connection, name: str, text: str) -> int:
    (interface, member, signature), args, index, _ = STRINGS[name]
    args = args[:index] + (text,) + args[index + 1:]
    return connection.start(tenancy_path(), interface, member, signature, *args)


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
    label = "a" * 49 + "."
    texts = ["x" * bound, "é" * (bound // 2)] if name != "rp_id" else [(label * 6)[:bound - 4] + ".com"]
    for text in texts:
        result = connection.outcome(start_with(connection, name, text))
        assert result[:1] != ("error",) or result[1] in FINE


MEMBERS = [("Manager", "ListTenancies", ""), ("Manager", "GetTenancy", "s"),
           ("Manager", "Reload", ""), AUTHORIZE, EXCHANGE, ("Links", "GetUser", "s"),
           ("Links", "ListByUser", "s"), ("Links", "List", "su"), ("Links", "Add", "ss"),
           ("Links", "Remove", "s"), ("Links", "RemoveByUser", "s")]


@pytest.mark.parametrize("interface, member, signature", MEMBERS)
@pytest.mark.parametrize("wrong, args", [("i", (7,)), ("sssss", ("a",) * 5), ("v", (("s", "a"),)),
                                         ("ay", (b"abc",)), ("a{ss}", ({},))])
def test_wrong_signature_is_refused(connection, interface, member, signature, wrong, args):
    path = PATH if interface == "Manager" else tenancy_path()
    with raises("InvalidArgs"):
        connection.call(path, interface, member, wrong, *args)


@pytest.mark.parametrize("interface, member, signature",
                         [member for member in MEMBERS if member[2]])
def test_call_without_arguments_is_refused(connection, interface, member, signature):
    with raises("InvalidArgs"):
        connection.call(PATH if interface == "Manager" else tenancy_path(), interface, member)


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
    """As many as the bus carries."""
    with raises("InvalidArgs"):
        call(connection, "Exchange", [(f"key-{i}", ("b", True)) for i in range(20000)])
    with raises("InvalidArgs", "LimitsExceeded", "BadRequest"):
        call(connection, "Authorize", {"exclude_credentials": ("as", ["x" * 100] * 20000)})
    with raises("InvalidArgs"):
        call(connection, "Exchange", {"request_id": ("s", new_request_id() + "x" * 1000000)})
