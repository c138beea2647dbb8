# SPDX-License-Identifier: LGPL-2.1-or-later
"""The grants that are shown to administrators let an app sign its users up and in."""

import re

import pytest

from harness import source_dir

from .client import WWW_DATA, plain
from .stack import Stack, new_user, raises

pytestmark = pytest.mark.root

SHIPPED = "systemd/passlockd.conf"
SHOWN = [SHIPPED, "doc/man/passlockd.conf.5", "doc/admin.md", "doc/quickstart.md", "doc/man/passlock-example-webapp.1",
         *(f"examples/{name}/README.md" for name in ("php", "python", "shell", "webapp"))]


def read(name: str) -> str:
    return (source_dir() / name).read_text()


def uncommented() -> str:
    """The shipped file as somebody has it who takes the '#' off everything that is no prose."""
    return re.sub(r"^#(?=\[|[A-Z]\w*=)", "", read(SHIPPED), flags=re.MULTILINE)


def grant_of(text: str) -> dict[str, str]:
    """The one grant in a text that is for a relying party, however it is indented."""
    sections = re.findall(r"^ *\[Grant \S+\]\n((?: *[A-Z]\w*=.*\n)+)", text, re.MULTILINE)
    grants = [dict(line.strip().split("=", 1) for line in section.splitlines()) for section in sections]
    (grant,) = [grant for grant in grants if "RpId" in grant]
    return grant


def assert_signs_up_and_in(stack: Stack, grant: dict[str, str]):
    rp_id = grant["RpId"]
    with stack.connect(WWW_DATA) as app:
        user = new_user()
        token, _ = app.authorize(rp_id, user)
        passkey = stack.run_ceremony(token)
        assert plain(app.exchange(passkey.code, user_id=user))["newly_linked"] is True
        token, _ = app.authorize_authentication(rp_id, user_id=user)
        ceremony = stack.run_sign_in(token, passkey)
        assert plain(app.exchange(ceremony.code))["user_id"] == user
        if "Links.Read" in grant["Allow"].split():
            assert app.links("GetUser", passkey.authenticator_id) == (user,)
        for denied in ("elsewhere.example.com", f"{rp_id}.example.com"):
            with raises("AccessDenied"):
                app.authorize(denied, user)


def test_shipped_configuration(own_stack):
    """As it comes it is empty; with everything in it taken, it lacks nothing but the tenancy's id."""
    own_stack.prepare()
    tenancy = own_stack.tenancy()
    text = uncommented()
    for key in ("TenancyId", "Endpoint"):
        text, count = re.subn(f"^{key}=.*$", f"{key}={tenancy[key]}", text, flags=re.MULTILINE)
        assert count == 1
    own_stack.daemon.config.write_text(text)
    own_stack.daemon.start()
    assert_signs_up_and_in(own_stack, grant_of(text))


def test_shipped_configuration_as_it_comes(own_stack):
    own_stack.prepare()
    own_stack.daemon.config.write_text(read(SHIPPED))
    own_stack.daemon.start()
    with own_stack.connect() as connection:
        assert connection.manager("ListTenancies") == ([],)


@pytest.mark.parametrize("name", SHOWN)
def test_grant_that_is_shown(own_stack, name):
    grant = grant_of(uncommented() if name == SHIPPED else read(name))
    own_stack.sections["Grant shown"] = grant | {"User": WWW_DATA.name}
    own_stack.start()
    assert_signs_up_and_in(own_stack, grant)
