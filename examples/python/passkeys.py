#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Registers a passkey, or signs in with a passkey, from a terminal.

Prints a token for registerPasskey() or authenticatePasskey() in the page, reads the code that the page
gets, and prints the principal as JSON.

    passkeys.py register RP_ID USER_ID USERNAME
    passkeys.py sign-in RP_ID [USER_ID]
"""

import json
import sys

from passlock import Passlock, PasslockError


def read_code():
    return sys.stdin.readline().rstrip("\n")


def register(passlock, rp_id, user_id, username):
    print(passlock.authorize(rp_id, user_id, username), flush=True)
    # With user_id, the code of another user is refused instead of linked.
    return passlock.exchange(read_code(), user_id=user_id)


def sign_in(passlock, rp_id, user_id=None):
    if user_id:
        print(passlock.authorize_authentication(rp_id, user_id=user_id), flush=True)
        return passlock.exchange(read_code(), user_id=user_id)
    print(passlock.authorize_authentication(rp_id, discoverable=True), flush=True)
    return passlock.exchange(read_code())


def main(arguments):
    match arguments:
        case ["register", rp_id, user_id, username]:
            flow = register, rp_id, user_id, username
        case ["sign-in", rp_id, *user_id] if len(user_id) < 2:
            flow = sign_in, rp_id, *user_id
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    try:
        print(json.dumps(flow[0](Passlock(), *flow[1:])))
    except PasslockError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
