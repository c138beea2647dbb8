// SPDX-License-Identifier: LGPL-2.1-or-later

/**
 * The page's side of passkeys: a module without dependencies.
 *
 *   import { Passlock } from "https://HOST/passlock.js"
 *   const passlock = new Passlock({ tenancyId })
 *   const result = await passlock.registerPasskey({ registrationToken })
 *   if (result.success) sendToBackend(result.value.code)
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

/** What `PublicKeyCredential.parseCreationOptionsFromJSON` does, for browsers without it. */
const parseCreationOptions = (options) => {
  if (typeof PublicKeyCredential.parseCreationOptionsFromJSON === "function")
    return PublicKeyCredential.parseCreationOptionsFromJSON(options)
  return {
    ...options,
    challenge: decode(options.challenge),
    user: { ...options.user, id: decode(options.user.id) },
    excludeCredentials: (options.excludeCredentials ?? []).map((credential) => ({
      ...credential,
      id: decode(credential.id),
    })),
  }
}

/** What `credential.toJSON()` does, for browsers without it. */
const registrationToJSON = (credential) => {
  if (typeof credential.toJSON === "function") return credential.toJSON()
  const { response } = credential
  return {
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    response: {
      clientDataJSON: encode(response.clientDataJSON),
      attestationObject: encode(response.attestationObject),
      transports: response.getTransports?.() ?? [],
    },
    clientExtensionResults: credential.getClientExtensionResults(),
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
  }
}

/** Ours to tell apart; the rest is the browser's own wording. */
const creationFailure = (error) => {
  if (error?.name === "InvalidStateError")
    return new Failure("@error/DuplicatePasskey", "This device already has a passkey for the account")
  if (error?.name === "NotSupportedError")
    return new Failure("@error/PasskeyUnsupported", "This device cannot create a suitable passkey")
  return new Failure("@error/OtherPasskey", error?.message || "The passkey was not created", {
    name: error?.name,
  })
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
      if (!globalThis.PublicKeyCredential || !globalThis.navigator?.credentials?.create)
        throw new Failure("@error/PasskeyUnsupported", "This browser has no support for passkeys")

      this.#tell(onEvent, "optionsRequest")
      const { optionsJSON, sessionToken } = await this.#post(
        "passkey/registration/options",
        { registrationToken },
        (body) => isText(body.sessionToken) && isObject(body.optionsJSON),
      )

      this.#tell(onEvent, "createCredential")
      const response = await this.#create(optionsJSON)

      this.#tell(onEvent, "saveCredential")
      const { principal, code, id_token } = await this.#post(
        "passkey/registration/verification",
        { sessionToken, response },
        (body) =>
          isObject(body.principal) &&
          isText(body.principal.authenticatorId) &&
          isText(body.principal.userId) &&
          isText(body.code) &&
          isText(body.id_token),
      )
      return success({ principal, code, id_token })
    })
  }

  async #attempt(ceremony) {
    try {
      return await ceremony()
    } catch (error) {
      if (error instanceof Failure) return error.result
      return failure("@error/OtherPasskey", error?.message || "Something unexpected went wrong")
    }
  }

  /** A mistake in the listener is the page's, and does not end the ceremony. */
  #tell(onEvent, event) {
    try {
      onEvent?.(event)
    } catch (error) {
      console.error(error)
    }
  }

  async #create(options) {
    let credential
    try {
      credential = await navigator.credentials.create({ publicKey: parseCreationOptions(options) })
    } catch (error) {
      throw creationFailure(error)
    }
    if (!credential) throw new Failure("@error/OtherPasskey", "The passkey was not created")
    return registrationToJSON(credential)
  }

  async #post(path, request, isExpected) {
    const response = await this.#fetch(path, request)
    const body = await response.json().catch(() => undefined)
    if (!response.ok)
      throw new Failure("@error/NetworkResponse", body?.message ?? `HTTP status ${response.status}`, {
        status: response.status,
      })
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
