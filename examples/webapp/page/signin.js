// SPDX-License-Identifier: LGPL-2.1-or-later
// Signing in: by button, by name, or by what the browser offers in the form.

import * as device from "/device.js";
import * as server from "/server.js";
import * as view from "/view.js";
import { attempt, complainAtField } from "/attempt.js";

const at = (id) => document.getElementById(id);

// What waits behind the form does so for less time than a session of the API lasts.
const OFFER_MS = 4 * 60 * 1000;

let enter; // shows who is signed in
let turns = 0;
let renewal;

/** Nobody but the device knows this passkey any more: it can go from there, too. */
function complainOfOrphan(error) {
  const forget = async () => {
    await attempt(async () => {
      if (await device.forget(error.orphan)) view.say("The old passkey is removed from this device.");
      else view.complain("This browser cannot remove it. Please delete it in your device's settings.");
    }, forget);
    offer();
  };
  view.complain(error.message, forget, "Remove from this device");
}

async function ask(scope) {
  const turn = ++turns;
  const token = await server.authorizeSignIn(scope);
  if (turn !== turns) return null; // another way was chosen meanwhile
  return device.askForPasskey(token);
}

/** One sign-in; with a code, the rest of one that the device has confirmed already. */
async function signIn(button, label, scope, code) {
  let confirmed = code;
  await attempt(
    () => view.busy(button, label, async () => {
      try {
        confirmed ??= await ask(scope);
        if (confirmed) await enter(await server.signIn(confirmed));
      } catch (error) {
        if (error.interrupted) confirmed = null;
        if (error.code === "NoPasskey") complainAtField(error, "signin-username");
        else if (error.orphan) complainOfOrphan(error);
        else throw error;
      }
    }),
    () => signIn(button, label, scope, confirmed));
  if (!confirmed) offer();
}

/** Has the browser offer passkeys at the username. What goes wrong here is no loss: there is a button. */
export async function offer() {
  clearTimeout(renewal);
  if (at("signin").hidden || !await device.canOfferInForms()) return;
  if (document.hidden) {
    document.addEventListener("visibilitychange", offer, { once: true });
    return;
  }
  renewal = setTimeout(offer, OFFER_MS);
  try {
    const code = await ask({ autofill: true });
    if (code) await signIn(at("signin-button"), "Signing in …", null, code);
  } catch (error) {
    if (error.orphan) complainOfOrphan(error);
    else if (!("passing" in error)) throw error;
  }
}

export function showSignIn(options) {
  view.show("signin", options);
  offer();
}

export function begin(whenSignedIn) {
  enter = whenSignedIn;
  at("signin-button").onclick = () => signIn(at("signin-button"), "Waiting for your device …", {});
  at("signin-form").onsubmit = (event) => {
    event.preventDefault();
    const username = at("signin-username").value.trim();
    view.complainAt("signin-username", username ? "" : "Please type your username, or use the button above.");
    if (username) signIn(at("signin-named"), "Waiting for your device …", { username });
  };
}
