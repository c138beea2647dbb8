#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example in Python, with nothing but the standard library. README.md has the settings."""

import json
import logging
import os
import secrets
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from passlock import InvalidArgs, Passlock, PasslockError

HERE = Path(__file__).resolve().parent
RP_ID = os.environ.get("RP_ID", "localhost")
ENDPOINT = os.environ["PASSLOCK_ENDPOINT"]
BODY_MAX = 2**20
FILES = {
    "/": (HERE / "page/index.html", "text/html"),
    "/page.js": (HERE / "page/page.js", "text/javascript"),
    "/passlock.js": (Path(os.environ.get("PASSLOCK_JS", HERE / "../../browser/passlock.js")), "text/javascript"),
}

passlock = Passlock()
sessions: dict[str, dict] = {}  # by the value of the cookie; an app has them in its database


def sign_up(session, body):
    session["new_user_id"] = f"user-{secrets.token_hex(8)}"
    return {"token": passlock.authorize(RP_ID, session["new_user_id"], body.get("username")).token}


def passkey(session, body):
    if "new_user_id" not in session:
        raise InvalidArgs("the session has not begun to sign up")
    # With user_id, the passkey of somebody else is refused.
    return {"user_id": passlock.exchange(body.get("code"), user_id=session["new_user_id"]).user_id}


def sign_in(session, body):
    return {"token": passlock.authorize_authentication(RP_ID, discoverable=True).token}


def enter(session, body):
    return {"user_id": passlock.exchange(body.get("code")).user_id}


def sign_out(session, body):
    return {"user_id": None}


def me(session, body):
    user_id = session.get("user_id")
    links = passlock.links.list_by_user(user_id) if user_id else []
    return {"userId": user_id, "passkeys": [link.authenticator_id for link in links]}


def config(session, body):
    return {"tenancyId": os.environ["PASSLOCK_TENANCY_ID"], "endpoint": ENDPOINT}


GET = {"/me": me, "/config": config}
POST = {"/sign-up": sign_up, "/passkey": passkey, "/sign-in": sign_in, "/session": enter, "/sign-out": sign_out}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path in FILES:
            path, kind = FILES[self.path]
            self.reply(HTTPStatus.OK, path.read_bytes(), kind)
        else:
            self.run(GET.get(self.path), {})

    def do_POST(self):
        try:
            body = json.loads(self.rfile.read(max(0, min(int(self.headers["Content-Length"]), BODY_MAX))))
        except (TypeError, ValueError, RecursionError):
            body = None
        # Pages of other sites cannot send this type.
        if self.headers.get_content_type() != "application/json" or not isinstance(body, dict):
            self.answer(HTTPStatus.BAD_REQUEST, {"error": "BadRequest"})
        else:
            self.run(POST.get(self.path), body)

    def run(self, action, body):
        if not action:
            self.answer(HTTPStatus.NOT_FOUND, {"error": "NotFound"})
            return
        try:
            cookie = SimpleCookie(self.headers.get("Cookie", "")).get("session")
        except CookieError:  # another app of localhost has set it
            cookie = None
        session = sessions.get(cookie.value, {}) if cookie else {}
        try:
            reply = action(session, body)
        except PasslockError as error:
            logging.warning("passlock: %s", error)
            self.answer(HTTPStatus.BAD_REQUEST, {"error": error.name})
            return
        if "user_id" in reply:  # another user: another session
            sessions.pop(cookie.value if cookie else None, None)
            session = {"user_id": reply["user_id"]} if reply["user_id"] else {}
            cookie = None
        self.answer(HTTPStatus.OK, reply, None if cookie and cookie.value in sessions else session)

    def answer(self, status, reply, session=None):
        headers = {}
        if session:
            key = secrets.token_urlsafe(24)
            sessions[key] = session
            headers["Set-Cookie"] = f"session={key}; HttpOnly; SameSite=Lax; Path=/"
        self.reply(status, json.dumps(reply).encode(), "application/json", headers)

    def reply(self, status, text, kind, headers=()):
        self.send_response(status)
        for name, value in {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(text)),
                            "Content-Security-Policy": f"default-src 'self'; connect-src 'self' {ENDPOINT}; img-src data:",
                            **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Handler)
    print(f"listening on http://localhost:{server.server_port}", flush=True)
    server.serve_forever()
