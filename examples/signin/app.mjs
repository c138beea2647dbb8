#!/usr/bin/env node
// SPDX-License-Identifier: LGPL-2.1-or-later
// The example in Node, with node:http; handlers of Express are the same. README.md has the settings.

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { InvalidArgs, Passlock, PasslockError } from "../../clients/node/passlock.js"; // "passlock-gate-client"

const { RP_ID = "localhost", PORT = "8000", PASSLOCK_ENDPOINT, PASSLOCK_TENANCY_ID, PASSLOCK_JS } = process.env;
const FILES = {
  "/": [new URL("page/index.html", import.meta.url), "text/html"],
  "/page.js": [new URL("page/page.js", import.meta.url), "text/javascript"],
  "/passlock.js": [PASSLOCK_JS ?? new URL("../../browser/passlock.js", import.meta.url), "text/javascript"],
};

const passlock = new Passlock();
const sessions = new Map(); // by the value of the cookie; an app has them in its database

const GET = {
  "/me": async ({ userId = null }) => {
    const links = userId ? await passlock.links.listByUser(userId) : [];
    return { userId, passkeys: links.map((link) => link.authenticatorId) };
  },
  "/config": async () => ({ tenancyId: PASSLOCK_TENANCY_ID, endpoint: PASSLOCK_ENDPOINT }),
};

const POST = {
  "/sign-up": async (session, { username }) => {
    session.newUserId = `user-${randomBytes(8).toString("hex")}`;
    const { token } = await passlock.authorize(RP_ID, session.newUserId, username);
    return { token };
  },
  "/passkey": async ({ newUserId }, { code }) => {
    if (!newUserId) throw new InvalidArgs("the session has not begun to sign up");
    // With userId, the passkey of somebody else is refused.
    const { userId } = await passlock.exchange(code, { userId: newUserId });
    return { enter: userId };
  },
  "/sign-in": async () => {
    const { token } = await passlock.authorizeAuthentication(RP_ID, { discoverable: true });
    return { token };
  },
  "/session": async (session, { code }) => ({ enter: (await passlock.exchange(code)).userId }),
  "/sign-out": async () => ({ enter: null }),
};

async function bodyOf(request) {
  let text = "";
  for await (const part of request.setEncoding("utf8")) {
    text += part;
    if (text.length > 2 ** 20) return null;
  }
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function answer(response, status, reply, headers = {}) {
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(reply));
}

async function run(request, response, action, body) {
  const key = /\bsession=([\w-]+)/.exec(request.headers.cookie)?.[1];
  let session = sessions.get(key) ?? {};
  let reply;
  try {
    reply = await action(session, body);
  } catch (error) {
    if (!(error instanceof PasslockError)) throw error;
    console.error(`passlock: ${error}`);
    return answer(response, 400, { error: error.name });
  }
  const isOther = "enter" in reply; // another user: another session
  if (isOther) {
    sessions.delete(key);
    if (!reply.enter) return answer(response, 200, reply);
    session = { userId: reply.enter };
  } else if (sessions.has(key) || !session.newUserId) {
    return answer(response, 200, reply);
  }
  const fresh = randomBytes(18).toString("base64url");
  sessions.set(fresh, session);
  return answer(response, 200, reply, { "Set-Cookie": `session=${fresh}; HttpOnly; SameSite=Lax; Path=/` });
}

async function serve(request, response) {
  response.setHeader("Content-Security-Policy",
    `default-src 'self'; connect-src 'self' ${PASSLOCK_ENDPOINT}; img-src data:`);
  const isGet = request.method === "GET";
  if (isGet && Object.hasOwn(FILES, request.url)) {
    const [path, type] = FILES[request.url];
    return response.setHeader("Content-Type", `${type}; charset=utf-8`).end(await readFile(path));
  }
  const actions = isGet ? GET : POST;
  if (!Object.hasOwn(actions, request.url)) return answer(response, 404, { error: "NotFound" });
  const body = isGet ? {} : await bodyOf(request);
  // Pages of other sites cannot send this type.
  const isJson = request.headers["content-type"]?.startsWith("application/json");
  if (!isGet && (!isJson || body === null || typeof body !== "object"))
    return answer(response, 400, { error: "BadRequest" });
  return run(request, response, actions[request.url], body);
}

const server = createServer((request, response) => {
  serve(request, response).catch((error) => {
    console.error(error);
    response.destroy();
  });
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on http://localhost:${server.address().port}`));
