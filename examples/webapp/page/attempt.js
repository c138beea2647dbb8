// SPDX-License-Identifier: LGPL-2.1-or-later
// Error handling of user actions.

import * as view from "/view.js";

/**
 * Runs an action and shows its error, with a button for `retry` if the error is temporary. Resolves to
 * true on success.
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

/** Shows a validation error at its form field; rethrows other errors. */
export function complainAtField(error, usernameField, displayNameField) {
  if (["BadUsername", "UsernameTaken", "NoPasskey"].includes(error.code)) view.complainAt(usernameField, error.message);
  else if (error.code === "BadDisplayName") view.complainAt(displayNameField, error.message);
  else throw error;
}
