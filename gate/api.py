# SPDX-License-Identifier: LGPL-2.1-or-later
"""The HTTP interface of the gate, derived from the D-Bus interfaces: for generate.py and the manual page."""

import re
import sys
from pathlib import Path

import interface as dbus

SERVED = ("Tenancy", "Links", "Vault", "Mailbox")
# A subscription belongs to a connection to the bus, which the apps of a gate share. GET /v1/Links.Changed has it.
PER_CONNECTION = {"Links.Subscribe", "Links.Unsubscribe"}
STREAM = "Links.Changed"
OPTIONS = "options"
OWN_ERROR = re.compile(r'X\(\w+, (\d+), "(\w+)", "([^"]*)"\)')

# Lines of http-error.h, and what the stream tells beside the signal.
EVENTS = {
    "Watched": "Changes from now on follow; earlier ones may be missing. It is the first event, and comes again "
               "after Lost: read the links again.",
    STREAM.partition(".")[2]: "The arguments of the signal; what was removed was removed before the rest was added.",
    "Lost": "An error object: changes are not reported until the next Watched.",
}
ROUTES = {
    "/v1/health": "The State of the tenancy: ready, unconfigured, denied or degraded.",
    "/v1/openapi.json": "The OpenAPI description of this interface.",
    "/metrics": "Metrics of the gate, in the text format of Prometheus; before them those of passlockd, see "
                "passlock-metrics(7), if the gate's user has the right Metrics and passlockd answers in time. "
                "passlock_gate_daemon_metrics is 1 with, 0 without them.",
}


def is_flat(argument: dbus.Argument) -> bool:
    """Whether the keys of a dictionary are members beside the arguments."""
    return argument.name == OPTIONS and argument.type == "a{sv}"


def methods(interfaces: list[dbus.Interface]):
    """Yields the name of each method that is served, its interface and itself."""
    for interface in interfaces:
        if interface.short_name not in SERVED:
            continue
        for method in interface.of_kind("method"):
            name = f"{interface.short_name}.{method.name}"
            if name in PER_CONNECTION:
                continue
            members = [member for member, _ in inputs(method)]
            if len(members) != len(set(members)):
                sys.exit(f"{interface.path}: {name} has an option with the name of an argument")
            yield name, interface, method


def inputs(method: dbus.Member):
    """Yields the members of a request: name, and Argument or Key."""
    for argument in method.arguments("in"):
        if is_flat(argument):
            yield from ((key.name, key) for key in argument.keys)
        else:
            yield argument.name, argument


def stream(interfaces: list[dbus.Interface]) -> dbus.Member:
    short, _, name = STREAM.partition(".")
    return next(signal for interface in interfaces if interface.short_name == short
                for signal in interface.of_kind("signal") if signal.name == name)


def own_errors(header: Path) -> list[dbus.Error]:
    """The errors of the gate itself, from http-error.h."""
    table = re.sub(r"\s*\\\n\s*", " ", header.read_text())
    return [dbus.Error("", name, int(status), text) for status, name, text in OWN_ERROR.findall(table)]


# OpenAPI

BASIC = {
    "s": {"type": "string"},
    "b": {"type": "boolean"},
    "u": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    "t": {"type": "integer", "format": "int64", "minimum": 0},
}


def schema(kind: str, entry: dict | None = None) -> dict:
    """The schema of a D-Bus type. `entry` is that of the a{sv} in it."""
    if kind in BASIC:
        return dict(BASIC[kind])
    if kind == "a{sv}":
        return dict(entry or {"type": "object"})
    if kind.startswith("a"):
        return {"type": "array", "items": schema(kind[1:], entry)}
    if re.fullmatch(r"\([a-z]+\)", kind):
        fields = [schema(each) for each in kind[1:-1]]
        return {"type": "array", "items": {"anyOf": [each for n, each in enumerate(fields) if each not in fields[:n]]},
                "minItems": len(fields), "maxItems": len(fields)}
    sys.exit(f"No schema for the D-Bus type {kind}")


def with_text(found: dict, text: str) -> dict:
    return found | {"description": text} if text else found


def dictionary(keys: list[dbus.Key]) -> dict:
    return {"type": "object", "properties": {key.name: with_text(schema(key.type), key.text) for key in keys}}


def object_of(arguments: list[tuple[str, dict]], required: list[str], closed: bool) -> dict:
    found = {"type": "object", "properties": dict(arguments)}
    if required:
        found["required"] = required
    if closed:
        found["additionalProperties"] = False
    return found


def request_schema(method: dbus.Member) -> dict:
    members, required = [], []
    for name, each in inputs(method):
        entry = None
        if isinstance(each, dbus.Argument):
            required.append(name)
            entry = dictionary(each.keys) | {"additionalProperties": False}
        members.append((name, with_text(schema(each.type, entry), each.text)))
    return object_of(members, required, closed=True)


def noun_of(interface: dbus.Interface, argument: dbus.Argument) -> str | None:
    """The dictionary of the comment of the interface that this argument has."""
    return next((noun for noun in interface.dictionaries()
                 if argument.name in (noun, f"{noun}s") and "{sv}" in argument.type), None)


def reply_schema(interface: dbus.Interface, method: dbus.Member) -> dict:
    members = []
    for argument in method.arguments("out"):
        noun = noun_of(interface, argument)
        own = [*argument.keys, *(interface.dictionaries().get(method.name, []) if noun else [])]
        parts = [{"$ref": f"#/components/schemas/{noun}"}] if noun else []
        parts += [dictionary(own)] if own else []
        entry = {"allOf": parts} if len(parts) > 1 else parts[0] if parts else None
        members.append((argument.name, with_text(schema(argument.type, entry), argument.text)))
    return object_of(members, [name for name, _ in members], closed=False)


def json_content(found: dict) -> dict:
    return {"content": {"application/json": {"schema": found}}}


def error_responses(errors: list[dbus.Error]) -> dict:
    """One response for each status: the names of its errors."""
    found = {}
    for error in errors:
        found.setdefault(str(error.status), []).append(error)
    return {status: {"description": " ".join(f"{error.name}: {error.text}." for error in those),
                     **({"headers": {"Retry-After": {"schema": {"type": "integer"}}}}
                        if status in ("429", "503") else {}),
                     **json_content({"$ref": "#/components/schemas/error"})}
            for status, those in sorted(found.items())}


def openapi(interfaces: list[dbus.Interface], errors: list[dbus.Error], version: str) -> dict:
    failures = {status: {"$ref": f"#/components/responses/{status}"} for status in error_responses(errors)}
    paths = {}
    for name, interface, method in methods(interfaces):
        paths[f"/v1/{name}"] = {"post": {
            "operationId": name, "summary": method.summary, "description": method.text,
            "parameters": [{"$ref": "#/components/parameters/tenancy"}],
            "requestBody": {"required": True, **json_content(request_schema(method))},
            "responses": {"200": {"description": "Success", **json_content(reply_schema(interface, method))},
                          **failures}}}
    paths[f"/v1/{STREAM}"] = {"get": {
        "summary": stream(interfaces).summary,
        "description": " ".join(f"{event}: {text}" for event, text in EVENTS.items()),
        "parameters": [{"$ref": "#/components/parameters/tenancy"}],
        "responses": {"200": {"description": "Server-sent events",
                              "content": {"text/event-stream": {"schema": {"type": "string"}}}}, **failures}}}
    for route, text in ROUTES.items():
        paths[route] = {"get": {"summary": text, "responses": {"200": {"description": "Success"}}}}
    paths["/v1/health"]["get"]["parameters"] = [{"$ref": "#/components/parameters/tenancy"}]
    schemas = {noun: dictionary(keys) for interface in interfaces if interface.short_name in SERVED
               for noun, keys in interface.dictionaries().items() if noun.islower()}
    schemas["error"] = {"type": "object", "required": ["error", "message"], "properties": {
        "error": {"type": "string", "enum": [error.name for error in errors]}, "message": {"type": "string"}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "passlock-gate", "version": version,
                 "description": "passlockd by HTTP on a unix socket. Times are milliseconds since the epoch."},
        "paths": paths,
        "components": {
            "parameters": {"tenancy": {"name": "tenancy", "in": "query", "required": False,
                                       "description": "The label of the tenancy, if not the gate's default.",
                                       "schema": {"type": "string", "pattern": "^[a-z0-9_]{1,32}$"}}},
            "schemas": schemas,
            "responses": error_responses(errors)},
    }
