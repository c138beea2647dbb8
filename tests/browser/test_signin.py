# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sign-in, renaming and deletion in the example web app."""

import json

import pytest

from harness import WebApp, Workspace


def agree(host):
    """Checks that links and vault agree."""
    assert host.links() == host.vault()


def test_a_life_of_passkeys(person, host):
    """Links and vault agree after every step."""
    ada = person().sign_up()
    first = ada.create_passkey()
    agree(host)

    ada.sign_out().sign_in()
    assert ada.listed() == [first]
    agree(host)

    ada.rename(f"{ada.name}.king", "Ada King")
    ada.said("Your name is changed, here and on this device.")
    assert ada.devices() == [f"{ada.name}.king"]
    assert host.passkey(first)["username"] == f"{ada.name}.king"
    agree(host)

    ada.page.replace_authenticator()
    second = ada.create_passkey()
    assert ada.devices() == [f"{ada.name}.king"]
    agree(host)

    ada.delete(first)
    ada.said("The passkey is deleted.")
    assert ada.listed() == [second]
    agree(host)

    ada.page.click("#prune")
    ada.said("This device removes your deleted passkeys.")
    assert len(ada.page.credentials()) == 1
    agree(host)

    ada.sign_out().sign_in()
    assert ada.page.text("#how-id") == second
    agree(host)


def today(ada):
    return ada.page.evaluate("new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' }).format(Date.now())")


def test_what_the_principal_says(person, host):
    ada = person().sign_up()
    passkey = ada.create_passkey()
    assert ada.page.evaluate("document.querySelector('#how').hidden"), "nobody signed in with a passkey yet"
    ada.sign_out()
    ada.screenshot("sign-in")
    days = [today(ada)]
    ada.sign_in()
    days.append(today(ada))  # which is another one at midnight
    ada.screenshot("signed-in")

    assert ada.page.text("#handle") == f"@{ada.name}"
    assert ada.page.text("#how-id") == passkey
    assert ada.page.text("#how-verified") == "Your device checked that it is you"
    assert "127.0.0.1" in ada.page.text("#how-from")
    assert "Chrome" in ada.page.text("#how-browser")
    assert any(day in ada.page.text("#how-when") for day in days)
    assert "Signed in with" in ada.page.text(f"li[data-id='{passkey}']")
    assert "Last used" in ada.page.text(f"li[data-id='{passkey}']")


def test_a_reload_shows_it_again(person):
    ada = person().sign_up()
    passkey = ada.create_passkey()
    ada.sign_out().sign_in()
    ada.page.goto(ada.url)
    assert ada.page.text("#how-id") == passkey


def test_a_device_that_does_not_check_its_user(person):
    """User verification is preferred: without it the sign-in succeeds, and the page shows that."""
    ada = person().sign_up()
    ada.create_passkey()
    ada.sign_out()
    ada.page.replace_by_unverifying_authenticator()
    ada.sign_in_as(ada.name)  # it has to be told which passkey, as it shows nobody a list
    assert ada.page.text("#how-verified") == "Your device did not check that it is you"
    ada.screenshot("unverified")


def test_by_name(person):
    ada = person().sign_up()
    passkey = ada.create_passkey()
    ada.sign_out().sign_in_as(ada.name.upper())
    ada.page.wait("#home")
    assert ada.page.text("#how-id") == passkey


def test_by_name_asks_for_that_users_passkeys_only(person):
    """A device with only another user's passkey has none to offer."""
    ada = person().sign_up()
    ada.create_passkey()
    eve = person().sign_up("Eve")
    eve.create_passkey()
    eve.sign_out().sign_in_as(ada.name)
    eve.was_told("You were not signed in: your device did not confirm in time, or you cancelled.")
    assert eve.page.evaluate("document.querySelector('#home').hidden")


@pytest.mark.parametrize("has_account", [True, False])
def test_by_a_name_without_a_passkey(person, has_account):
    """The error is the same for an unknown user and a user without passkey."""
    ada = person()
    if has_account:
        ada.sign_up().sign_out()
    else:
        ada.page.goto(ada.url)
    ada.sign_in_as(ada.name)
    ada.page.wait("#signin-username[aria-invalid=true]")
    assert ada.page.text("#signin-username-hint").startswith("No passkey was found for this username.")
    ada.has_no_problem()


def test_by_no_name(person):
    ada = person()
    ada.page.goto(ada.url)
    ada.page.click("#signin-named")
    ada.page.wait("#signin-username[aria-invalid=true]")


def test_autofill(person):
    """Sign-in by autofill, without the button."""
    ada = person(autofill=True).sign_up()
    passkey = ada.create_passkey()
    ada.page.click("#signout")
    ada.page.wait("#home:not([hidden]) #how")
    assert ada.page.text("#how-id") == passkey


def test_autofill_gives_way_to_the_button(person, stack):
    """Pressing the button ends conditional mediation."""
    ada = person().sign_up()
    passkey = ada.create_passkey()
    ada.page.evaluate("""{
        PublicKeyCredential.isConditionalMediationAvailable = async () => true;
        const get = navigator.credentials.get.bind(navigator.credentials);
        navigator.credentials.get = (options) => {
            if (options.mediation !== "conditional") return get(options);
            window.waits = true;
            return new Promise((_, reject) =>
                options.signal.addEventListener("abort", () => reject(options.signal.reason)));
        };
    }""")
    ada.sign_out()
    ada.page.evaluate("""new Promise((resolve) => {
        const look = () => window.waits ? resolve(null) : setTimeout(look, 5);
        look();
    })""")
    before = stack.sandbox.calls()["exchange"]
    ada.sign_in()
    assert ada.page.text("#how-id") == passkey
    ada.has_no_problem()
    assert stack.sandbox.calls()["exchange"] == before + 1


def test_autofill_that_cannot_be_is_no_problem(person, stack):
    stack.sandbox.set_faults("refuse@authentication-authorize")
    ada = person(autofill=True)
    ada.page.goto(ada.url)
    ada.page.wait("#signin")
    ada.page.evaluate("fetch('/api/session').then(() => null)")
    ada.has_no_problem()


def test_a_deleted_passkey_is_an_orphan_on_its_device(person, host):
    ada = person().sign_up()
    passkey = ada.create_passkey()
    ada.sign_out()
    host.delete(passkey)
    ada.page.click("#signin-button")
    ada.was_told("This passkey was deleted from its account, but your device still has it.")
    ada.screenshot("orphan")
    assert len(ada.page.credentials()) == 1
    assert ada.page.text("#retry") == "Remove from this device"

    ada.page.click("#retry")
    ada.said("The old passkey is removed from this device.")
    assert ada.page.credentials() == []
    ada.has_no_problem()


def test_an_orphan_that_the_browser_cannot_remove(person, host):
    ada = person().sign_up()
    passkey = ada.create_passkey()
    ada.sign_out()
    host.delete(passkey)
    ada.page.evaluate("delete PublicKeyCredential.signalUnknownCredential")
    ada.page.click("#signin-button")
    ada.was_told("but your device still has it")
    ada.page.click("#retry")
    ada.page.wait("#retry", hidden=True)
    ada.was_told("Please delete it in your device's settings.")


def test_an_orphan_that_autofill_offers(person, host):
    ada = person(autofill=True).sign_up()
    passkey = ada.create_passkey()
    host.delete(passkey)
    ada.page.click("#signout")
    ada.was_told("but your device still has it")


def test_prune_removes_what_the_vault_has_not(person, host):
    """A passkey that was deleted elsewhere is removed from this device."""
    ada = person().sign_up()
    gone = ada.create_passkey()
    host.delete(gone)
    assert len(ada.page.credentials()) == 1
    ada.page.click("#prune")
    ada.said("This device removes your deleted passkeys.")
    agree(host)


def test_no_passkey_to_sign_in_with(person):
    ada = person()
    ada.page.goto(ada.url)
    ada.page.click("#signin-button")
    ada.was_told("You were not signed in: your device did not confirm in time, or you cancelled.")
    ada.screenshot("no-passkey-here")


@pytest.mark.parametrize("endpoint", ["authentication-authorize", "authentication-options",
                                      "authentication-verification", "exchange"])
def test_api_unreachable(person, stack, endpoint):
    ada = person().sign_up()
    ada.create_passkey()
    ada.sign_out()
    stack.sandbox.set_faults(f"refuse@{endpoint}")
    ada.page.click("#signin-button")
    ada.was_told("The passkey service cannot be reached right now")

    before = stack.sandbox.calls()["authentication-options"]
    stack.sandbox.set_faults()
    ada.page.click("#retry")
    ada.page.wait("#home")
    asked = stack.sandbox.calls()["authentication-options"] - before
    assert asked == (0 if endpoint == "exchange" else 1), "what the device confirmed is kept"


def test_a_session_has_a_new_name_after_sign_in(person):
    """Session fixation: a cookie from before the sign-in is not valid after it."""
    ada = person().sign_up()
    ada.create_passkey()
    ada.sign_out()
    assert ada.session() is None
    ada.post("/api/signin/authorize", "{}")
    planted = ada.session()
    assert planted
    ada.sign_in()
    mine = ada.session()
    assert mine != planted

    eve = person()
    eve.page.goto(eve.url)
    eve.page.set_cookie(eve.url, "session", planted)
    assert eve.post("/api/passkeys/prune", "{}")[0] == 401
    eve.page.set_cookie(eve.url, "session", mine)
    assert eve.post("/api/passkeys/prune", "{}")[0] == 200, "the test would see it"


def code_of(somebody, scope="{}"):
    """Runs a sign-in ceremony, and returns the code without sending it."""
    return somebody.page.evaluate(f"""(async () => {{
        const server = await import("/server.js");
        const device = await import("/device.js");
        device.configure((await server.session()).passlock);
        return device.askForPasskey(await server.authorizeSignIn({scope}));
    }})()""")


def test_a_named_sign_in_is_for_that_user_only(person):
    ada, mallory = person().sign_up(), person().sign_up("Mallory")
    ada.create_passkey()
    mallory.create_passkey()
    code = code_of(mallory)
    ada.sign_out()
    ada.post("/api/signin/authorize", json.dumps({"username": ada.name}))
    status, answer = ada.post("/api/signin", json.dumps({"code": code}))
    assert (status, answer["error"]["code"]) == (403, "UserMismatch")
    ada.page.goto(ada.url)
    ada.page.wait("#signin")


def test_a_code_signs_in_nobody_without_the_session_that_asked(person):
    ada, eve = person().sign_up(), person()
    ada.create_passkey()
    code = code_of(ada)
    eve.page.goto(eve.url)
    status, answer = eve.post("/api/signin", json.dumps({"code": code}))
    assert (status, answer["error"]["code"]) == (400, "InvalidCode")


def test_a_code_is_used_once(person):
    ada = person().sign_up()
    ada.create_passkey()
    code = code_of(ada)
    assert ada.post("/api/signin", json.dumps({"code": code}))[0] == 200
    eve = person()
    eve.page.goto(eve.url)
    eve.post("/api/signin/authorize", "{}")
    status, answer = eve.post("/api/signin", json.dumps({"code": code}))
    assert (status, answer["error"]["code"]) == (400, "InvalidCode")


def test_rename_checks_names(person):
    ada, eve = person().sign_up(), person().sign_up("Eve")
    ada.rename(eve.name, "Ada")
    ada.page.wait("#new-username[aria-invalid=true]")
    assert "taken" in ada.page.text("#new-username-hint")
    ada.screenshot("rename-taken")
    ada.page.click("#keep-name")
    assert ada.page.evaluate("document.activeElement.id") == "rename"
    assert ada.page.text("#handle") == f"@{ada.name}"

    ada.rename(ada.name.upper(), "Ada the First")  # one's own name is not taken
    ada.said("Your name is changed, here and on this device.")
    assert ada.page.text("#handle") == f"@{ada.name.upper()}"
    assert ada.page.text("#display") == "Ada the First"


def test_rename_while_the_api_is_unreachable(person, stack, host):
    """The account is renamed at once, the passkeys with the retry."""
    ada = person().sign_up()
    passkey = ada.create_passkey()
    stack.sandbox.set_faults("refuse@passkeys-update")
    ada.rename(f"{ada.name}.later", "Ada")
    ada.was_told("your passkeys do not show it yet")
    assert ada.page.text("#handle") == f"@{ada.name}.later"
    stack.sandbox.set_faults()
    ada.page.click("#retry")
    ada.said("Your name is changed, here and on this device.")
    assert host.passkey(passkey)["username"] == f"{ada.name}.later"


def test_rename_where_the_device_cannot_be_told(person):
    ada = person().sign_up()
    ada.create_passkey()
    ada.page.evaluate("delete PublicKeyCredential.signalCurrentUserDetails")
    ada.rename(f"{ada.name}.new", "Ada")
    ada.said("Your name is changed. Your device may still show the old name.")
    assert ada.devices() == [ada.name]


def test_after_a_restart_of_the_app(person, stack, host):
    """After a restart names are lost, but passkeys work: the page shows the user id."""
    with Workspace() as work, WebApp(work, stack.bus, stack.sandbox, stack.webapp.as_user) as webapp:
        ada = person()
        ada.url = webapp.url
        ada.sign_up()
        passkey = ada.create_passkey()
        webapp.restart()
        ada.url = webapp.url  # another port
        ada.page.goto(ada.url)
        ada.page.wait("#signin")
        ada.sign_in()
        user_id = host.links()[passkey]
        assert ada.page.text("#handle") == f"User {user_id}"
        assert "does not know your name" in ada.page.text("#stranger")
        assert ada.listed() == [passkey]
        ada.screenshot("stranger")

        ada.page.fill("#new-username", ada.name)
        ada.page.fill("#new-display-name", "Ada again")
        ada.page.click("#rename-button")
        ada.said("Your name is changed, here and on this device.")
        ada.sign_out().sign_in()
        assert ada.page.text("#handle") == f"@{ada.name}"
        assert host.links()[passkey] == user_id


def test_phone(person):
    for dark in (False, True):
        ada = person(width=360, height=740, phone=True, dark=dark)
        ada.page.goto(ada.url)
        ada.page.wait("#signin")
        ada.screenshot(f"phone-sign-in-{'dark' if dark else 'light'}")
        assert ada.page.evaluate("document.documentElement.scrollWidth") == 360
        ada.sign_up("Augusta Ada King, Countess of Lovelace")
        ada.create_passkey()
        ada.sign_out().sign_in()
        ada.page.evaluate("document.querySelector('#how').scrollIntoView()")
        ada.screenshot(f"phone-signed-in-{'dark' if dark else 'light'}")
        assert ada.page.evaluate("document.documentElement.scrollWidth") == 360
