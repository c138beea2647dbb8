// SPDX-License-Identifier: LGPL-2.1-or-later
// Doing something that may go wrong.

import * as view from "/view.js";

/**
 * Does something, and tells of what goes wrong; `retry` is offered if it may help. Resolves to
 * whether it worked.
 */
export async function attempt(work, retry) {
  view.say("");
  view.complain("");
  try {
    await work();
    return true;
  } catch (error) {
    if (!("passing" in error)) throw error;
    view.say("");
    if (error.code === "SignedOut") view.show("signin");
    view.complain(error.message, error.passing ? retry : undefined);
    return false;
  }
}

/** Which field of a form an answer of our server is about. Other errors are thrown on. */
export function complainAtField(error, usernameField, displayNameField) {
  if (["BadUsername", "UsernameTaken", "NoPasskey"].includes(error.code)) view.complainAt(usernameField, error.message);
  else if (error.code === "BadDisplayName") view.complainAt(displayNameField, error.message);
  else throw error;
}
