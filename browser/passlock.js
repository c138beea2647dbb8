// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * Passkey registration and authentication for web pages: an ES module without dependencies, with the
 * API of `@passlock/browser`. passlock.d.ts has the types; README.md explains the use.
 *
 *   import { Passlock } from "./passlock.js"
 *   const passlock = new Passlock({ tenancyId })
 *   const result = await passlock.registerPasskey({ registrationToken })
 *   if (result.success) sendToBackend(result.code) // same for authenticatePasskey()
 *   else show(result.message)
 *
 * Calls do not throw: a failed call returns an Error. Where the documentation of `@passlock/browser`
 * leaves something open, a comment says "Undocumented".
 */

/** Default base URL of the API. passlock-sandbox serves this line with its own URL. */
const DEFAULT_ENDPOINT = "https://api.passlock.dev"

/* ---- Results --------------------------------------------------------------------------------- */

/** A successful result: the payload, and beside its members the ones of a result. */
const succeed = (payload) => ({ ...payload, success: true, failure: false, value: payload })

/** A failed result. */
class PasslockError extends Error {
  success = false
  failure = true

  constructor(_tag, message, { cause, ...details } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this._tag = _tag
    Object.assign(this, details)
  }

  get name() {
    return this._tag
  }

  /** A getter, so that JSON.stringify() of a result does not recurse. */
  get error() {
    return this
  }
}

/** A request failed, was refused, or got an unexpected reply. */
export class NetworkError extends PasslockError {
  /** @param {{ url: string, cause?: unknown }} details */
  constructor(message, details) {
    super("@error/Network", message, details)
  }
}

/** The browser has no passkeys, or no autofill of passkeys. */
export class PasskeyUnsupportedError extends PasslockError {
  constructor(message) {
    super("@error/PasskeyUnsupported", message)
  }
}

/** The authenticator already has a passkey of this account. */
export class DuplicatePasskeyError extends PasslockError {
  constructor(message, details) {
    super("@error/DuplicatePasskey", message, details)
  }
}

/** The passkey is on the device but not in the vault: see deleteOrphanedPasskey(). */
export class OrphanedPasskeyError extends PasslockError {
  /** @param {{ credentialId: string, rpId: string }} details */
  constructor(message, details) {
    super("@error/OrphanedPasskey", message, details)
  }
}

/** Any other failure of a ceremony; most have a DOMException as `cause`. */
export class OtherPasskeyError extends PasslockError {
  /** @param {{ code: string, cause?: unknown }} details */
  constructor(message, details) {
    super("@error/OtherPasskey", message, details)
  }
}

/** updatePasskeys() failed; `code` is "OTHER_ERROR". */
export class UpdateError extends PasslockError {
  constructor(message, details) {
    super("@error/Update", message, details)
  }
}

/** deletePasskeys() or deleteOrphanedPasskey() failed; `code` is "OTHER_ERROR". */
export class DeleteError extends PasslockError {
  constructor(message, details) {
    super("@error/Delete", message, details)
  }
}

/** prunePasskeys() failed; `code` is "OTHER_ERROR". */
export class PruningError extends PasslockError {
  constructor(message, details) {
    super("@error/Pruning", message, details)
  }
}

const isSuccess = (_tag) => (result) => result?._tag === _tag && result.success === true

export const isRegistrationSuccess = isSuccess("RegistrationSuccess")
export const isAuthenticationSuccess = isSuccess("AuthenticationSuccess")
export const isUpdateSuccess = isSuccess("UpdateSuccess")
export const isDeleteSuccess = isSuccess("DeleteSuccess")
export const isPruningSuccess = isSuccess("PruningSuccess")

export const isNetworkError = (result) => result instanceof NetworkError
export const isPasskeyUnsupportedError = (result) => result instanceof PasskeyUnsupportedError
export const isDuplicatePasskeyError = (result) => result instanceof DuplicatePasskeyError
export const isOrphanedPasskeyError = (result) => result instanceof OrphanedPasskeyError
export const isOtherPasskeyError = (result) => result instanceof OtherPasskeyError
export const isUpdateError = (result) => result instanceof UpdateError
export const isDeleteError = (result) => result instanceof DeleteError
export const isPruningError = (result) => result instanceof PruningError

/** Resolves to a result; `toFailure` turns an exception into a failed one. */
const attempt = async (action, toFailure) => {
  let result
  try {
    result = succeed(await action())
  } catch (exception) {
    result = toFailure(exception)
  }
  if (result.success) log("info", result._tag)
  else log("error", `${result._tag}: ${result.message}`)
  return result
}

const otherError = (message, cause) => new OtherPasskeyError(message, { code: "OTHER_ERROR", cause })

/* ---- Log events ------------------------------------------------------------------------------ */

/**
 * Dispatched on window for each step and each result; contains no tokens. Undocumented: the type of the
 * event is the name of the class.
 */
export class PasslockLogEvent extends Event {
  constructor(level, message) {
    super("PasslockLogEvent")
    this.level = level
    this.message = message
  }
}

const log = (level, message) => globalThis.window?.dispatchEvent(new PasslockLogEvent(level, message))

/** An exception in the listener is reported and does not abort the ceremony. */
const notify = (onEvent, event) => {
  log("debug", event)
  try {
    onEvent?.(event)
  } catch (error) {
    console.error(error)
  }
}

/* ---- Browser support ------------------------------------------------------------------------- */

export const isPasskeySupport = () =>
  typeof globalThis.PublicKeyCredential === "function" && Boolean(globalThis.navigator?.credentials)

export const isAutofillSupport = async () => {
  try {
    return isPasskeySupport() && Boolean(await PublicKeyCredential.isConditionalMediationAvailable?.())
  } catch {
    return false
  }
}

const hasSignal = (method) => typeof globalThis.PublicKeyCredential?.[method] === "function"

export const isPasskeyUpdateSupport = () => hasSignal("signalCurrentUserDetails")
export const isPasskeyDeleteSupport = () => hasSignal("signalUnknownCredential")
export const isPasskeyPruningSupport = () => hasSignal("signalAllAcceptedCredentials")

/* ---- Requests -------------------------------------------------------------------------------- */

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value)
const isText = (value) => typeof value === "string" && value !== ""

const send = async (config, path, request) => {
  let url = String(config?.endpoint ?? DEFAULT_ENDPOINT)
  try {
    url = new URL(`v2/${encodeURIComponent(config.tenancyId)}/${path}`, url).href
    const response = await fetch(url, {
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/json" },
      credentials: "omit",
      body: JSON.stringify(request),
    })
    return { url, response, body: await response.json().catch(() => undefined) }
  } catch (cause) {
    throw new NetworkError(cause?.message || "Failed to reach the server", { url, cause })
  }
}

/**
 * Returns the body of the reply, once `isExpected` accepts it. An error reply is a NetworkError, or the
 * error that `refusal` makes of its body.
 */
const post = async (config, path, request, isExpected, refusal) => {
  if (!isText(config?.tenancyId)) throw otherError("The configuration has no tenancyId")
  const { url, response, body } = await send(config, path, request)
  if (!response.ok) {
    const message = isText(body?.message) ? body.message : `HTTP status ${response.status}`
    throw refusal?.(body, message) ?? new NetworkError(message, { url })
  }
  if (!isObject(body) || !isExpected(body))
    throw new NetworkError("Unexpected reply from the server", { url })
  return body
}

/* ---- WebAuthn as JSON ------------------------------------------------------------------------ */

const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "")

const decode = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0))

const decodeIds = (credentials = []) =>
  credentials.map((credential) => ({ ...credential, id: decode(credential.id) }))

const creationOptions = (options) => ({
  ...options,
  challenge: decode(options.challenge),
  user: { ...options.user, id: decode(options.user.id) },
  excludeCredentials: decodeIds(options.excludeCredentials),
})

const requestOptions = (options) => ({
  ...options,
  challenge: decode(options.challenge),
  allowCredentials: decodeIds(options.allowCredentials),
})

const encodeIf = (buffer) => (buffer ? encode(buffer) : undefined)

/** Credentials of password managers may lack the optional methods. */
const attestationJSON = (response) => ({
  clientDataJSON: encode(response.clientDataJSON),
  attestationObject: encode(response.attestationObject),
  authenticatorData: encodeIf(response.getAuthenticatorData?.()),
  transports: response.getTransports?.(),
  publicKeyAlgorithm: response.getPublicKeyAlgorithm?.(),
  publicKey: encodeIf(response.getPublicKey?.()),
})

const assertionJSON = (response) => ({
  clientDataJSON: encode(response.clientDataJSON),
  authenticatorData: encode(response.authenticatorData),
  signature: encode(response.signature),
  userHandle: encodeIf(response.userHandle),
})

const credentialJSON = (credential, responseJSON) => ({
  id: credential.id,
  rawId: encode(credential.rawId),
  type: credential.type,
  response: responseJSON(credential.response),
  clientExtensionResults: credential.getClientExtensionResults(),
  authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
})

/* ---- Prompts --------------------------------------------------------------------------------- */

/** Aborts the open prompt: browsers show one at a time. */
let openPrompt

const prompt = async (method, options) => {
  openPrompt?.abort()
  const own = (openPrompt = new AbortController())
  try {
    return await navigator.credentials[method]({ ...options, signal: own.signal })
  } finally {
    if (openPrompt === own) openPrompt = undefined
  }
}

const isIpAddress = (hostname) => /^[\d.]+$|^\[/.test(hostname)

/** Tells the reasons of a ConstraintError apart by the options. */
const constraintCode = ({ authenticatorSelection: wanted }) => {
  if (wanted?.requireResidentKey) return "ERROR_AUTHENTICATOR_MISSING_DISCOVERABLE_CREDENTIAL_SUPPORT"
  if (wanted?.userVerification === "required") return "ERROR_AUTHENTICATOR_MISSING_USER_VERIFICATION_SUPPORT"
  return undefined
}

const securityCode = ({ rp, rpId = rp?.id }) => {
  if (isIpAddress(location.hostname)) return "ERROR_INVALID_DOMAIN"
  return rpId === location.hostname ? undefined : "ERROR_INVALID_RP_ID"
}

/** Codes of SimpleWebAuthn by name of the DOMException; undefined if the reason is not known. */
const CEREMONY_CODES = {
  AbortError: () => "ERROR_CEREMONY_ABORTED",
  ConstraintError: constraintCode,
  NotSupportedError: () => "ERROR_AUTHENTICATOR_NO_SUPPORTED_PUBKEYCREDPARAMS_ALG",
  SecurityError: securityCode,
  UnknownError: () => "ERROR_AUTHENTICATOR_GENERAL_ERROR",
}

const promptError = (cause, publicKey) => {
  if (cause?.name === "InvalidStateError")
    return new DuplicatePasskeyError("The device already has a passkey for this account", { cause })
  const code = CEREMONY_CODES[cause?.name]?.(publicKey) ?? "ERROR_PASSTHROUGH_SEE_CAUSE_PROPERTY"
  return new OtherPasskeyError(cause?.message || "Failed to use a passkey", { code, cause })
}

/* ---- Ceremonies ------------------------------------------------------------------------------ */

/** Options of the page in versions up to 2.6; now the backend sets them when it authorizes. */
const BACKEND_OPTIONS = [
  "allowCredentials", "autofill", "discoverable", "displayName", "excludeCredentials", "mediation", "rpId",
  "rpName", "timeout", "userDisplayName", "userId", "username", "userVerification",
]

const checkOptions = (options, token) => {
  const refused = BACKEND_OPTIONS.find((name) => options?.[name] !== undefined)
  if (refused)
    throw otherError(`The option ${refused} is not accepted: set it on the backend, when authorizing ${token}`)
  if (!isText(options?.[token])) throw otherError(`The option ${token} is missing`)
}

/** Conditional mediation requires an input with autocomplete="… webauthn". */
const checkAutofill = async () => {
  if (!(await isAutofillSupport()))
    throw new PasskeyUnsupportedError("The browser does not support autofill of passkeys")
  if (!document.querySelector("input[autocomplete$='webauthn']"))
    throw otherError('The page has no <input autocomplete="… webauthn">')
}

const CREATE = {
  path: "passkey/registration",
  token: "registrationToken",
  tag: "RegistrationSuccess",
  events: ["optionsRequest", "createCredential", "saveCredential"],
  method: "create",
  isMediation: () => true,
  toPrompt: (options) => ({ publicKey: creationOptions(options) }),
  responseJSON: attestationJSON,
}

const GET = {
  path: "passkey/authentication",
  token: "authenticationToken",
  tag: "AuthenticationSuccess",
  events: ["optionsRequest", "getCredential", "verifyCredential"],
  method: "get",
  isMediation: (mediation) => ["required", "conditional"].includes(mediation),
  toPrompt: (options, mediation) =>
    mediation === "conditional"
      ? { publicKey: { ...requestOptions(options), allowCredentials: [] }, mediation }
      : { publicKey: requestOptions(options) },
  responseJSON: assertionJSON,
  refusal: (body, message) =>
    body?._tag === "@error/PasskeyNotFound" && isText(body.credentialId) && isText(body.rpId)
      ? new OrphanedPasskeyError(message, { credentialId: body.credentialId, rpId: body.rpId })
      : undefined,
}

const ask = async (kind, optionsJSON, mediation) => {
  const options = kind.toPrompt(optionsJSON, mediation)
  let credential
  try {
    credential = await prompt(kind.method, options)
  } catch (error) {
    throw promptError(error, options.publicKey)
  }
  if (!credential) throw otherError("The browser returned no passkey")
  return credentialJSON(credential, kind.responseJSON)
}

const isOptions = (kind) => (body) =>
  isText(body.sessionToken) && isObject(body.optionsJSON) && kind.isMediation(body.mediation)

const isVerified = (kind) => (body) =>
  body._tag === kind.tag &&
  isText(body.principal?.authenticatorId) &&
  isText(body.principal.userId) &&
  isText(body.code) &&
  isText(body.id_token)

const perform = async (kind, options, config) => {
  checkOptions(options, kind.token)
  if (!isPasskeySupport()) throw new PasskeyUnsupportedError("The browser does not support passkeys")
  const { onEvent, [kind.token]: token } = options

  notify(onEvent, kind.events[0])
  const authorized = { [kind.token]: token }
  const { optionsJSON, sessionToken, mediation } = await post(
    config, `${kind.path}/options`, authorized, isOptions(kind))
  if (mediation === "conditional") await checkAutofill()

  notify(onEvent, kind.events[1])
  const response = await ask(kind, optionsJSON, mediation)

  notify(onEvent, kind.events[2])
  const { _tag, principal, code, id_token } = await post(
    config, `${kind.path}/verification`, { sessionToken, response }, isVerified(kind), kind.refusal)
  return { _tag, principal, code, id_token }
}

const ceremony = (kind) => (options, config) =>
  attempt(
    () => perform(kind, options, config),
    (cause) => (cause instanceof PasslockError ? cause : otherError(cause?.message || "Unexpected error", cause)),
  )

/** Creates a passkey that the backend has authorized. */
export const registerPasskey = ceremony(CREATE)

/**
 * Signs in with a passkey, as authorized by the backend. With conditional mediation, waits until the
 * user selects a passkey or another prompt opens.
 */
export const authenticatePasskey = ceremony(GET)

/* ---- Management ------------------------------------------------------------------------------ */

/** Some browsers never settle the promises of the Signal API. */
const SIGNAL_TIMEOUT_MS = 5000

const UNSUPPORTED = {
  code: "BROWSER_SIGNAL_UNSUPPORTED",
  message: "The browser does not support the Signal API",
}

const UPDATE = {
  path: "passkeys/update/exchange",
  token: "updatePasskeysToken",
  reply: "PasskeyUpdateInstructions",
  tag: "UpdateSuccess",
  method: "signalCurrentUserDetails",
  details: ({ rpId, userId, username, displayName }) => ({ rpId, userId, name: username, displayName }),
  Failure: UpdateError,
}

const DELETE = {
  path: "passkeys/delete/exchange",
  token: "deletePasskeysToken",
  reply: "PasskeyDeletionInstructions",
  tag: "DeleteSuccess",
  method: "signalUnknownCredential",
  details: ({ rpId, credentialId }) => ({ rpId, credentialId }),
  Failure: DeleteError,
}

const PRUNE = {
  path: "passkeys/prune/exchange",
  token: "prunePasskeysToken",
  reply: "PasskeyPruningInstructions",
  tag: "PruningSuccess",
  method: "signalAllAcceptedCredentials",
  details: ({ rpId, userId, allAcceptedCredentialIds }) => ({ rpId, userId, allAcceptedCredentialIds }),
  Failure: PruningError,
}

const withTimeout = (promise, message) => {
  let timer
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), SIGNAL_TIMEOUT_MS)
  })
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer))
}

/** Calls the Signal API. Returns a warning for each failed call. */
const signal = async ({ method, details }, instructions) => {
  const warnings = []
  for (const instruction of instructions) {
    try {
      await withTimeout(PublicKeyCredential[method](details(instruction)), "The browser did not answer in time")
    } catch (error) {
      warnings.push({ code: "BROWSER_SIGNAL_FAILED", message: error?.message || "Failed to signal the change" })
    }
  }
  return warnings
}

const redeem = async (kind, options, config) => {
  if (!isText(options?.[kind.token])) throw otherError(`The option ${kind.token} is missing`)
  if (!hasSignal(kind.method)) return { _tag: kind.tag, warnings: [UNSUPPORTED] }
  const { instructions, warnings } = await post(
    config,
    kind.path,
    { [kind.token]: options[kind.token] },
    (body) => body._tag === kind.reply && Array.isArray(body.instructions) && Array.isArray(body.warnings),
  )
  if (instructions.length === 0)
    warnings.push({ code: "EMPTY_SIGNAL_PAYLOAD", message: "No change to signal" })
  return { _tag: kind.tag, warnings: [...warnings, ...(await signal(kind, instructions))] }
}

/**
 * Undocumented: whether an unreachable server is a NetworkError here, too. A page that handles one tag
 * per call works either way, so each failure has the tag of the call, and the NetworkError is its cause.
 */
const management = (kind, action) => (options, config) =>
  attempt(
    () => action(kind, options, config),
    (cause) => new kind.Failure(cause?.message || "Unexpected error", { code: "OTHER_ERROR", cause }),
  )

/**
 * Signals the new username and display name of an account to the credential manager. Success means that
 * the change was signalled, not that it was applied. Without Signal API the token stays unused and there
 * is a warning.
 */
export const updatePasskeys = management(UPDATE, redeem)

/** Signals deleted passkeys, as above. */
export const deletePasskeys = management(DELETE, redeem)

/** Signals the remaining passkeys of a user, as above. */
export const prunePasskeys = management(PRUNE, redeem)

/**
 * Signals the passkey of an OrphanedPasskeyError, so that the credential manager removes it. Makes no
 * request. The check of the instance keeps a page from passing a credential that it got elsewhere.
 */
export const deleteOrphanedPasskey = management(DELETE, async (kind, orphan) => {
  if (!isOrphanedPasskeyError(orphan))
    throw otherError("deleteOrphanedPasskey() requires the OrphanedPasskeyError of authenticatePasskey()")
  const warnings = hasSignal(kind.method) ? await signal(kind, [orphan]) : [UNSUPPORTED]
  return { _tag: kind.tag, warnings }
})

/* ---- The class ------------------------------------------------------------------------------- */

/** The functions above with a configuration: `tenancyId`, and `endpoint` if it is not the default. */
export class Passlock {
  #config

  constructor(config) {
    this.#config = { ...config }
  }

  registerPasskey(options) {
    return registerPasskey(options, this.#config)
  }

  authenticatePasskey(options) {
    return authenticatePasskey(options, this.#config)
  }

  updatePasskeys(options) {
    return updatePasskeys(options, this.#config)
  }

  deletePasskeys(options) {
    return deletePasskeys(options, this.#config)
  }

  prunePasskeys(options) {
    return prunePasskeys(options, this.#config)
  }

  deleteOrphanedPasskey(error) {
    return deleteOrphanedPasskey(error, this.#config)
  }
}
