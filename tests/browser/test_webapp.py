# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example web app: page, app, daemon and API together."""

import json

import pytest

PHONE = {"width": 360, "height": 740, "phone": True}


def test_sign_up_and_create_a_passkey(person, host):
    ada = person()
    ada.page.goto(ada.url)
    ada.page.click("#to-signup")
    ada.screenshot("sign-up")
    ada.sign_up()
    assert ada.page.text("#handle") == f"@{ada.name}"
    assert "No passkey yet" in ada.page.text("#empty")
    ada.screenshot("no-passkey")

    passkey = ada.create_passkey()
    ada.screenshot("passkey")

    (held,) = ada.page.credentials()
    assert held["rpId"] == "localhost"
    assert host.links()[passkey]
    assert ada.name not in host.links()[passkey], "the user id must not be the username"


def test_a_reload_of_the_page_shows_what_the_daemon_has(person):
    ada = person().sign_up()
    passkey = ada.create_passkey()
    ada.page.goto(ada.url)
    ada.page.wait("#passkeys li")
    assert ada.listed() == [passkey]


def test_one_device_holds_one_passkey(person, host):
    ada = person().sign_up()
    passkey = ada.create_passkey()
    ada.page.click("#create")
    ada.was_told("already has a passkey for your account")
    ada.screenshot("duplicate")
    assert ada.listed() == [passkey]
    assert len(ada.page.credentials()) == 1


def test_another_device_gets_a_second_passkey(person, host):
    ada = person().sign_up()
    first = ada.create_passkey()
    ada.page.replace_authenticator()
    second = ada.create_passkey()
    assert set(ada.listed()) == {first, second}
    assert host.links()[first] == host.links()[second]
    assert ada.page.text("#count") == "2 passkeys"
    ada.screenshot("two-passkeys")


def test_delete_a_passkey(person, host):
    """The passkey is removed from the vault, the links and the device."""
    ada = person().sign_up()
    passkey = ada.create_passkey()
    assert passkey in host.vault() and passkey in host.links()
    ada.page.click("#passkeys li button")
    ada.page.wait("dialog[open]")
    assert "your only passkey" in ada.page.text("#confirm-last")
    ada.screenshot("delete")
    ada.page.click("#remove")
    ada.said("The passkey is deleted.")
    ada.page.wait("#empty")
    assert ada.listed() == []
    assert passkey not in host.links() and passkey not in host.vault()
    assert ada.page.credentials() == []


def test_delete_one_of_two(person, host):
    """A deletion is signalled even to a device that does not have the passkey."""
    ada = person().sign_up()
    first = ada.create_passkey()
    ada.page.replace_authenticator()
    second = ada.create_passkey()
    ada.page.click(f"#passkeys li[data-id='{first}'] button")
    ada.page.wait("dialog[open]")
    assert ada.page.evaluate("document.querySelector('#confirm-last').hidden")
    ada.page.click("#remove")
    ada.said("The passkey is deleted.")
    assert ada.listed() == [second]
    assert len(ada.page.credentials()) == 1
    assert first not in host.links() and first not in host.vault()
    assert second in host.links() and second in host.vault()


def test_a_device_that_cannot_be_told(person, host):
    ada = person().sign_up()
    passkey = ada.create_passkey()
    ada.page.evaluate("delete PublicKeyCredential.signalUnknownCredential")
    ada.delete(passkey)
    ada.said("The passkey is deleted. Your device may still list it: please delete it there as well.")
    assert passkey not in host.links() and passkey not in host.vault()
    assert len(ada.page.credentials()) == 1


def test_api_unreachable_while_deleting(person, stack, host):
    ada = person().sign_up()
    passkey = ada.create_passkey()
    stack.sandbox.set_faults("refuse@passkeys-delete")
    ada.delete(passkey)
    ada.was_told("The passkey service cannot be reached right now")
    assert ada.listed() == [passkey]
    assert passkey in host.links() and passkey in host.vault()


@pytest.mark.parametrize("how", ["#keep", "Escape"])
def test_deletion_can_be_called_off(person, host, how):
    ada = person().sign_up()
    passkey = ada.create_passkey()
    ada.page.click("#passkeys li button")
    ada.page.wait("dialog[open]")
    if how == "Escape":
        ada.page.press(how)
    else:
        ada.page.click(how)
    ada.page.wait("dialog[open]", hidden=True)
    assert ada.listed() == [passkey]
    assert passkey in host.links()


def test_who_does_not_pass_the_device_gets_no_passkey(person, host):
    ada = person().sign_up()
    before = host.links()
    ada.page.set_verified(False)
    ada.page.click("#create")
    ada.was_told("No passkey was created")
    ada.screenshot("cancelled")
    assert host.links() == before

    ada.page.set_verified(True)
    ada.page.click("#retry")
    ada.said("Your passkey is ready.")
    assert len(ada.listed()) == 1


def test_api_unreachable_while_authorizing(person, stack, host):
    ada = person().sign_up()
    stack.sandbox.set_faults("refuse@registration-authorize")
    ada.page.click("#create")
    ada.was_told("The passkey service cannot be reached right now")
    ada.screenshot("unreachable")
    assert ada.page.credentials() == []

    stack.sandbox.set_faults()
    ada.page.click("#retry")
    ada.said("Your passkey is ready.")
    assert ada.listed()[0] in host.links()


def test_what_the_device_confirmed_is_saved_later(person, stack, host):
    ada = person().sign_up()
    stack.sandbox.set_faults("refuse@exchange")
    ada.page.click("#create")
    ada.was_told("The passkey service cannot be reached right now")
    assert len(ada.page.credentials()) == 1
    assert ada.listed() == []

    stack.sandbox.set_faults()
    ada.page.click("#retry")
    ada.said("Your passkey is ready.")
    assert len(ada.page.credentials()) == 1, "the device is not asked a second time"
    assert ada.listed()[0] in host.links()


INTERRUPT_ONCE = """(() => {
    const real = window.fetch;
    window.fetch = async (path, options) => {
        if (path !== PATH) return real(path, options);
        window.fetch = real;
        if (CARRIED_OUT) await real(path, options);
        return new Response(JSON.stringify({ error: { code: "Interrupted", message: "It was interrupted. Try again." } }),
            { status: 409 });
    };
})()"""


def interrupt(person, path, carried_out):
    """The next request to this path gets Interrupted."""
    person.page.evaluate(INTERRUPT_ONCE.replace("PATH", json.dumps(path))
                         .replace("CARRIED_OUT", json.dumps(carried_out)))


def test_crash_while_a_passkey_was_saved(person, host):
    """The passkey was linked: the page lists it, and does not ask the device again."""
    ada = person().sign_up()
    interrupt(ada, "/api/passkeys/exchange", carried_out=True)
    ada.page.click("#create")
    ada.was_told("It was interrupted. Try again.")
    (passkey,) = ada.listed()
    assert passkey in host.links()
    ada.page.click("#retry")
    ada.was_told("already has a passkey for your account")
    assert ada.listed() == [passkey]


def test_crash_before_a_passkey_was_saved(person, host):
    """The code is not retried: the retry creates a new passkey."""
    ada = person().sign_up()
    interrupt(ada, "/api/passkeys/exchange", carried_out=False)
    ada.page.click("#create")
    ada.was_told("It was interrupted. Try again.")
    assert ada.listed() == []
    ada.page.replace_authenticator()
    ada.page.click("#retry")
    ada.said("Your passkey is ready.")
    assert len(ada.page.credentials()) == 1, "the device was asked again"
    assert len(ada.listed()) == 1


def test_crash_while_signing_in(person):
    ada = person().sign_up()
    ada.create_passkey()
    ada.sign_out()
    interrupt(ada, "/api/signin", carried_out=False)
    ada.page.click("#signin-button")
    ada.page.hear("#problem-text", "It was interrupted. Try again.")
    ada.page.click("#retry")
    ada.page.wait("#home")
    ada.page.settle()


@pytest.mark.parametrize("endpoint", ["registration-options", "registration-verification"])
def test_api_unreachable_from_the_page(person, stack, host, endpoint):
    ada = person().sign_up()
    before = host.links()
    stack.sandbox.set_faults(f"refuse@{endpoint}")
    ada.page.click("#create")
    ada.was_told("The passkey service cannot be reached right now")
    assert host.links() == before


def test_daemon_down_and_back(person, stack, host):
    ada = person().sign_up()
    passkey = ada.create_passkey()
    before = host.links()
    stack.daemon.kill9()
    ada.page.goto(ada.url)
    assert "daemon of this host is not running" in ada.page.text("#problem-text")
    ada.screenshot("no-daemon")

    stack.daemon.start()
    ada.page.click("#retry")
    ada.page.wait("#passkeys li")
    assert ada.listed() == [passkey]
    assert host.links() == before


def test_no_grant(person, stack):
    ada = person().sign_up()
    sections = {"Tenancy default": stack.sandbox.tenancy()}
    stack.daemon.configure(sections)
    stack.daemon.reload()
    try:
        ada.page.click("#create")
        ada.was_told("has no grant for passkeys")
        ada.screenshot("no-grant")
    finally:
        stack.daemon.configure(sections | {"Grant webapp": stack.grant})
        stack.daemon.reload()


def test_a_code_of_another_user_links_nothing(person, host):
    """Mallory's passkey is not linked to Ada's account."""
    ada, mallory = person().sign_up(), person().sign_up("Mallory")
    before = host.links()
    code = mallory.page.evaluate("""(async () => {
        const server = await import("/server.js");
        const { passlock: settings } = await server.session();
        const { Passlock } = await import(`${settings.endpoint}/passlock.js`);
        const registrationToken = await server.authorize();
        return (await new Passlock(settings).registerPasskey({ registrationToken })).code;
    })()""")
    status, answer = ada.post("/api/passkeys/exchange", json.dumps({"code": code}))
    assert (status, answer["error"]["code"]) == (403, "UserMismatch")
    assert "another account" in answer["error"]["message"]
    assert host.links() == before


def test_nobody_deletes_what_others_have(person, host):
    ada, mallory = person().sign_up(), person().sign_up("Mallory")
    passkey = ada.create_passkey()
    status, answer = mallory.post(f"/api/passkeys/{passkey}", "{}", method="DELETE")
    assert (status, answer["error"]["code"]) == (404, "NotFound")
    assert passkey in host.links() and passkey in host.vault()


def test_a_code_is_good_for_nothing_else(person):
    ada = person().sign_up()
    status, answer = ada.post("/api/passkeys/exchange", json.dumps({"code": "no-such-code"}))
    assert (status, answer["error"]["code"]) == (400, "InvalidCode")


@pytest.mark.parametrize("username", ["a b", "ä", "a" * 33, "", "a/b"])
def test_bad_username(person, username):
    ada = person()
    ada.page.goto(ada.url)
    ada.page.click("#to-signup")
    ada.page.fill("#display-name", "Ada")
    ada.page.evaluate(f"document.querySelector('#username').value = {username!r}")
    ada.page.click("#signup-button")
    ada.page.wait("#username[aria-invalid=true]")
    assert "A username is" in ada.page.text("#username-hint")
    assert ada.page.evaluate("document.activeElement.id") == "username"


def test_username_is_taken(person):
    ada, eve = person().sign_up(), person()
    eve.name = ada.name.upper()
    eve.page.goto(eve.url)
    eve.page.click("#to-signup")
    eve.page.fill("#username", eve.name)
    eve.page.fill("#display-name", "Eve")
    eve.page.click("#signup-button")
    eve.page.wait("#username[aria-invalid=true]")
    assert "taken" in eve.page.text("#username-hint")


def test_sign_out(person):
    ada = person().sign_up()
    ada.sign_out()
    status, answer = ada.post("/api/passkeys/authorize", "{}")
    assert (status, answer["error"]["code"]) == (401, "SignedOut")


def test_a_browser_without_passkeys_is_told(person):
    ada = person()
    ada.page.goto(ada.url)
    ada.page.evaluate("""fetch("/app.js").then((reply) => reply.text()).then((script) => {
        delete window.PublicKeyCredential;
        return import("/app.js?without");
    }).then(() => null)""")
    assert "This browser has no passkeys" in ada.page.text("#unsupported")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_phone(person, dark):
    ada = person(**PHONE, dark=dark).sign_up("Augusta Ada King, Countess of Lovelace")
    ada.create_passkey()
    ada.screenshot("phone-dark" if dark else "phone-light")
    assert ada.page.evaluate("document.documentElement.scrollWidth") == 360


def test_dark(person):
    ada = person(dark=True).sign_up()
    ada.create_passkey()
    ada.screenshot("dark")
    red = ada.page.evaluate("parseInt(getComputedStyle(document.body).backgroundColor.slice(4))")
    assert red < 64
