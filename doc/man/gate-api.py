#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""gate-api.py DIRECTORY error.h http-error.h INTERFACE.xml...

Generates passlock-gate-api(7) from the D-Bus interfaces: see gate/api.py.
"""

import sys
from pathlib import Path

import mdoc

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "dbus"), str(ROOT / "gate")]
import api  # noqa: E402
import interface as dbus  # noqa: E402

NAME = "passlock-gate-api"
JSON_TYPES = {"s": "string", "b": "boolean", "u": "number", "t": "number", "as": "array of strings",
              "a{sv}": "object", "aa{sv}": "array of objects", "a(ss)": "array of pairs", "a(sss)": "array of triples"}
INTRO = """\
`passlock-gate` speaks HTTP/1.1 on a unix socket. Requests and replies are JSON objects, with the names of the D-Bus
arguments. Options are members beside the arguments; they may be left out, all others must be there. An unknown
member, a repeated one, or a value of the wrong type is InvalidArgs, and nothing is called. Numbers are integers; times
are milliseconds since the epoch. A body is at most 64 KiB.

The parameter tenancy=LABEL in the query selects a tenancy other than the gate's default. There are no other parameters,
and no other routes than these. Requests with one of the headers Origin and Sec-Fetch-Site, which only browsers send, are
refused.

The semantics, bounds and errors of a method are those of the interface on D-Bus. Exchange gets a request_id if it has
none, so that it is repeated safely when passlockd restarts. If the client disconnects, its call is cancelled.

Clients that open more than 256 connections wait. A connection is closed after 60 seconds without a request, after 10
seconds within a request, and if a reply is not read for 60 seconds.\
"""


def type_name(kind: str) -> str:
    return JSON_TYPES.get(kind, kind)


def rows(keys: list[dbus.Key]) -> list[str]:
    return mdoc.tagged([(f"Va {key.name} Pq Vt {type_name(key.type)}", [mdoc.inline(key.text)]) for key in keys],
                       compact=True)


def value(each, entry: list[dbus.Key]) -> tuple[str, list[str]]:
    """A member of a request or of a reply, with the keys of its object."""
    text = mdoc.inline(each.text).split("\n") if each.text else []
    return f"Va {each.name} Pq Vt {type_name(each.type)}", [*text, *rows(entry)]


def reply_keys(interface: dbus.Interface, method: dbus.Member, argument: dbus.Argument) -> list[dbus.Key]:
    noun = api.noun_of(interface, argument)
    found = interface.dictionaries()
    return [*found.get(noun, []), *argument.keys, *(found.get(method.name, []) if noun else [])]


def method_section(name: str, interface: dbus.Interface, method: dbus.Member) -> list[str]:
    text = method.text
    lines = [f".Ss POST /v1/{name}", mdoc.inline(text[0].upper() + text[1:])]
    members = [value(each, each.keys if isinstance(each, dbus.Argument) else []) for _, each in api.inputs(method)]
    replies = [value(each, reply_keys(interface, method, each)) for each in method.arguments("out")]
    for title, items in (("Request:", members), ("Reply:", replies)):
        lines += [".Pp", title if items else f"{title} an empty object."]
        lines += mdoc.tagged(items)
    return lines


def errors_section(errors: list[dbus.Error]) -> list[str]:
    intro = ('An error is an object with the members `error`, a name, and `message`. Replies of status 429 and 503 have '
             'Retry-After.')
    return [mdoc.inline(intro), *mdoc.tagged([(f"{error.status} Er {error.name}", [mdoc.inline(f"{error.text}.")])
                                              for error in errors])]


def stream_section(interfaces: list[dbus.Interface]) -> list[str]:
    signal = api.stream(interfaces)
    return [f".Ss GET /v1/{api.STREAM}",
            mdoc.inline("Server-sent events, at most 32 streams: " + signal.text), ".Pp", "Events:",
            *mdoc.tagged([(f"Li {event}", [mdoc.inline(text)]) for event, text in api.EVENTS.items()]),
            ".Pp", mdoc.inline(f"Members of {signal.name}:"),
            *mdoc.tagged([value(each, []) for each in signal.arguments("out")]), ".Pp",
            mdoc.inline("A client that does not read is disconnected. A stream ends after Lost if the error is one of "
                        "D-Bus, such as AccessDenied.")]


def main(directory: str, header: str, own_header: str, *files: str):
    interfaces = [dbus.read(Path(file)) for file in files]
    errors = [*dbus.errors(Path(header)), *api.own_errors(Path(own_header))]
    body = mdoc.section("DESCRIPTION", *mdoc.text([" ".join(block.split()) for block in INTRO.split("\n\n")]))
    body += mdoc.section("METHODS", *sum((method_section(*each) for each in api.methods(interfaces)), []))
    body += mdoc.section("OTHER ROUTES", *stream_section(interfaces),
                         *sum(([f".Ss GET {route}", mdoc.inline(text)] for route, text in api.ROUTES.items()), []))
    body += mdoc.section("NAMES OF ERRORS", *errors_section(errors))
    body += mdoc.section("EXAMPLES", ".Bd -literal",
                         r"$ curl --unix\-socket /run/passlock\-gate/www\-data/socket \e",
                         r"      http://localhost/v1/Links.GetUser \-d '{\(dqauthenticator_id\(dq:\(dqabc\(dq}'",
                         r"{\(dquser_id\(dq:\(dquser\-42\(dq}", ".Ed")
    body += mdoc.see_also(("curl", 1), ("dev.passlock.Passlock1", 5), ("passlockd.conf", 5), ("passlock-gate", 8))
    mdoc.Pages(Path(directory), 7).write([NAME], "HTTP interface of passlock-gate", "dbus/*.xml", body)


if __name__ == "__main__":
    main(*sys.argv[1:])
