// SPDX-License-Identifier: LGPL-2.1-or-later
// Drives headless Chromium by orders on standard input, one JSON object a line, one answer a line:
// {"do": "click", "page": 1, "args": ["#create"]} -> {"value": ...} or {"error": "..."}.
// See tests/harness/browser.py, which gives the orders. Ends, with the browser, when they end.

import readline from "node:readline";
import puppeteer from "puppeteer-core";

const [userDataDir] = process.argv.slice(2);

const browser = await puppeteer.launch({
  executablePath: process.env.PASSLOCK_CHROMIUM || "/usr/bin/chromium",
  userDataDir,
  pipe: true, // no port, and no browser without us
  args: [
    "--no-sandbox", // root cannot have it; the only pages are our own
    "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const pages = new Map();

const PASSKEY_HOLDER = {
  protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true,
  hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
};

// Each person has a browser profile and an authenticator of their own.
async function open({ width, height, phone, dark, autofill }) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const devtools = await page.createCDPSession();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (/Content Security Policy/.test(message.text())) complaints.push(message.text());
  });
  await page.setViewport({ width, height, isMobile: phone, hasTouch: phone, deviceScaleFactor: 2 });
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: dark ? "dark" : "light" },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  // The virtual authenticator confirms whatever is asked, also what a real person would let wait.
  if (!autofill)
    await page.evaluateOnNewDocument(() => { delete PublicKeyCredential.isConditionalMediationAvailable; });
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", { options: PASSKEY_HOLDER });
  const id = pages.size + 1;
  pages.set(id, { context, page, devtools, authenticatorId, complaints });
  return id;
}

async function replaceAuthenticator(person, options, credentials) {
  const { devtools } = person;
  await devtools.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: person.authenticatorId });
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", { options });
  person.authenticatorId = authenticatorId;
  for (const credential of credentials)
    await devtools.send("WebAuthn.addCredential", { authenticatorId, credential });
}

// In the page: until nothing is going on any more.
async function settle(timeout) {
  const deadline = performance.now() + timeout;
  while (document.querySelector("[aria-busy=true]")) {
    if (performance.now() > deadline) throw new Error("the page is still busy");
    await new Promise(requestAnimationFrame);
  }
}

// In the page: until it has said something new that holds the text, and is done. Saying replaces the
// text node, so that what was heard before does not count again.
async function hear(selector, text, timeout) {
  const deadline = performance.now() + timeout;
  for (;;) {
    const said = document.querySelector(selector).firstChild;
    if (said && said !== window.heard && said.data.includes(text) &&
        !document.querySelector("[aria-busy=true]")) {
      window.heard = said;
      return said.data;
    }
    if (performance.now() > deadline) throw new Error(`${selector} says: ${said?.data ?? ""}`);
    await new Promise(requestAnimationFrame);
  }
}

const orders = {
  goto: ({ page }, url) => page.goto(url).then(() => null),
  click: ({ page }, selector) => page.click(selector),
  fill: async ({ page }, selector, text) => {
    await page.$eval(selector, (field) => { field.value = ""; });
    await page.type(selector, text);
  },
  press: ({ page }, key) => page.keyboard.press(key),
  wait: ({ page }, selector, timeout, hidden) =>
    page.waitForSelector(selector, { visible: !hidden, hidden, timeout }).then(() => null),
  settle: ({ page }, timeout) => page.evaluate(settle, timeout),
  hear: ({ page }, selector, text, timeout) => page.evaluate(hear, selector, text, timeout),
  text: ({ page }, selector) => page.$eval(selector, (element) => element.innerText),
  evaluate: ({ page }, script) => page.evaluate(script),
  screenshot: ({ page }, path) => page.screenshot({ path }).then(() => null),
  complaints: ({ complaints }) => complaints,
  credentials: async ({ devtools, authenticatorId }) =>
    (await devtools.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
  // Whether the person passes the fingerprint sensor.
  setVerified: ({ devtools, authenticatorId }, isUserVerified) =>
    devtools.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
  replaceAuthenticator: (person) => replaceAuthenticator(person, PASSKEY_HOLDER, []),
  replaceByUnverifying: async (person) => replaceAuthenticator(
    person, { ...PASSKEY_HOLDER, hasUserVerification: false }, await orders.credentials(person)),
  cookies: ({ context }) => context.cookies(),
  setCookie: ({ devtools }, cookie) => devtools.send("Network.setCookie", cookie).then(() => null),
  close: ({ context }) => context.close(),
};

async function obey({ do: name, page, args }) {
  if (name === "open") return open(...args);
  return orders[name](pages.get(page), ...args);
}

console.log("ready");
for await (const line of readline.createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { value: (await obey(JSON.parse(line))) ?? null };
  } catch (error) {
    answer = { error: error.message };
  }
  console.log(JSON.stringify(answer));
}
await browser.close();
