// SPDX-License-Identifier: LGPL-2.1-or-later
// What this page asks of its own server.

/** An answer that is not a success: `code` for programs, the message for people. */
export class ServerError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** Whether asking the same again may help. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

async function call(method, path, body) {
  let reply, json;
  try {
    reply = await fetch(path, {
      method,
      headers: { "Content-Type": "application/json" },
      body: method === "POST" ? JSON.stringify(body ?? {}) : undefined,
    });
    json = await reply.json();
  } catch {
    throw new ServerError(0, "Offline", "This site does not answer. Please check your connection.");
  }
  if (!reply.ok) throw new ServerError(reply.status, json.error.code, json.error.message);
  return json;
}

export const session = () => call("GET", "/api/session");
export const signUp = (username, displayName) => call("POST", "/api/signup", { username, displayName });
export const signOut = () => call("POST", "/api/signout");
export const listPasskeys = async () => (await call("GET", "/api/passkeys")).passkeys;
export const authorize = async () => (await call("POST", "/api/passkeys/authorize")).registrationToken;
export const exchange = (code) => call("POST", "/api/passkeys/exchange", { code });
export const removePasskey = (id) => call("DELETE", `/api/passkeys/${encodeURIComponent(id)}`);
