// SPDX-License-Identifier: LGPL-2.1-or-later
// Passkeys by passlockd, through passlock-gate: see README.md, and passlock.d.ts for the types.

import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import os from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const BODY_MAX = 65536;
const TIMEOUT_MS = 40_000; // longer than a call with the default TimeoutSec of the daemon
const LONG_TIMEOUT_MS = 3_600_000;
const SILENCE_MS = 75_000; // of a stream; the gate sends a comment every 30 s
const DELAY_MIN_MS = 100;
const DELAY_MAX_MS = 5_000;

/** A failed call. The message is for the log. */
export class PasslockError extends Error {
  constructor(message, { status = null, retryAfterSec = null, cause } = {}) {
    super(message, { cause });
    this.name = new.target.name;
    this.status = status; // of HTTP; null: the client itself failed the call
    this.retryAfterSec = retryAfterSec;
  }
}

export class InvalidCode extends PasslockError {}
export class Interrupted extends PasslockError {}
export class InvalidToken extends PasslockError {}
export class UserMismatch extends PasslockError {}
export class LinkConflict extends PasslockError {}
export class NotFound extends PasslockError {}
export class BadRequest extends PasslockError {}
export class RateLimited extends PasslockError {}
export class ApiDenied extends PasslockError {}
export class Unreachable extends PasslockError {}
export class MalformedReply extends PasslockError {}
export class NotConfigured extends PasslockError {}
export class StoreFull extends PasslockError {}
export class StoreFailed extends PasslockError {}
export class InvalidChallenge extends PasslockError {}
export class InvalidChallengeCode extends PasslockError {}
export class ChallengeExpired extends PasslockError {}
export class ChallengeAttemptsExceeded extends PasslockError {}
export class AccessDenied extends PasslockError {}
export class InvalidArgs extends PasslockError {}
export class LimitsExceeded extends PasslockError {}
export class UnknownObject extends PasslockError {}
export class UnknownRoute extends PasslockError {}
export class MethodNotAllowed extends PasslockError {}
export class OriginRefused extends PasslockError {}
export class BodyTooLarge extends PasslockError {}
export class Internal extends PasslockError {}
export class Unsupported extends PasslockError {}
export class ReplyLost extends PasslockError {}
export class Unavailable extends PasslockError {}
export class TimedOut extends PasslockError {}
export class HttpVersionNotSupported extends PasslockError {}

const CLASSES = Object.fromEntries([
  InvalidCode, Interrupted, InvalidToken, UserMismatch, LinkConflict, NotFound, BadRequest, RateLimited, ApiDenied,
  Unreachable, MalformedReply, NotConfigured, StoreFull, StoreFailed, InvalidChallenge, InvalidChallengeCode,
  ChallengeExpired, ChallengeAttemptsExceeded, AccessDenied, InvalidArgs, LimitsExceeded, UnknownObject, UnknownRoute,
  MethodNotAllowed, OriginRefused, BodyTooLarge, Internal, Unsupported, ReplyLost, Unavailable, TimedOut,
  HttpVersionNotSupported,
].map((kind) => [kind.name, kind]));

/** The error of a reply. Names of a newer gate have no class of their own. */
function errorOf(reply, status, retryAfter) {
  if (typeof reply?.error !== "string") return new MalformedReply(`the gate sent no JSON object, status ${status}`);
  const kind = Object.hasOwn(CLASSES, reply.error) ? CLASSES[reply.error] : PasslockError;
  const error = new kind(reply.message, { status, retryAfterSec: retryAfter ? Number(retryAfter) : null });
  error.name = reply.error;
  return error;
}

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

/** With the names of members changed, also in arrays. */
function renamed(value, rename) {
  if (Array.isArray(value)) return value.map((each) => renamed(each, rename));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [rename(name), renamed(each, rename)]));
}

/** Sends undefined as null, which the gate refuses: a missing user id must not become a missing check. */
function encode(members) {
  const isLost = (value) => value === undefined || typeof value === "function" || typeof value === "symbol";
  let body;
  try {
    body = JSON.stringify(renamed(members, snake), (_, value) => (isLost(value) ? null : value));
  } catch (cause) {
    throw new InvalidArgs("an argument has no JSON form", { cause });
  }
  if (Buffer.byteLength(body) > BODY_MAX) throw new BodyTooLarge("the arguments are longer than 64 KiB");
  return body;
}

function decode(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function textOf(response) {
  let text = "";
  for await (const part of response.setEncoding("utf8")) text += part;
  return text;
}

/** Resolves to the response of a request, and whether its connection had been idle. */
function exchange(options, body) {
  return new Promise((resolve, reject) => {
    const sent = request(options, resolve);
    sent.on("timeout", () => sent.destroy(new Error("the gate sent nothing")));
    sent.on("error", (error) => reject(Object.assign(error, { reused: sent.reusedSocket })));
    sent.end(body);
  });
}

function transportError(error, signal, timeout) {
  if (signal?.aborted) return signal.reason;
  if (timeout?.aborted) return new TimedOut("no reply before the timeout", { cause: error });
  if (error.syscall === "connect") return new Unavailable(error.message, { cause: error });
  if (error.code?.startsWith("HPE_")) return new MalformedReply("the socket is not that of a gate", { cause: error });
  if (error.code === "ERR_INVALID_CHAR") return new InvalidArgs(error.message, { cause: error });
  return new ReplyLost("the gate closed the connection before the reply", { cause: error });
}

class Group {
  #client;
  constructor(client) { this.#client = client; }
  _call(...call) { return this.#client._call(...call); }
  _changes(options) { return this.#client._changes(options); }
}

const REPEATABLE = { repeatable: true };
const LONG = { isLong: true };
const token = (name) => (reply) => ({ token: reply[name], expiresAt: reply.expiresAt });
const page = (reply) => reply;
const nothing = () => undefined;
const managed = ({ token: value, expiresAt, warnings }) => ({
  token: value, expiresAt, warnings: warnings.map(([code, message, passkeyId]) => ({ code, message, passkeyId })) });
const member = (name) => (reply) => {
  if (reply[name] === undefined) throw new TypeError(name);
  return reply[name];
};

class Links extends Group {
  getUser(authenticatorId, more) {
    return this._call("Links.GetUser", { authenticatorId }, member("userId"), more, REPEATABLE);
  }
  listByUser(userId, more) { return this._call("Links.ListByUser", { userId }, member("links"), more, REPEATABLE); }
  list(cursor = "", limit = 0, more) { return this._call("Links.List", { cursor, limit }, page, more, REPEATABLE); }
  add(userId, authenticatorId, more) { return this._call("Links.Add", { userId, authenticatorId }, nothing, more); }
  import(links, options, more) { return this._call("Links.Import", { ...options, links }, member("result"), more); }
  remove(authenticatorId, more) { return this._call("Links.Remove", { authenticatorId }, nothing, more); }
  removeByUser(userId, more) { return this._call("Links.RemoveByUser", { userId }, member("removed"), more); }
  reconcile(options, more) { return this._call("Links.Reconcile", { ...options }, member("result"), more, LONG); }
  changed(more) { return this._changes(more); }
}

class Vault extends Group {
  getPasskey(passkeyId, more) {
    return this._call("Vault.GetPasskey", { passkeyId }, member("passkey"), more, REPEATABLE);
  }
  listPasskeys(cursor = "", more) { return this._call("Vault.ListPasskeys", { cursor }, page, more, REPEATABLE); }
  updatePasskeys(userId, username, options, more) {
    return this._call("Vault.UpdatePasskeys", { ...options, userId, username }, managed, more);
  }
  deletePasskeys(passkeyIds, more) { return this._call("Vault.DeletePasskeys", { passkeyIds }, managed, more); }
  deleteUserPasskeys(userId, more) { return this._call("Vault.DeleteUserPasskeys", { userId }, managed, more); }
  prunePasskeys(userId, more) { return this._call("Vault.PrunePasskeys", { userId }, managed, more); }
}

class Mailbox extends Group {
  createChallenge(email, purpose, options, more) {
    return this._call("Mailbox.CreateChallenge", { ...options, email, purpose }, member("challenge"), more);
  }
  getChallenge(challengeId, more) {
    return this._call("Mailbox.GetChallenge", { challengeId }, member("challenge"), more, REPEATABLE);
  }
  verifyChallenge(challengeId, secret, code, more) {
    return this._call("Mailbox.VerifyChallenge", { challengeId, secret, code }, member("challenge"), more);
  }
  deleteChallenge(challengeId, more) { return this._call("Mailbox.DeleteChallenge", { challengeId }, nothing, more); }
}

/** A tenancy at the gate of this app. The last argument of each method can have a `signal`. */
export class Passlock {
  #agent = new Agent({ keepAlive: true, maxFreeSockets: 8 });
  #socketPath; #query; #timeoutMs;

  constructor({ socketPath, tenancy, timeoutMs = TIMEOUT_MS } = {}) {
    if (tenancy !== undefined && !(typeof tenancy === "string" && /^[a-z0-9_]{1,32}$/.test(tenancy)))
      throw new InvalidArgs("tenancy: expected 1 to 32 of a-z, 0-9 and _");
    this.#socketPath = socketPath || process.env.PASSLOCK_GATE || `/run/passlock-gate/${os.userInfo().username}/socket`;
    this.#query = tenancy === undefined ? "" : `?tenancy=${tenancy}`;
    this.#timeoutMs = timeoutMs;
    this.links = new Links(this);
    this.vault = new Vault(this);
    this.mailbox = new Mailbox(this);
  }

  authorize(rpId, userId, username, options, more) {
    const members = { ...options, rpId, userId, username };
    return this._call("Tenancy.Authorize", members, token("registrationToken"), more);
  }
  authorizeAuthentication(rpId, options, more) {
    return this._call("Tenancy.AuthorizeAuthentication", { ...options, rpId }, token("authenticationToken"), more);
  }
  exchange(code, options, more) {
    const members = { requestId: randomBytes(18).toString("base64url"), ...options, code };
    return this._call("Tenancy.Exchange", members, member("principal"), more, REPEATABLE);
  }
  verifyIdToken(idToken, options, more) {
    return this._call("Tenancy.VerifyIdToken", { ...options, idToken }, member("principal"), more, REPEATABLE);
  }
  health(more) { return this._call("health", null, member("state"), more, REPEATABLE); }

  /** Closes idle connections. */
  close() { this.#agent.destroy(); }

  async _call(name, members, result, { signal } = {}, { repeatable = false, isLong = false } = {}) {
    signal?.throwIfAborted();
    const body = members && encode(members);
    const timeout = AbortSignal.timeout(isLong ? LONG_TIMEOUT_MS : this.#timeoutMs);
    const options = {
      socketPath: this.#socketPath, path: `/v1/${name}${this.#query}`, method: members ? "POST" : "GET",
      agent: this.#agent, signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      headers: body ? { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) } : {} };
    try {
      const response = await exchange(options, body).catch((error) => {
        // A new connection, since the agent may have more idle ones that the gate has closed.
        if (!error.reused || !repeatable || options.signal.aborted) throw error;
        return exchange({ ...options, agent: false }, body);
      });
      const reply = decode(await textOf(response));
      if (response.statusCode !== 200 || reply === null || typeof reply !== "object")
        throw errorOf(reply, response.statusCode, response.headers["retry-after"]);
      return result(renamed(reply, camel));
    } catch (error) {
      if (error instanceof PasslockError) throw error;
      if (error instanceof TypeError && !error.code)
        throw new MalformedReply(`the reply to ${name} is incomplete`, { cause: error });
      throw transportError(error, signal, timeout);
    }
  }

  /** Reconnects with back-off; throws errors that another connection would have too. */
  async *_changes({ signal } = {}) {
    let delayMs = DELAY_MIN_MS;
    for (;;) {
      try {
        for await (const change of this.#connectionChanges(signal)) {
          delayMs = DELAY_MIN_MS;
          yield change;
        }
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof PasslockError && error.status >= 400 && error.status < 500 && error.status !== 429)
          throw error;
      }
      await sleep(delayMs * (0.5 + Math.random() / 2), undefined, { signal });
      delayMs = Math.min(2 * delayMs, DELAY_MAX_MS);
    }
  }

  async *#connectionChanges(signal) {
    const options = { socketPath: this.#socketPath, path: `/v1/Links.Changed${this.#query}`, agent: false, signal };
    const response = await exchange({ ...options, timeout: SILENCE_MS });
    response.socket.on("timeout", () => response.destroy());
    if (response.statusCode !== 200) throw errorOf(decode(await textOf(response)), response.statusCode);
    let text = "";
    let event = "";
    for await (const part of response.setEncoding("utf8")) {
      const lines = (text + part).split("\n");
      text = lines.pop();
      for (const line of lines) {
        if (line.startsWith("event: ")) event = line.slice(7);
        else if (line.startsWith("data: ") && event === "Watched") yield { added: [], removed: [], readAgain: true };
        else if (line.startsWith("data: ") && event === "Changed") yield this.#change(JSON.parse(line.slice(6)));
      }
    }
  }

  #change({ added, removed }) {
    const pair = ([userId, authenticatorId]) => ({ userId, authenticatorId });
    return { added: added.map(pair), removed: removed.map(pair), readAgain: false };
  }
}
