import * as lib from "@passlock/browser";

// SPDX-License-Identifier: LGPL-2.1-or-later
// Makes every call, and records its results. Only the first line differs between the two modules.

const ERROR_MEMBERS = ["_tag", "code", "success", "failure", "url", "credentialId", "rpId"];

// All that a page may rely on. Ids and codes differ at each run, so only their types are recorded.
function describe(result) {
  const guards = Object.keys(lib).filter((name) => /^is.*(Success|Error)$/.test(name) && lib[name](result));
  if (result.failure) {
    const members = ERROR_MEMBERS.filter((name) => name in result).map((name) => [name, result[name]]);
    return { ...Object.fromEntries(members), guards, isError: result instanceof Error && result.message !== "",
      isItself: result.error === result };
  }
  const { _tag, success, failure, value, warnings } = result;
  const codes = warnings?.map((warning) => warning.code);
  const texts = [result.code, result.id_token, result.principal?.userId, result.principal?.authenticatorId]
    .map((text) => typeof text);
  return { _tag, success, failure, guards, codes, texts, value: [value._tag, value.code === result.code,
    value.warnings === warnings] };
}

// `tokens` are of this run; the endpoint and the tenancy are the same for both modules.
export async function run({ tenancyId, endpoint, tokens }) {
  const passlock = new lib.Passlock({ tenancyId, endpoint });
  const seen = {};
  const record = (name, result) => { seen[name] = describe(result); };
  const levels = new Set();
  addEventListener("PasslockLogEvent", (event) => levels.add(event instanceof lib.PasslockLogEvent));
  const events = [];
  const onEvent = (event) => events.push(event);

  record("register", await passlock.registerPasskey({ registrationToken: tokens.first, onEvent }));
  record("duplicate", await passlock.registerPasskey({ registrationToken: tokens.again }));
  record("register as a function",
    await lib.registerPasskey({ registrationToken: tokens.second }, { tenancyId, endpoint }));
  record("used token", await passlock.registerPasskey({ registrationToken: tokens.first }));
  record("old option", await passlock.registerPasskey({ registrationToken: "t", userVerification: "required" }));
  record("sign in", await passlock.authenticatePasskey({ authenticationToken: tokens.signIn, onEvent }));

  for (const kind of ["update", "delete", "prune"]) {
    const call = (token) => passlock[`${kind}Passkeys`]({ [`${kind}PasskeysToken`]: token });
    record(kind, await call(tokens[kind]));
    record(`${kind} with a used token`, await call(tokens[kind]));
  }
  const away = new lib.Passlock({ tenancyId, endpoint: "http://127.0.0.1:1" });
  record("unreachable", await away.authenticatePasskey({ authenticationToken: "t" }));
  return { seen, events, logged: [...levels], exports: Object.keys(lib).sort(),
    support: [lib.isPasskeySupport(), await lib.isAutofillSupport(), lib.isPasskeyUpdateSupport(),
      lib.isPasskeyDeleteSupport(), lib.isPasskeyPruningSupport()] };
}

// The passkey on the device is not in the vault.
export async function runOrphan({ tenancyId, endpoint, token }) {
  const passlock = new lib.Passlock({ tenancyId, endpoint });
  const orphan = await passlock.authenticatePasskey({ authenticationToken: token });
  const refused = await passlock.deleteOrphanedPasskey({ ...orphan });
  return [orphan, refused, await passlock.deleteOrphanedPasskey(orphan)].map(describe);
}
