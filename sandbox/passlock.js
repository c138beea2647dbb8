// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * The page's side of passkeys: a module without dependencies.
 *
 *   import { Passlock } from "https://HOST/passlock.js"
 *   const passlock = new Passlock({ tenancyId })
 *   const result = await passlock.registerPasskey({ registrationToken })
 *   if (result.success) sendToBackend(result.value.code) // and likewise authenticatePasskey()
 *   else show(result.error.message)
 *
 * Nothing here throws: whatever goes wrong is a result with an error, which has a `_tag` to branch
 * on and a `message` to show.
 */

const success = (value) => ({ success: true, value })

const failure = (_tag, message, details = {}) => ({
  success: false,
  error: { ...details, _tag, message },
})

/** Carries a failed result through the steps of a ceremony. */
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

/** What `PublicKeyCredential.parseCreationOptionsFromJSON` does, for browsers without it. */
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

/** What `PublicKeyCredential.parseRequestOptionsFromJSON` does, for browsers without it. */
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

/** What `credential.toJSON()` does, for browsers without it. */
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

/** Ours to tell apart; the rest is the browser's own wording. */
const promptFailure = (error) => {
  if (error?.name === "InvalidStateError")
    return new Failure("@error/DuplicatePasskey", "This device already has a passkey for the account")
  if (error?.name === "NotSupportedError")
    return new Failure("@error/PasskeyUnsupported", "This device has no suitable passkeys")
  if (error?.name === "AbortError")
    return new Failure("@error/OtherPasskey", "Another ceremony has begun", { name: "AbortError" })
  return new Failure("@error/OtherPasskey", error?.message || "The passkey was not used", {
    name: error?.name,
  })
}

/** Only an orphan is told apart: what to do about the others is for the backend to know. */
const responseFailure = (status, body) => {
  const { _tag, credentialId, rpId } = body ?? {}
  const message = isText(body?.message) ? body.message : `HTTP status ${status}`
  if (_tag === "@error/PasskeyNotFound" && isText(credentialId) && isText(rpId))
    return new Failure("@error/OrphanedPasskey", message, { credentialId, rpId })
  return new Failure("@error/NetworkResponse", message, { status })
}

/**
 * A browser shows one prompt at a time, and one that waits behind a form (conditional mediation)
 * would be in the way: the ceremony that begins last takes the place of any other.
 */
let current = new AbortController()

const takeOver = () => {
  current.abort()
  current = new AbortController()
  return current.signal
}

/** Conditional mediation needs a field to offer the passkeys at. */
const checkAutofill = async () => {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.()))
    throw new Failure("@error/PasskeyUnsupported", "This browser does not offer passkeys in forms")
  if (!document.querySelector("input[autocomplete$='webauthn']"))
    throw new Failure("@error/OtherPasskey", 'There is no input with autocomplete="… webauthn"')
}

const isCeremonyResult = (body) =>
  isObject(body.principal) &&
  isText(body.principal.authenticatorId) &&
  isText(body.principal.userId) &&
  isText(body.code) &&
  isText(body.id_token)

/** How each kind of instruction is handed to the browser. */
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
  message: "This browser cannot tell the device about changes of passkeys",
}

/** Tells the device. Returns a warning for each instruction that the browser would not take. */
const tellDevice = async (kind, instructions) => {
  const { method, details } = SIGNALS[kind]
  const warnings = []
  for (const instruction of instructions) {
    try {
      await PublicKeyCredential[method](details(instruction))
    } catch (error) {
      const message = error?.message || "The browser did not take the change"
      warnings.push({ code: "BROWSER_SIGNAL_FAILED", message })
    }
  }
  return warnings
}

export class Passlock {
  #tenancyId
  #endpoint

  /**
   * @param {{ tenancyId: string, endpoint?: string | URL }} options the tenancy, and the base URL of
   *   the API: the origin that this module came from, unless said otherwise
   */
  constructor({ tenancyId, endpoint = new URL("/", import.meta.url) } = {}) {
    this.#tenancyId = tenancyId
    this.#endpoint = endpoint
  }

  /**
   * Creates a passkey, as the backend has authorised it.
   *
   * @param {{ registrationToken: string, onEvent?: (event: string) => void }} options `onEvent` is
   *   told each step: "optionsRequest", "createCredential", "saveCredential"
   * @returns {Promise<object>} `{ success: true, value: { principal, code, id_token } }` or
   *   `{ success: false, error: { _tag, message } }`
   */
  async registerPasskey(options) {
    return this.#attempt(async () => {
      const { registrationToken, onEvent } = options ?? {}
      const signal = this.#begin("create")

      this.#tell(onEvent, "optionsRequest")
      const { optionsJSON, sessionToken } = await this.#post(
        "passkey/registration/options",
        { registrationToken },
        (body) => isText(body.sessionToken) && isObject(body.optionsJSON),
      )

      this.#tell(onEvent, "createCredential")
      const response = await this.#prompt("create", signal, () => ({
        publicKey: parseCreationOptions(optionsJSON),
      }))

      this.#tell(onEvent, "saveCredential")
      const request = { sessionToken, response }
      return this.#finish("passkey/registration/verification", request)
    })
  }

  /**
   * Signs in with a passkey, as the backend has authorised it. With conditional mediation passkeys
   * are offered where the page has an `<input autocomplete="username webauthn">`, and this waits
   * until one is chosen or another ceremony begins.
   *
   * @param {{ authenticationToken: string, onEvent?: (event: string) => void }} options `onEvent` is
   *   told each step: "optionsRequest", "getCredential", "verifyCredential"
   * @returns {Promise<object>} as from `registerPasskey()`; if the tenancy does not know the passkey,
   *   the error is "@error/OrphanedPasskey" with `credentialId` and `rpId`: see
   *   `removeOrphanedPasskey()`
   */
  async authenticatePasskey(options) {
    return this.#attempt(async () => {
      const { authenticationToken, onEvent } = options ?? {}
      const signal = this.#begin("get")

      this.#tell(onEvent, "optionsRequest")
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

      this.#tell(onEvent, "getCredential")
      const response = await this.#prompt("get", signal, () => ({
        publicKey: parseRequestOptions(conditional ? { ...optionsJSON, allowCredentials: [] } : optionsJSON),
        ...(conditional && { mediation }),
      }))

      this.#tell(onEvent, "verifyCredential")
      const request = { sessionToken, response }
      return this.#finish("passkey/authentication/verification", request)
    })
  }

  /**
   * Tells the device that an account has other names.
   *
   * @param {{ updatePasskeysToken: string }} options
   * @returns {Promise<object>} `{ success: true, value: { warnings } }`, which means that the device
   *   was told, not that it has obeyed. A browser that cannot tell it leaves the token unused and
   *   says so in a warning
   */
  async updatePasskeys(options) {
    return this.#redeem("update", "updatePasskeysToken", options)
  }

  /** Tells the device which passkeys are deleted: `{ deletePasskeysToken }`, as above. */
  async deletePasskeys(options) {
    return this.#redeem("delete", "deletePasskeysToken", options)
  }

  /** Tells the device which passkeys of a user are left: `{ prunePasskeysToken }`, as above. */
  async prunePasskeys(options) {
    return this.#redeem("prune", "prunePasskeysToken", options)
  }

  /**
   * Has the device forget a passkey that the tenancy does not know. Makes no request.
   *
   * @param {{ credentialId: string, rpId: string }} orphan the error of `authenticatePasskey()`
   * @returns {Promise<object>} as from `updatePasskeys()`
   */
  async removeOrphanedPasskey(orphan) {
    return this.#attempt(async () => {
      const { credentialId, rpId } = orphan ?? {}
      if (!canSignal("delete")) return success({ warnings: [UNSUPPORTED] })
      return success({ warnings: await tellDevice("delete", [{ credentialId, rpId }]) })
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
        warnings.push({ code: "EMPTY_SIGNAL_PAYLOAD", message: "There is nothing to tell the device" })
      return success({ warnings: [...warnings, ...(await tellDevice(kind, instructions))] })
    })
  }

  async #attempt(action) {
    try {
      return await action()
    } catch (error) {
      if (error instanceof Failure) return error.result
      return failure("@error/OtherPasskey", error?.message || "Something unexpected went wrong")
    }
  }

  #begin(method) {
    if (!globalThis.PublicKeyCredential || !globalThis.navigator?.credentials?.[method])
      throw new Failure("@error/PasskeyUnsupported", "This browser has no support for passkeys")
    return takeOver()
  }

  /** A mistake in the listener is the page's, and does not end the ceremony. */
  #tell(onEvent, event) {
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
    if (!credential) throw new Failure("@error/OtherPasskey", "The passkey was not used")
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
      throw new Failure("@error/NetworkPayload", "The answer of the server makes no sense")
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
      throw new Failure("@error/NetworkRequest", error?.message || "The server cannot be reached")
    }
  }
}
