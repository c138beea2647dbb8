// SPDX-License-Identifier: LGPL-2.1-or-later
// The signed-in page: names and passkeys.

import * as device from "/device.js";
import * as server from "/server.js";
import * as view from "/view.js";
import { attempt, complainAtField } from "/attempt.js";

const at = (id) => document.getElementById(id);

let session; // from /api/session

async function refresh(added) {
  const passkeys = await server.listPasskeys();
  view.showPasskeys(passkeys, { used: session.signIn?.passkeyId, added, onRemove: remove });
}

export async function enter(entered, options) {
  session = entered;
  view.showUser(session.user);
  view.showSignIn(session.signIn);
  view.show("home", options);
  await refresh();
}

/* ---- Registration ---------------------------------------------------------------------------- */

const STEPS = { createCredential: "step-device", saveCredential: "step-save" };

async function make() {
  view.showStep("step-ask");
  return device.createPasskey(await server.authorize(),
    (event) => event in STEPS && view.showStep(STEPS[event]));
}

/** The code is kept until it is exchanged, so that a retry does not prompt again. */
async function save(code) {
  view.showStep("step-save");
  const { id } = await server.exchange(code);
  await refresh(id);
  view.say("Your passkey is ready.");
}

/** Creates a passkey; with a code, retries only the exchange. */
function create(code) {
  let confirmed = code;
  return attempt(
    () => view.busy(at("create"), "One moment …", async () => {
      try {
        confirmed ??= await make();
        await save(confirmed);
      } catch (error) {
        if (error.interrupted) {
          confirmed = null;
          await refresh(); // the passkey may be linked
        }
        throw error;
      } finally {
        view.showStep(null);
      }
    }),
    () => create(confirmed));
}

/* ---- Changes that are signalled to the device ------------------------------------------------ */

async function remove(passkey, isLast, button) {
  if (!await view.confirmRemoval(isLast)) return;
  await attempt(
    () => view.busy(button, "Deleting …", async () => {
      const token = await server.deletePasskey(passkey.id);
      const told = await device.tell("delete", token);
      await refresh();
      view.say(told ? "The passkey is deleted." :
        "The passkey is deleted. Your device may still list it: please delete it there as well.");
    }),
    () => remove(passkey, isLast, button));
  if (!button.isConnected) at("create").focus();
}

function prune() {
  return attempt(
    () => view.busy(at("prune"), "Cleaning up …", async () => {
      if (await device.tell("prune", await server.prunePasskeys()))
        view.say("This device removes your deleted passkeys.");
      else view.complain("Failed to remove deleted passkeys from this device.");
    }),
    prune);
}

/** Copies the names of the account to the passkeys. */
function updatePasskeys() {
  return attempt(async () => {
    let token;
    try {
      token = await server.updatePasskeys();
    } catch (error) {
      error.message = `Your name is changed, but your passkeys do not show it yet. ${error.message}`;
      throw error;
    }
    const told = await device.tell("update", token);
    view.say(told ? "Your name is changed, here and on this device." :
      "Your name is changed. Your device may still show the old name.");
  }, updatePasskeys);
}

async function rename() {
  view.complainAt("new-username", "");
  view.complainAt("new-display-name", "");
  const worked = await attempt(() => view.busy(at("rename-button"), "Saving …", async () => {
    try {
      session = await server.rename(at("new-username").value.trim(), at("new-display-name").value.trim());
    } catch (error) {
      complainAtField(error, "new-username", "new-display-name");
      return;
    }
    view.showUser(session.user);
  }), rename);
  if (worked && at("rename-form").hidden) {
    await updatePasskeys();
    at("rename").focus();
  }
}

export function begin() {
  at("create").onclick = () => create();
  at("prune").onclick = prune;
  at("rename").onclick = () => view.showRenaming(session.user, true);
  at("keep-name").onclick = () => {
    view.showRenaming(session.user, false);
    at("rename").focus();
  };
  at("rename-form").onsubmit = (event) => {
    event.preventDefault();
    rename();
  };
}
