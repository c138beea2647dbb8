#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example in Python, with Flask. README.md has the settings."""

import os
import secrets
from pathlib import Path

from flask import Flask, abort, request, send_file, session
from passlock import BodyTooLarge, Interrupted, InvalidArgs, InvalidCode, Passlock, PasslockError, UserMismatch
from werkzeug.exceptions import HTTPException

RP_ID = os.environ.get("RP_ID", "localhost")
ENDPOINT = os.environ["PASSLOCK_ENDPOINT"]
TENANCY_ID = os.environ["PASSLOCK_TENANCY_ID"]
PASSLOCK_JS = Path(os.environ.get("PASSLOCK_JS", Path(__file__).parent / "../../browser/passlock.js")).resolve()
BODY_MAX = 2**20
REFUSALS = (BodyTooLarge, Interrupted, InvalidArgs, InvalidCode, UserMismatch)

app = Flask(__name__, static_folder="page", static_url_path="")
app.secret_key = secrets.token_bytes(32)  # signs the session cookies; an app keeps its key
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
passlock = Passlock()


def start_session(user_id):
    session.clear()
    session["user_id"] = user_id
    return {"userId": user_id}


@app.before_request
def read_body():
    """Pages of other sites cannot send JSON."""
    if request.method != "POST":
        return
    # MAX_CONTENT_LENGTH limits JSON only from Werkzeug 2.3 on, which Debian 12 does not have.
    if request.content_length is None:
        abort(411)
    if request.content_length > BODY_MAX:
        abort(413)
    try:
        body = request.get_json()
    except RecursionError:
        body = None
    if not isinstance(body, dict):
        abort(400)


@app.after_request
def add_policy(response):
    response.headers["Content-Security-Policy"] = f"default-src 'self'; connect-src 'self' {ENDPOINT}; img-src data:"
    return response


@app.get("/")
def index():
    return app.send_static_file("index.html")


@app.get("/passlock.js")
def passlock_js():
    return send_file(PASSLOCK_JS)


@app.get("/config")
def config():
    return {"tenancyId": TENANCY_ID, "endpoint": ENDPOINT}


@app.get("/me")
def me():
    user_id = session.get("user_id")
    links = passlock.links.list_by_user(user_id) if user_id else []
    return {"userId": user_id, "passkeys": [link.authenticator_id for link in links]}


@app.post("/sign-up")
def sign_up():
    new_user_id = f"user-{secrets.token_hex(8)}"
    token = passlock.authorize(RP_ID, new_user_id, request.json.get("username")).token
    session["new_user_id"] = new_user_id
    return {"token": token}


@app.post("/passkey")
def passkey():
    if "new_user_id" not in session:
        raise InvalidArgs("the session has not begun to sign up")
    # With user_id, the passkey of somebody else is refused.
    return start_session(passlock.exchange(request.json.get("code"), user_id=session["new_user_id"]).user_id)


@app.post("/sign-in")
def sign_in():
    return {"token": passlock.authorize_authentication(RP_ID, discoverable=True).token}


@app.post("/session")
def enter():
    return start_session(passlock.exchange(request.json.get("code")).user_id)


@app.post("/sign-out")
def sign_out():
    session.clear()
    return {"userId": None}


@app.errorhandler(PasslockError)
def passlock_failed(error):
    app.logger.error("passlock: %s", error)
    return {"error": error.name}, 400 if isinstance(error, REFUSALS) else 502


@app.errorhandler(HTTPException)
def http_failed(error):
    return {"error": error.name.replace(" ", "")}, error.code


if __name__ == "__main__":
    app.run(os.environ.get("HOST", "localhost"), int(os.environ.get("PORT", "8000")))
