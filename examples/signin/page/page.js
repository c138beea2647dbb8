// SPDX-License-Identifier: LGPL-2.1-or-later
import { Passlock } from "./passlock.js";

const $ = (id) => document.getElementById(id);

async function call(path, body) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, body && options);
  if (response.status >= 500) throw new Error("Passkeys do not work now. Try again later."); // the app's log says why
  const reply = await response.json();
  if (!response.ok) throw new Error(reply.error);
  return reply;
}

function succeeded(result) {
  if (result.failure) throw result;
  return result;
}

const passlock = new Passlock(await call("config"));

async function show() {
  const { userId, passkeys } = await call("me");
  $("outside").hidden = Boolean(userId);
  $("inside").hidden = !userId;
  $("user").textContent = userId ?? "";
  $("passkeys").replaceChildren(...passkeys.map((id) => Object.assign(document.createElement("li"), { textContent: id })));
}

async function signUp() {
  const { token } = await call("sign-up", { username: $("username").value });
  const { code } = succeeded(await passlock.registerPasskey({ registrationToken: token }));
  await call("passkey", { code });
}

async function signIn() {
  const { token } = await call("sign-in", {});
  const { code } = succeeded(await passlock.authenticatePasskey({ authenticationToken: token }));
  await call("session", { code });
}

async function run(action) {
  document.querySelector("main").ariaBusy = "true";
  try {
    await action();
    await show();
    $("status").textContent = "";
  } catch (error) {
    $("status").textContent = error.message;
  }
  document.querySelector("main").ariaBusy = "false";
}

$("outside").addEventListener("submit", (event) => {
  event.preventDefault();
  run(signUp);
});
$("sign-in").addEventListener("click", () => run(signIn));
$("sign-out").addEventListener("click", () => run(() => call("sign-out", {})));
run(() => {});
