// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls of /api.

/** Error reply: `code` is machine-readable, the message is shown. */
export class ServerError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** Temporary: a retry may succeed. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500 || this.interrupted;
  }

  /** The daemon crashed: the code is used and the reply lost, so a new ceremony is necessary. */
  get interrupted() {
    return this.code === "Interrupted";
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
    throw new ServerError(0, "Offline", "This site cannot be reached. Please check your connection.");
  }
  if (!reply.ok) throw new ServerError(reply.status, json.error.code, json.error.message);
  return json;
}

const token = async (method, path) => (await call(method, path)).token;

export const session = () => call("GET", "/api/session");
export const signUp = (username, displayName) => call("POST", "/api/signup", { username, displayName });
/** `username`: only passkeys of this account; `autofill`: conditional mediation. */
export const authorizeSignIn = async (scope) => (await call("POST", "/api/signin/authorize", scope)).authenticationToken;
export const signIn = (code) => call("POST", "/api/signin", { code });
export const signOut = () => call("POST", "/api/signout");
export const rename = (username, displayName) => call("POST", "/api/account", { username, displayName });

export const listPasskeys = async () => (await call("GET", "/api/passkeys")).passkeys;
export const authorize = async () => (await call("POST", "/api/passkeys/authorize")).registrationToken;
export const exchange = (code) => call("POST", "/api/passkeys/exchange", { code });

/** These return a token for tell() in device.js. */
export const updatePasskeys = () => token("POST", "/api/passkeys/update");
export const prunePasskeys = () => token("POST", "/api/passkeys/prune");
export const deletePasskey = (id) => token("DELETE", `/api/passkeys/${encodeURIComponent(id)}`);
