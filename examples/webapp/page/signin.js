// SPDX-License-Identifier: LGPL-2.1-or-later
// Sign-in: by button, by username, or by autofill (conditional mediation).

import * as device from "/device.js";
import * as server from "/server.js";
import * as view from "/view.js";
import { attempt, complainAtField } from "/attempt.js";

const at = (id) => document.getElementById(id);

// Renew before the API session of conditional mediation expires.
const OFFER_MS = 4 * 60 * 1000;

let enter; // shows the signed-in page
let turns = 0;
let renewal;

/** The passkey is not in the vault: offer to remove it from the device. */
function complainOfOrphan(error) {
  const forget = async () => {
    await attempt(async () => {
      if (await device.forget(error.orphan)) view.say("The old passkey is removed from this device.");
      else view.complain("This browser cannot remove the passkey. Please delete it in your device's settings.");
    }, forget);
    offer();
  };
  view.complain(error.message, forget, "Remove from this device");
}

async function ask(scope) {
  const turn = ++turns;
  const token = await server.authorizeSignIn(scope);
  if (turn !== turns) return null; // superseded by another sign-in
  return device.askForPasskey(token);
}

/** Signs in; with a code, retries only the exchange. */
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

/** Starts conditional mediation. Errors are ignored: the sign-in button remains. */
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
