// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * Passkey registration and authentication for web pages: an ES module without dependencies.
 *
 *   import { Passlock } from "https://HOST/passlock.js"
 *   const passlock = new Passlock({ tenancyId })
 *   const result = await passlock.registerPasskey({ registrationToken })
 *   if (result.success) sendToBackend(result.value.code) // same for authenticatePasskey()
 *   else show(result.error.message)
 *
 * Methods do not throw: a failed result has an error with a `_tag` to branch on and a `message` to
 * show.
 */

const success = (value) => ({ success: true, value })

const failure = (_tag, message, details = {}) => ({
  success: false,
  error: { ...details, _tag, message },
})

/** Exception that carries a failed result. */
class Failure extends Error {
  constructor(_tag, message, details) {
    super(message)
    this.result = failure(_tag, message, details)
  }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value)
const isText = (value) => typeof value === "string" && value !== ""

const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "")

const decode = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0))

const decodeIds = (credentials) =>
  (credentials ?? []).map((credential) => ({ ...credential, id: decode(credential.id) }))

/** Polyfill of `PublicKeyCredential.parseCreationOptionsFromJSON()`. */
const parseCreationOptions = (options) => {
  if (typeof PublicKeyCredential.parseCreationOptionsFromJSON === "function")
    return PublicKeyCredential.parseCreationOptionsFromJSON(options)
  return {
    ...options,
    challenge: decode(options.challenge),
    user: { ...options.user, id: decode(options.user.id) },
    excludeCredentials: decodeIds(options.excludeCredentials),
  }
}

/** Polyfill of `PublicKeyCredential.parseRequestOptionsFromJSON()`. */
const parseRequestOptions = (options) => {
  if (typeof PublicKeyCredential.parseRequestOptionsFromJSON === "function")
    return PublicKeyCredential.parseRequestOptionsFromJSON(options)
  return {
    ...options,
    challenge: decode(options.challenge),
    allowCredentials: decodeIds(options.allowCredentials),
  }
}

const attestationToJSON = (response) => ({
  clientDataJSON: encode(response.clientDataJSON),
  attestationObject: encode(response.attestationObject),
  transports: response.getTransports?.() ?? [],
})

const assertionToJSON = (response) => ({
  clientDataJSON: encode(response.clientDataJSON),
  authenticatorData: encode(response.authenticatorData),
  signature: encode(response.signature),
  userHandle: response.userHandle ? encode(response.userHandle) : undefined,
})

/** Polyfill of `PublicKeyCredential.prototype.toJSON()`. */
const credentialToJSON = (credential) => {
  if (typeof credential.toJSON === "function") return credential.toJSON()
  const { response } = credential
  return {
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    response: response.attestationObject ? attestationToJSON(response) : assertionToJSON(response),
    clientExtensionResults: credential.getClientExtensionResults(),
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
  }
}

/** Maps a DOMException to a failed result; unknown errors keep the message of the browser. */
const promptFailure = (error) => {
  if (error?.name === "InvalidStateError")
    return new Failure("@error/DuplicatePasskey", "The device already has a passkey for this account")
  if (error?.name === "NotSupportedError")
    return new Failure("@error/PasskeyUnsupported", "The device has no supported authenticator")
  if (error?.name === "AbortError")
    return new Failure("@error/OtherPasskey", "Aborted by another ceremony", { name: "AbortError" })
  return new Failure("@error/OtherPasskey", error?.message || "Failed to use a passkey", {
    name: error?.name,
  })
}

/** Maps an error response to a failed result. Only unknown passkeys have a tag of their own. */
const responseFailure = (status, body) => {
  const { _tag, credentialId, rpId } = body ?? {}
  const message = isText(body?.message) ? body.message : `HTTP status ${status}`
  if (_tag === "@error/PasskeyNotFound" && isText(credentialId) && isText(rpId))
    return new Failure("@error/OrphanedPasskey", message, { credentialId, rpId })
  return new Failure("@error/NetworkResponse", message, { status })
}

/**
 * Browsers show one prompt at a time, and conditional mediation blocks others: a new ceremony aborts
 * the previous one.
 */
let current = new AbortController()

const abortPrevious = () => {
  current.abort()
  current = new AbortController()
  return current.signal
}

/** Conditional mediation requires an input with autocomplete="… webauthn". */
const checkAutofill = async () => {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.()))
    throw new Failure("@error/PasskeyUnsupported", "The browser does not support conditional mediation")
  if (!document.querySelector("input[autocomplete$='webauthn']"))
    throw new Failure("@error/OtherPasskey", 'Missing input with autocomplete="… webauthn"')
}

const isCeremonyResult = (body) =>
  isObject(body.principal) &&
  isText(body.principal.authenticatorId) &&
  isText(body.principal.userId) &&
  isText(body.code) &&
  isText(body.id_token)

/** Signal API method and arguments for each kind of instruction. */
const SIGNALS = {
  update: {
    method: "signalCurrentUserDetails",
    details: ({ rpId, userId, username, displayName }) => ({ rpId, userId, name: username, displayName }),
  },
  delete: {
    method: "signalUnknownCredential",
    details: ({ rpId, credentialId }) => ({ rpId, credentialId }),
  },
  prune: {
    method: "signalAllAcceptedCredentials",
    details: ({ rpId, userId, allAcceptedCredentialIds }) => ({ rpId, userId, allAcceptedCredentialIds }),
  },
}

const canSignal = (kind) => typeof globalThis.PublicKeyCredential?.[SIGNALS[kind].method] === "function"

const UNSUPPORTED = {
  code: "BROWSER_SIGNAL_UNSUPPORTED",
  message: "The browser does not support the Signal API",
}

/** Calls the Signal API. Returns a warning for each failed call. */
const signalInstructions = async (kind, instructions) => {
  const { method, details } = SIGNALS[kind]
  const warnings = []
  for (const instruction of instructions) {
    try {
      await PublicKeyCredential[method](details(instruction))
    } catch (error) {
      const message = error?.message || "Failed to signal the change"
      warnings.push({ code: "BROWSER_SIGNAL_FAILED", message })
    }
  }
  return warnings
}

export class Passlock {
  #tenancyId
  #endpoint

  /**
   * @param {{ tenancyId: string, endpoint?: string | URL }} options tenancy, and base URL of the API
   *   (default: the origin of this module)
   */
  constructor({ tenancyId, endpoint = new URL("/", import.meta.url) } = {}) {
    this.#tenancyId = tenancyId
    this.#endpoint = endpoint
  }

  /**
   * Creates a passkey that the backend has authorized.
   *
   * @param {{ registrationToken: string, onEvent?: (event: string) => void }} options `onEvent` is
   *   called with each step: "optionsRequest", "createCredential", "saveCredential"
   * @returns {Promise<object>} `{ success: true, value: { principal, code, id_token } }` or
   *   `{ success: false, error: { _tag, message } }`
   */
  async registerPasskey(options) {
    return this.#attempt(async () => {
      const { registrationToken, onEvent } = options ?? {}
      const signal = this.#begin("create")

      this.#notify(onEvent, "optionsRequest")
      const { optionsJSON, sessionToken } = await this.#post(
        "passkey/registration/options",
        { registrationToken },
        (body) => isText(body.sessionToken) && isObject(body.optionsJSON),
      )

      this.#notify(onEvent, "createCredential")
      const response = await this.#prompt("create", signal, () => ({
        publicKey: parseCreationOptions(optionsJSON),
      }))

      this.#notify(onEvent, "saveCredential")
      const request = { sessionToken, response }
      return this.#finish("passkey/registration/verification", request)
    })
  }

  /**
   * Signs in with a passkey, as authorized by the backend. Conditional mediation requires an
   * `<input autocomplete="username webauthn">`, and waits until the user selects a passkey or another
   * ceremony is started.
   *
   * @param {{ authenticationToken: string, onEvent?: (event: string) => void }} options `onEvent` is
   *   called with each step: "optionsRequest", "getCredential", "verifyCredential"
   * @returns {Promise<object>} as from `registerPasskey()`; an unknown passkey is the error
   *   "@error/OrphanedPasskey" with `credentialId` and `rpId` for `removeOrphanedPasskey()`
   */
  async authenticatePasskey(options) {
    return this.#attempt(async () => {
      const { authenticationToken, onEvent } = options ?? {}
      const signal = this.#begin("get")

      this.#notify(onEvent, "optionsRequest")
      const { optionsJSON, sessionToken, mediation } = await this.#post(
        "passkey/authentication/options",
        { authenticationToken },
        (body) =>
          isText(body.sessionToken) &&
          isObject(body.optionsJSON) &&
          ["required", "conditional"].includes(body.mediation),
      )
      const conditional = mediation === "conditional"
      if (conditional) await checkAutofill()

      this.#notify(onEvent, "getCredential")
      const response = await this.#prompt("get", signal, () => ({
        publicKey: parseRequestOptions(conditional ? { ...optionsJSON, allowCredentials: [] } : optionsJSON),
        ...(conditional && { mediation }),
      }))

      this.#notify(onEvent, "verifyCredential")
      const request = { sessionToken, response }
      return this.#finish("passkey/authentication/verification", request)
    })
  }

  /**
   * Signals the new username and display name of an account to the credential manager.
   *
   * @param {{ updatePasskeysToken: string }} options
   * @returns {Promise<object>} `{ success: true, value: { warnings } }`. Success means that the change
   *   was signalled, not that it was applied. Without Signal API the token stays unused and there is
   *   a warning
   */
  async updatePasskeys(options) {
    return this.#redeem("update", "updatePasskeysToken", options)
  }

  /** Signals deleted passkeys: `{ deletePasskeysToken }`, as above. */
  async deletePasskeys(options) {
    return this.#redeem("delete", "deletePasskeysToken", options)
  }

  /** Signals the remaining passkeys of a user: `{ prunePasskeysToken }`, as above. */
  async prunePasskeys(options) {
    return this.#redeem("prune", "prunePasskeysToken", options)
  }

  /**
   * Signals a passkey that is unknown to the tenancy, so that the credential manager removes it. Makes
   * no request.
   *
   * @param {{ credentialId: string, rpId: string }} orphan the error of `authenticatePasskey()`
   * @returns {Promise<object>} as from `updatePasskeys()`
   */
  async removeOrphanedPasskey(orphan) {
    return this.#attempt(async () => {
      const { credentialId, rpId } = orphan ?? {}
      if (!canSignal("delete")) return success({ warnings: [UNSUPPORTED] })
      return success({ warnings: await signalInstructions("delete", [{ credentialId, rpId }]) })
    })
  }

  async #redeem(kind, member, options) {
    return this.#attempt(async () => {
      if (!canSignal(kind)) return success({ warnings: [UNSUPPORTED] })
      const { instructions, warnings } = await this.#post(
        `passkeys/${kind}/exchange`,
        { [member]: options?.[member] },
        (body) => Array.isArray(body.instructions) && Array.isArray(body.warnings),
      )
      if (instructions.length === 0)
        warnings.push({ code: "EMPTY_SIGNAL_PAYLOAD", message: "No change to signal" })
      return success({ warnings: [...warnings, ...(await signalInstructions(kind, instructions))] })
    })
  }

  async #attempt(action) {
    try {
      return await action()
    } catch (error) {
      if (error instanceof Failure) return error.result
      return failure("@error/OtherPasskey", error?.message || "Unexpected error")
    }
  }

  #begin(method) {
    if (!globalThis.PublicKeyCredential || !globalThis.navigator?.credentials?.[method])
      throw new Failure("@error/PasskeyUnsupported", "The browser does not support passkeys")
    return abortPrevious()
  }

  /** An exception in the listener is logged and does not abort the ceremony. */
  #notify(onEvent, event) {
    try {
      onEvent?.(event)
    } catch (error) {
      console.error(error)
    }
  }

  async #prompt(method, signal, options) {
    let credential
    try {
      signal.throwIfAborted()
      credential = await navigator.credentials[method]({ ...options(), signal })
    } catch (error) {
      throw promptFailure(error)
    }
    if (!credential) throw new Failure("@error/OtherPasskey", "Failed to use a passkey")
    return credentialToJSON(credential)
  }

  async #finish(path, request) {
    const { principal, code, id_token } = await this.#post(path, request, isCeremonyResult)
    return success({ principal, code, id_token })
  }

  async #post(path, request, isExpected) {
    const response = await this.#fetch(path, request)
    const body = await response.json().catch(() => undefined)
    if (!response.ok) throw responseFailure(response.status, body)
    if (!isObject(body) || !isExpected(body))
      throw new Failure("@error/NetworkPayload", "Unexpected reply from the server")
    return body
  }

  async #fetch(path, request) {
    try {
      const url = new URL(`v2/${encodeURIComponent(this.#tenancyId)}/${path}`, this.#endpoint)
      return await fetch(url, {
        method: "POST",
        headers: { Accept: "application/json", "Content-Type": "application/json" },
        credentials: "omit",
        body: JSON.stringify(request),
      })
    } catch (error) {
      throw new Failure("@error/NetworkRequest", error?.message || "Failed to reach the server")
    }
  }
}
