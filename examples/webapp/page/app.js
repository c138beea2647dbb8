// SPDX-License-Identifier: LGPL-2.1-or-later
// Sign-up, sign-in and sign-out.

import * as device from "/device.js";
import * as home from "/home.js";
import * as server from "/server.js";
import * as signin from "/signin.js";
import * as view from "/view.js";
import { attempt, complainAtField } from "/attempt.js";

const at = (id) => document.getElementById(id);

async function enter(session) {
  for (const form of ["signup-form", "signin-form"]) at(form).reset();
  await home.enter(session);
}

async function signUp() {
  view.complainAt("username", "");
  view.complainAt("display-name", "");
  let session;
  try {
    session = await server.signUp(at("username").value.trim(), at("display-name").value.trim());
  } catch (error) {
    complainAtField(error, "username", "display-name");
    return;
  }
  await enter(session);
}

function signOut() {
  return attempt(() => view.busy(at("signout"), "Signing out …", async () => {
    await server.signOut();
    signin.showSignIn();
    view.say("You are signed out.");
  }), signOut);
}

function change(show) {
  view.say("");
  view.complain("");
  show();
}

async function start() {
  const session = await server.session();
  device.configure(session.passlock);
  if (session.user) await home.enter(session, { focus: false });
  else signin.showSignIn({ focus: false });
}

at("signup-form").onsubmit = (event) => {
  event.preventDefault();
  attempt(() => view.busy(at("signup-button"), "Creating your account …", signUp));
};
at("to-signup").onclick = () => change(() => view.show("signup"));
at("to-signin").onclick = () => change(() => signin.showSignIn());
at("signout").onclick = signOut;
signin.begin(enter);
home.begin();

const begin = () => attempt(start, begin);
if (window.PublicKeyCredential) begin();
else view.show("unsupported", { focus: false });
