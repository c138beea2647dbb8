#!/usr/bin/env node
// SPDX-License-Identifier: LGPL-2.1-or-later
// The example in Node, with Express 4 or 5. README.md has the settings.

import { randomBytes } from "node:crypto";
import { STATUS_CODES } from "node:http";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import {
  BodyTooLarge, Interrupted, InvalidArgs, InvalidCode, Passlock, PasslockError, UserMismatch,
} from "../../clients/node/passlock.js"; // "passlock-gate-client"

const express = createRequire(import.meta.url)("express"); // an import does not find that of Debian

const {
  RP_ID = "localhost", HOST, PORT = "8000", PASSLOCK_ENDPOINT, PASSLOCK_TENANCY_ID, PASSLOCK_JS,
} = process.env;
const REFUSALS = [BodyTooLarge, Interrupted, InvalidArgs, InvalidCode, UserMismatch];

const pathOf = (name) => fileURLToPath(new URL(name, import.meta.url));
const passlock = new Passlock();
const sessions = new Map(); // by the value of the cookie; an app has them in its database
const app = express().disable("x-powered-by");

/** Replies with the result of an action. Express 4 does not catch the errors of async functions. */
const answer = (action) => (request, response, next) =>
  action(request, response).then((reply) => response.json(reply), next);

/** Replaces the session, so that nobody else knows its id. */
function startSession(request, response, session) {
  sessions.delete(request.sessionId);
  const id = randomBytes(18).toString("base64url");
  sessions.set(id, session);
  response.cookie("session", id, { httpOnly: true, sameSite: "lax" });
}

app.use((request, response, next) => {
  response.set("Content-Security-Policy",
    `default-src 'self'; connect-src 'self' ${PASSLOCK_ENDPOINT}; img-src data:`);
  request.sessionId = /(?:^|; )session=([\w-]+)/.exec(request.get("Cookie"))?.[1];
  request.session = sessions.get(request.sessionId) ?? {};
  // Pages of other sites cannot send JSON.
  next(request.method === "POST" && !request.is("json") ? { status: 415 } : undefined);
});
app.use(express.static(pathOf("page")));
app.use("/passlock.js", express.static(PASSLOCK_JS ?? pathOf("../../browser/passlock.js")));
app.use(express.json({ limit: "1mb" }));

app.get("/config", (request, response) => {
  response.json({ tenancyId: PASSLOCK_TENANCY_ID, endpoint: PASSLOCK_ENDPOINT });
});

app.get("/me", answer(async ({ session: { userId = null } }) => {
  const links = userId ? await passlock.links.listByUser(userId) : [];
  return { userId, passkeys: links.map((link) => link.authenticatorId) };
}));

app.post("/sign-up", answer(async (request, response) => {
  const newUserId = `user-${randomBytes(8).toString("hex")}`;
  const { token } = await passlock.authorize(RP_ID, newUserId, request.body.username);
  startSession(request, response, { newUserId });
  return { token };
}));

app.post("/passkey", answer(async (request, response) => {
  const { newUserId } = request.session;
  if (!newUserId) throw new InvalidArgs("the session has not begun to sign up");
  // With userId, the passkey of somebody else is refused.
  const { userId } = await passlock.exchange(request.body.code, { userId: newUserId });
  startSession(request, response, { userId });
  return { userId };
}));

app.post("/sign-in", answer(async () => {
  const { token } = await passlock.authorizeAuthentication(RP_ID, { discoverable: true });
  return { token };
}));

app.post("/session", answer(async (request, response) => {
  const { userId } = await passlock.exchange(request.body.code);
  startSession(request, response, { userId });
  return { userId };
}));

app.post("/sign-out", (request, response) => {
  sessions.delete(request.sessionId);
  response.clearCookie("session").json({ userId: null });
});

// Express takes a function for an error handler if it has four parameters.
app.use((error, request, response, next) => {
  if (error instanceof PasslockError) {
    console.error(`passlock: ${error}`);
    const isRefusal = REFUSALS.some((kind) => error instanceof kind);
    return response.status(isRefusal ? 400 : 502).json({ error: error.name });
  }
  const { status = 500 } = error;
  if (status === 500) console.error(error);
  response.status(status).json({ error: STATUS_CODES[status].replaceAll(" ", "") });
});

const server = app.listen(Number(PORT), HOST || "127.0.0.1", (error) => {
  if (error) throw error; // of Express 5
  console.log(`listening on http://localhost:${server.address().port}`);
});
