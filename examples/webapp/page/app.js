// SPDX-License-Identifier: LGPL-2.1-or-later
// The flow: sign up, make a passkey, see it, remove it.

import * as server from "/server.js";
import * as view from "/view.js";

const at = (id) => document.getElementById(id);

let passlock; // of passlock.js, once loaded
let settings; // tenancyId and endpoint
let loads = 0;

const PASSLOCK_ERRORS = {
  "@error/DuplicatePasskey": "This device holds a passkey for your account already. One is enough.",
  "@error/PasskeyUnsupported": "This device cannot make a passkey that fits.",
  "@error/OtherPasskey": "No passkey was made: your device did not confirm in time, or you cancelled.",
};

/** What went wrong at the device, or between page and API. */
class PasslockError extends Error {
  constructor({ _tag: tag }) {
    super(PASSLOCK_ERRORS[tag] ??
      "The passkey service cannot be reached right now. Please try again in a moment.");
    this.passing = !["@error/DuplicatePasskey", "@error/PasskeyUnsupported"].includes(tag);
  }
}

const STEPS = { createCredential: "step-device", saveCredential: "step-save" };

async function loadPasslock() {
  if (passlock) return passlock;
  try {
    // A browser may remember that a module could not be loaded, so each attempt has its own name.
    const { Passlock } = await import(`${settings.endpoint}/passlock.js?load=${++loads}`);
    passlock = new Passlock(settings);
    return passlock;
  } catch {
    throw new PasslockError({ _tag: "@error/NetworkRequest" });
  }
}

/** Does something, and tells of what goes wrong; `retry` is offered if it may help. */
async function attempt(work, retry) {
  view.say("");
  view.complain("");
  try {
    await work();
  } catch (error) {
    if (!("passing" in error)) throw error;
    view.say("");
    view.complain(error.message, error.passing ? retry : undefined);
    if (error.code === "SignedOut") view.show("signup");
  }
}

async function refresh(added) {
  view.showPasskeys(await server.listPasskeys(), remove, added);
}

async function signUp() {
  view.complainAt("username", "");
  view.complainAt("display-name", "");
  try {
    const { user } = await server.signUp(at("username").value.trim(), at("display-name").value.trim());
    view.showUser(user);
  } catch (error) {
    if (["BadUsername", "UsernameTaken"].includes(error.code)) view.complainAt("username", error.message);
    else if (error.code === "BadDisplayName") view.complainAt("display-name", error.message);
    else throw error;
    return;
  }
  at("signup-form").reset();
  view.show("home");
  await refresh();
}

/** What the device has confirmed is kept until it is saved, so that a retry need not ask again. */
async function save(code) {
  view.showStep("step-save");
  const { id } = await server.exchange(code);
  await refresh(id);
  view.say("Your passkey is ready.");
}

async function create() {
  view.showStep("step-ask");
  const [registrationToken, client] = await Promise.all([server.authorize(), loadPasslock()]);
  const result = await client.registerPasskey({
    registrationToken,
    onEvent: (event) => event in STEPS && view.showStep(STEPS[event]),
  });
  if (!result.success) throw new PasslockError(result.error);
  return result.value.code;
}

/** One attempt at a passkey; with a code, the rest of an attempt that could not be saved. */
function onCreate(code) {
  let confirmed = code;
  return attempt(
    () => view.busy(at("create"), "One moment …", async () => {
      try {
        confirmed ??= await create();
        await save(confirmed);
      } finally {
        view.showStep(null);
      }
    }),
    () => onCreate(confirmed));
}

async function remove(passkey, button) {
  if (!await view.confirmRemoval()) return;
  await attempt(
    () => view.busy(button, "Removing …", async () => {
      await server.removePasskey(passkey.id);
      await refresh();
      view.say("The passkey is removed from your account.");
    }),
    () => remove(passkey, button));
  if (!button.isConnected) at("create").focus();
}

function onSignOut() {
  return attempt(() => view.busy(at("signout"), "Signing out …", async () => {
    await server.signOut();
    view.show("signup");
    view.say("You are signed out.");
  }), onSignOut);
}

async function start() {
  const { user, passlock: config } = await server.session();
  settings = config;
  if (!user) return view.show("signup", { focus: false });
  view.showUser(user);
  view.show("home", { focus: false });
  return refresh();
}

at("signup-form").onsubmit = (event) => {
  event.preventDefault();
  attempt(() => view.busy(at("signup-button"), "Creating your account …", signUp));
};
at("create").onclick = () => onCreate();
at("signout").onclick = onSignOut;

const begin = () => attempt(start, begin);
if (window.PublicKeyCredential) begin();
else view.show("unsupported", { focus: false });
