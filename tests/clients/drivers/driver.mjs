// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls the Node client by orders on standard input: see ../test_conformance.py.
//
//     driver.mjs SOCKET

import readline from "node:readline";
import { Passlock, PasslockError } from "../../../clients/node/passlock.js";

const socketPath = process.argv[2];
let client = new Passlock({ socketPath });
let stream;
let controller;

const lower = (name) => name[0].toLowerCase() + name.slice(1);
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function renamed(value, rename) {
  if (Array.isArray(value)) return value.map((each) => renamed(each, rename));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [rename(name), renamed(each, rename)]));
}

// {"$bytes": BASE64} is a string with a lone surrogate.
function made(value) {
  if (Array.isArray(value)) return value.map(made);
  if (value === null || typeof value !== "object") return value;
  if (Object.hasOwn(value, "$bytes")) {
    const [a, b, c] = Buffer.from(value.$bytes, "base64");
    return String.fromCharCode(((a & 15) << 12) | ((b & 63) << 6) | (c & 63));
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, made(each)]));
}

async function obey(order) {
  if (order.client) {
    const { timeout_sec: timeoutSec, tenancy } = order.client;
    client = new Passlock({ socketPath, tenancy, timeoutMs: timeoutSec && 1000 * timeoutSec });
    return null;
  }
  if (order.watch) {
    controller = new AbortController();
    stream = client.links.changed({ signal: controller.signal });
    return null;
  }
  if (order.unwatch) return stream.return();
  if (order.abort) return stream.next(controller.abort()).catch((error) => error.name);
  if (order.next) return (await stream.next()).value;
  const [group, name] = order.call.includes(".") ? order.call.split(".") : ["Tenancy", order.call];
  const place = group === "Tenancy" ? client : client[lower(group)];
  const options = order.options && Object.keys(order.options).length ? [renamed(made(order.options), camel)] : [];
  return place[lower(name)](...renamed(made(order.arguments ?? []), camel), ...options);
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { result: renamed((await obey(JSON.parse(line))) ?? null, snake) };
  } catch (error) {
    if (!(error instanceof PasslockError)) throw error;
    answer = { error: error.name, class: error.constructor.name, status: error.status };
    if (error.retryAfterSec) answer.retry_after_sec = error.retryAfterSec;
  }
  console.log(JSON.stringify(answer));
}
process.exit();
