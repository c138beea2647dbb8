// SPDX-License-Identifier: LGPL-2.1-or-later
// What people see. Nothing here talks to anybody.

const at = (id) => document.getElementById(id);

/** Shows one of the sections, and moves the focus to its title. */
export function show(section, { focus = true } = {}) {
  for (const id of ["signup", "home", "unsupported"]) at(id).hidden = id !== section;
  at("signout").hidden = section !== "home";
  if (focus) at(section).querySelector("h1").focus();
}

export function showUser(user) {
  at("display").textContent = user.displayName;
  at("handle").textContent = `@${user.username}`;
  at("avatar").textContent = [...user.displayName][0].toUpperCase();
}

/** A sentence on what has worked; "" for none. */
export function say(text) {
  at("status").textContent = text;
}

/** A sentence on what has not; with `retry`, a button that calls it. */
export function complain(text, retry) {
  at("problem-text").textContent = text;
  at("problem").hidden = !text;
  at("retry").hidden = !retry;
  at("retry").onclick = retry ?? null;
}

/** A sentence at a field; "" for none. */
export function complainAt(id, text) {
  const field = at(id);
  const hint = at(`${id}-hint`);
  hint.dataset.hint ??= hint.textContent;
  hint.textContent = text || hint.dataset.hint;
  field.setAttribute("aria-invalid", Boolean(text));
  if (text) field.focus();
}

/** Runs `work` while all buttons are off and this one shows that something is going on. */
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

/** How far the making of a passkey is: one of `steps`, or null when it is over. */
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

function row(passkey, onRemove) {
  const name = passkey.platformName ?? "Passkey";
  const created = date.format(passkey.createdAt);
  const remove = element("button", "quiet", "Remove");
  remove.type = "button";
  remove.setAttribute("aria-label", `Remove ${name}, created ${created}`);
  remove.onclick = () => onRemove(passkey, remove);
  const about = element("div", "about",
    element("p", "", element("strong", "", name)),
    element("p", "when", `Created ${created}`));
  if (passkey.lastUsedAt)
    about.append(element("p", "when", `Last used ${date.format(passkey.lastUsedAt)}`));
  const item = element("li", "", glyph(), about, remove);
  item.dataset.id = passkey.id;
  return item;
}

/** The list of passkeys; the one with the id `added` is shown arriving. */
export function showPasskeys(passkeys, onRemove, added) {
  const list = at("passkeys");
  list.replaceChildren(...passkeys.map((passkey) => row(passkey, onRemove)));
  for (const item of list.children) item.classList.toggle("new", item.dataset.id === added);
  at("count").textContent = passkeys.length > 1 ? `${passkeys.length} passkeys` : "";
  at("empty").hidden = passkeys.length > 0;
  at("create").textContent = passkeys.length ? "Add another passkey" : "Create a passkey";
}

/** Asks whether a passkey is to go. Resolves to true or false. */
export function confirmRemoval() {
  const dialog = at("confirm");
  return new Promise((resolve) => {
    at("keep").onclick = () => dialog.close("keep");
    at("remove").onclick = () => dialog.close("remove");
    dialog.onclose = () => resolve(dialog.returnValue === "remove");
    dialog.returnValue = "";
    dialog.showModal();
    at("keep").focus();
  });
}
