// SPDX-License-Identifier: LGPL-2.1-or-later
// Stands in for the npm package @passlock/browser: its documented shape, in another implementation than
// browser/passlock.js. WebAuthn JSON is that of the browser.

function fail(instance, _tag, details = {}) {
  return Object.assign(instance, { _tag, success: false, failure: true, error: instance }, details);
}

export class NetworkError extends Error {
  constructor(message, { url }) { super(message); fail(this, "@error/Network", { url }); }
}
export class PasskeyUnsupportedError extends Error {
  constructor(message) { super(message); fail(this, "@error/PasskeyUnsupported"); }
}
export class DuplicatePasskeyError extends Error {
  constructor(message) { super(message); fail(this, "@error/DuplicatePasskey"); }
}
export class OrphanedPasskeyError extends Error {
  constructor(message, ids) { super(message); fail(this, "@error/OrphanedPasskey", ids); }
}
export class OtherPasskeyError extends Error {
  constructor(message, { code }) { super(message); fail(this, "@error/OtherPasskey", { code }); }
}
export class UpdateError extends Error {
  constructor(message) { super(message); fail(this, "@error/Update", { code: "OTHER_ERROR" }); }
}
export class DeleteError extends Error {
  constructor(message) { super(message); fail(this, "@error/Delete", { code: "OTHER_ERROR" }); }
}
export class PruningError extends Error {
  constructor(message) { super(message); fail(this, "@error/Pruning", { code: "OTHER_ERROR" }); }
}
export class PasslockLogEvent extends CustomEvent {
  constructor(detail) { super("PasslockLogEvent", { detail }); }
}

const tagged = (_tag) => (result) => result?.success === true && result._tag === _tag;
export const isRegistrationSuccess = tagged("RegistrationSuccess");
export const isAuthenticationSuccess = tagged("AuthenticationSuccess");
export const isUpdateSuccess = tagged("UpdateSuccess");
export const isDeleteSuccess = tagged("DeleteSuccess");
export const isPruningSuccess = tagged("PruningSuccess");
export const isNetworkError = (result) => result instanceof NetworkError;
export const isPasskeyUnsupportedError = (result) => result instanceof PasskeyUnsupportedError;
export const isDuplicatePasskeyError = (result) => result instanceof DuplicatePasskeyError;
export const isOrphanedPasskeyError = (result) => result instanceof OrphanedPasskeyError;
export const isOtherPasskeyError = (result) => result instanceof OtherPasskeyError;
export const isUpdateError = (result) => result instanceof UpdateError;
export const isDeleteError = (result) => result instanceof DeleteError;
export const isPruningError = (result) => result instanceof PruningError;

export const isPasskeySupport = () => "PublicKeyCredential" in window;
export const isAutofillSupport = async () => PublicKeyCredential.isConditionalMediationAvailable();
export const isPasskeyUpdateSupport = () => "signalCurrentUserDetails" in PublicKeyCredential;
export const isPasskeyDeleteSupport = () => "signalUnknownCredential" in PublicKeyCredential;
export const isPasskeyPruningSupport = () => "signalAllAcceptedCredentials" in PublicKeyCredential;

async function settle(promise) {
  const result = await promise.then(
    (payload) => ({ ...payload, success: true, failure: false, value: payload }), (error) => error);
  window.dispatchEvent(new PasslockLogEvent(result._tag));
  return result;
}

async function post({ tenancyId, endpoint }, path, body) {
  const url = new URL(`v2/${tenancyId}/${path}`, endpoint).href;
  const headers = { "Content-Type": "application/json" };
  const reply = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => {
    throw new NetworkError("The request failed", { url });
  });
  const json = await reply.json();
  if (json._tag === "@error/PasskeyNotFound")
    throw new OrphanedPasskeyError(json.message, { credentialId: json.credentialId, rpId: json.rpId });
  if (!reply.ok) throw new NetworkError(json.message, { url });
  return json;
}

function refuse({ userVerification }) {
  if (userVerification) throw new OtherPasskeyError("userVerification is not accepted", { code: "OTHER_ERROR" });
}

export const registerPasskey = (options, config) => settle((async () => {
  refuse(options);
  options.onEvent?.("optionsRequest");
  const { registrationToken } = options;
  const { sessionToken, optionsJSON } = await post(config, "passkey/registration/options", { registrationToken });
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(optionsJSON);
  options.onEvent?.("createCredential");
  const credential = await navigator.credentials.create({ publicKey }).catch((error) => {
    throw error.name === "InvalidStateError" ? new DuplicatePasskeyError("Duplicate") : error;
  });
  options.onEvent?.("saveCredential");
  return post(config, "passkey/registration/verification", { sessionToken, response: credential.toJSON() });
})());

export const authenticatePasskey = (options, config) => settle((async () => {
  refuse(options);
  options.onEvent?.("optionsRequest");
  const { authenticationToken } = options;
  const { sessionToken, optionsJSON } = await post(config, "passkey/authentication/options", { authenticationToken });
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(optionsJSON);
  options.onEvent?.("getCredential");
  const credential = await navigator.credentials.get({ publicKey });
  options.onEvent?.("verifyCredential");
  return post(config, "passkey/authentication/verification", { sessionToken, response: credential.toJSON() });
})());

const change = (kind, signal, _tag, Failure) => (options, config) => settle((async () => {
  const { instructions, warnings } = await post(config, `passkeys/${kind}/exchange`, options).catch(({ message }) => {
    throw new Failure(message);
  });
  for (const { username, ...instruction } of instructions)
    await PublicKeyCredential[signal](username ? { ...instruction, name: username } : instruction);
  if (!instructions.length) warnings.push({ code: "EMPTY_SIGNAL_PAYLOAD", message: "Empty" });
  return { _tag, warnings };
})());

export const updatePasskeys = change("update", "signalCurrentUserDetails", "UpdateSuccess", UpdateError);
export const deletePasskeys = change("delete", "signalUnknownCredential", "DeleteSuccess", DeleteError);
export const prunePasskeys = change("prune", "signalAllAcceptedCredentials", "PruningSuccess", PruningError);

export const deleteOrphanedPasskey = (error) => settle((async () => {
  if (!isOrphanedPasskeyError(error)) throw new DeleteError("Not an orphaned passkey");
  await PublicKeyCredential.signalUnknownCredential({ credentialId: error.credentialId, rpId: error.rpId });
  return { _tag: "DeleteSuccess", warnings: [] };
})());

export class Passlock {
  constructor(config) { this.config = config; }
  registerPasskey(options) { return registerPasskey(options, this.config); }
  authenticatePasskey(options) { return authenticatePasskey(options, this.config); }
  updatePasskeys(options) { return updatePasskeys(options, this.config); }
  deletePasskeys(options) { return deletePasskeys(options, this.config); }
  prunePasskeys(options) { return prunePasskeys(options, this.config); }
  deleteOrphanedPasskey(error) { return deleteOrphanedPasskey(error, this.config); }
}
