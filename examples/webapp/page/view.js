// SPDX-License-Identifier: LGPL-2.1-or-later
// DOM updates only, no requests.

const at = (id) => document.getElementById(id);

/** Shows a section and focuses its title. */
export function show(section, { focus = true } = {}) {
  for (const id of ["signin", "signup", "home", "unsupported"]) at(id).hidden = id !== section;
  at("signout").hidden = section !== "home";
  if (focus) at(section).querySelector("h1").focus();
}

/** Accounts from before a restart of the server have no names. */
export function showUser(user) {
  const name = user.displayName ?? "Welcome back";
  at("display").textContent = name;
  at("handle").textContent = user.username ? `@${user.username}` : `User ${user.id}`;
  at("avatar").textContent = user.displayName ? [...name][0].toUpperCase() : "?";
  at("stranger").hidden = Boolean(user.username);
  showRenaming(user, !user.username);
}

export function showRenaming(user, open) {
  at("rename-form").hidden = !open;
  at("rename").hidden = open;
  at("keep-name").hidden = !user.username;
  if (!open) return;
  complainAt("new-username", "");
  complainAt("new-display-name", "");
  at("new-username").value = user.username ?? "";
  at("new-display-name").value = user.displayName ?? "";
  if (user.username) at("new-username").focus();
}

/** Shows the principal of the sign-in; null after sign-up. */
export function showSignIn(signIn) {
  at("how").hidden = !signIn;
  if (!signIn) return;
  at("how-passkey").textContent = signIn.platformName ?? "Passkey";
  at("how-id").textContent = signIn.passkeyId;
  at("how-verified").textContent = signIn.userVerified
    ? "Your device checked that it is you" : "Your device did not check that it is you";
  at("how-verified").dataset.good = signIn.userVerified;
  at("how-when").textContent = date.format(signIn.at);
  at("how-from").textContent = signIn.ipAddress ?? "An unknown address";
  at("how-browser").textContent = signIn.userAgent ?? "";
}

/** Shows a success message; "" hides it. */
export function say(text) {
  at("status").textContent = text;
  if (text) at("status").scrollIntoView({ block: "nearest" });
}

/** Shows an error message; `act` adds a button. */
export function complain(text, act, label = "Try again") {
  at("problem-text").textContent = text;
  at("problem").hidden = !text;
  at("retry").hidden = !act;
  at("retry").textContent = label;
  at("retry").onclick = act ?? null;
  if (text) at("problem").scrollIntoView({ block: "nearest" });
}

/** Shows an error message at a form field; "" hides it. */
export function complainAt(id, text) {
  const field = at(id);
  const hint = at(`${id}-hint`);
  hint.dataset.hint ??= hint.textContent;
  hint.textContent = text || hint.dataset.hint;
  field.setAttribute("aria-invalid", Boolean(text));
  if (text) field.focus();
}

/** Runs `work` with all buttons disabled and a busy label on this one. */
export async function busy(button, label, work) {
  const before = button.textContent;
  const focused = document.activeElement;
  const buttons = [...document.querySelectorAll("button:not(:disabled)")];
  for (const other of buttons) other.disabled = true;
  button.setAttribute("aria-busy", "true");
  button.textContent = label;
  try {
    return await work();
  } finally {
    for (const other of buttons) other.disabled = false;
    button.removeAttribute("aria-busy");
    if (button.textContent === label) button.textContent = before;
    if (document.activeElement === document.body && focused?.isConnected) focused.focus();
  }
}

const steps = ["step-ask", "step-device", "step-save"];

/** Shows the step of a registration: one of `steps`, or null at the end. */
export function showStep(current) {
  at("steps").hidden = !current;
  at("empty").hidden = Boolean(current) || at("passkeys").childElementCount > 0;
  const reached = steps.indexOf(current);
  steps.forEach((step, i) => {
    at(step).dataset.state = i < reached ? "done" : i === reached ? "doing" : "todo";
    if (i === reached) at(step).setAttribute("aria-current", "step");
    else at(step).removeAttribute("aria-current");
  });
  at("progress").textContent = current ? at(current).textContent : "";
}

const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function glyph() {
  const drawing = at("empty").querySelector("svg").cloneNode(true);
  drawing.setAttribute("class", "glyph");
  return drawing;
}

function row(passkey, { used, onRemove }, isLast) {
  const name = passkey.platformName ?? "Passkey";
  const created = date.format(passkey.createdAt);
  const remove = element("button", "quiet", "Delete");
  remove.type = "button";
  remove.setAttribute("aria-label", `Delete ${name}, created ${created}`);
  remove.onclick = () => onRemove(passkey, isLast, remove);
  const title = element("p", "", element("strong", "", name));
  if (passkey.id === used) title.append(" ", element("span", "tag", "Signed in with"));
  const about = element("div", "about", title, element("p", "when", `Created ${created}`));
  if (passkey.lastUsedAt)
    about.append(element("p", "when", `Last used ${date.format(passkey.lastUsedAt)}`));
  const item = element("li", "", glyph(), about, remove);
  item.dataset.id = passkey.id;
  return item;
}

/** Shows the passkeys; animates the one with the id `added`, and marks `used`. */
export function showPasskeys(passkeys, { used, added, onRemove }) {
  const list = at("passkeys");
  const isLast = passkeys.length === 1;
  list.replaceChildren(...passkeys.map((passkey) => row(passkey, { used, onRemove }, isLast)));
  for (const item of list.children) item.classList.toggle("new", item.dataset.id === added);
  at("count").textContent = passkeys.length > 1 ? `${passkeys.length} passkeys` : "";
  at("empty").hidden = passkeys.length > 0;
  at("create").textContent = passkeys.length ? "Add another passkey" : "Create a passkey";
}

/** Asks to confirm a deletion. Resolves to a boolean. */
export function confirmRemoval(isLast) {
  const dialog = at("confirm");
  at("confirm-last").hidden = !isLast;
  return new Promise((resolve) => {
    at("keep").onclick = () => dialog.close("keep");
    at("remove").onclick = () => dialog.close("remove");
    dialog.onclose = () => resolve(dialog.returnValue === "remove");
    dialog.returnValue = "";
    dialog.showModal();
    at("keep").focus();
  });
}
