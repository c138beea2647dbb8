// SPDX-License-Identifier: LGPL-2.1-or-later

/** Types of passlock.js. README.md explains the use. */

/* ---- Configuration and options --------------------------------------------------------------- */

export interface PasslockOptions {
  tenancyId: string
  /** Base URL of the API; default: https://api.passlock.dev. */
  endpoint?: string | URL
}

export type RegistrationEvent = "optionsRequest" | "createCredential" | "saveCredential"
export type AuthenticationEvent = "optionsRequest" | "getCredential" | "verifyCredential"

/** Options that the backend sets when it authorizes; the page must not give them. */
export interface BackendOptions {
  allowCredentials?: never
  autofill?: never
  discoverable?: never
  displayName?: never
  excludeCredentials?: never
  mediation?: never
  rpId?: never
  rpName?: never
  timeout?: never
  userDisplayName?: never
  userId?: never
  username?: never
  userVerification?: never
}

export interface RegistrationOptions extends BackendOptions {
  registrationToken: string
  /** Called with each step. */
  onEvent?: (event: RegistrationEvent) => void
}

export interface AuthenticationOptions extends BackendOptions {
  authenticationToken: string
  /** Called with each step. */
  onEvent?: (event: AuthenticationEvent) => void
}

export interface UpdatePasskeysOptions {
  updatePasskeysToken: string
}

export interface DeletePasskeysOptions {
  deletePasskeysToken: string
}

export interface PrunePasskeysOptions {
  prunePasskeysToken: string
}

/* ---- Results --------------------------------------------------------------------------------- */

/** A successful result: the payload, and beside its members the ones of a result. */
export type Success<Payload> = Payload & {
  readonly success: true
  readonly failure: false
  readonly value: Payload
}

export interface Principal {
  authenticatorId: string
  userId: string
}

export interface RegistrationPayload {
  _tag: "RegistrationSuccess"
  principal: Principal
  /** One-time code, for the backend. */
  code: string
  id_token: string
}

export interface AuthenticationPayload {
  _tag: "AuthenticationSuccess"
  principal: Principal
  /** One-time code, for the backend. */
  code: string
  id_token: string
}

export type WarningCode =
  | "PASSKEY_NOT_FOUND"
  | "NO_PASSKEYS_FOUND"
  | "EMPTY_SIGNAL_PAYLOAD"
  | "BROWSER_SIGNAL_UNSUPPORTED"
  | "BROWSER_SIGNAL_FAILED"

export interface Warning {
  code: WarningCode
  message: string
  passkeyId?: string
}

/** Success means that the change was signalled to the device, not that it was applied. */
export interface UpdatePayload {
  _tag: "UpdateSuccess"
  warnings: Warning[]
}

export interface DeletePayload {
  _tag: "DeleteSuccess"
  warnings: Warning[]
}

export interface PruningPayload {
  _tag: "PruningSuccess"
  warnings: Warning[]
}

export type RegistrationSuccess = Success<RegistrationPayload>
export type AuthenticationSuccess = Success<AuthenticationPayload>
export type UpdateSuccess = Success<UpdatePayload>
export type DeleteSuccess = Success<DeletePayload>
export type PruningSuccess = Success<PruningPayload>

/** A failed result. */
declare abstract class PasslockError<Tag extends string> extends Error {
  readonly _tag: Tag
  readonly success: false
  readonly failure: true
  readonly error: this
}

/** A request failed, was refused, or got an unexpected reply. */
export class NetworkError extends PasslockError<"@error/Network"> {
  constructor(message: string, details: { url: string; cause?: unknown })
  readonly url: string
}

/** The browser has no passkeys, or no autofill of passkeys. */
export class PasskeyUnsupportedError extends PasslockError<"@error/PasskeyUnsupported"> {
  constructor(message: string)
}

/** The authenticator already has a passkey of this account. */
export class DuplicatePasskeyError extends PasslockError<"@error/DuplicatePasskey"> {
  constructor(message: string, details?: { cause?: unknown })
}

/** The passkey is on the device but not in the vault: see deleteOrphanedPasskey(). */
export class OrphanedPasskeyError extends PasslockError<"@error/OrphanedPasskey"> {
  constructor(message: string, details: { credentialId: string; rpId: string })
  readonly credentialId: string
  readonly rpId: string
}

export type OtherPasskeyCode =
  /** Cancelled by the page: another prompt has opened. */
  | "ERROR_CEREMONY_ABORTED"
  /** The page is on an IP address. */
  | "ERROR_INVALID_DOMAIN"
  | "ERROR_INVALID_RP_ID"
  | "ERROR_AUTHENTICATOR_GENERAL_ERROR"
  | "ERROR_AUTHENTICATOR_MISSING_DISCOVERABLE_CREDENTIAL_SUPPORT"
  | "ERROR_AUTHENTICATOR_MISSING_USER_VERIFICATION_SUPPORT"
  | "ERROR_AUTHENTICATOR_NO_SUPPORTED_PUBKEYCREDPARAMS_ALG"
  /** `cause` is the DOMException; "NotAllowedError": cancelled by the user, or timeout. */
  | "ERROR_PASSTHROUGH_SEE_CAUSE_PROPERTY"
  /** Not from the browser: missing or refused options, no input for autofill. */
  | "OTHER_ERROR"

/** Any other failure of a ceremony. */
export class OtherPasskeyError extends PasslockError<"@error/OtherPasskey"> {
  constructor(message: string, details: { code: OtherPasskeyCode; cause?: unknown })
  readonly code: OtherPasskeyCode
}

export interface ManagementDetails {
  code: "OTHER_ERROR"
  cause?: unknown
}

/** The token was not redeemed; `cause` is the reason, for example a NetworkError. */
export class UpdateError extends PasslockError<"@error/Update"> {
  constructor(message: string, details: ManagementDetails)
  readonly code: "OTHER_ERROR"
}

/** The token was not redeemed, or the error was not an OrphanedPasskeyError. */
export class DeleteError extends PasslockError<"@error/Delete"> {
  constructor(message: string, details: ManagementDetails)
  readonly code: "OTHER_ERROR"
}

/** The token was not redeemed; `cause` is the reason, for example a NetworkError. */
export class PruningError extends PasslockError<"@error/Pruning"> {
  constructor(message: string, details: ManagementDetails)
  readonly code: "OTHER_ERROR"
}

export type RegistrationError = NetworkError | PasskeyUnsupportedError | DuplicatePasskeyError | OtherPasskeyError
export type AuthenticationError = NetworkError | PasskeyUnsupportedError | OrphanedPasskeyError | OtherPasskeyError

export type RegistrationResult = RegistrationSuccess | RegistrationError
export type AuthenticationResult = AuthenticationSuccess | AuthenticationError
export type UpdateResult = UpdateSuccess | UpdateError
export type DeleteResult = DeleteSuccess | DeleteError
export type PruningResult = PruningSuccess | PruningError

/* ---- Type guards ----------------------------------------------------------------------------- */

export function isRegistrationSuccess(result: unknown): result is RegistrationSuccess
export function isAuthenticationSuccess(result: unknown): result is AuthenticationSuccess
export function isUpdateSuccess(result: unknown): result is UpdateSuccess
export function isDeleteSuccess(result: unknown): result is DeleteSuccess
export function isPruningSuccess(result: unknown): result is PruningSuccess

export function isNetworkError(result: unknown): result is NetworkError
export function isPasskeyUnsupportedError(result: unknown): result is PasskeyUnsupportedError
export function isDuplicatePasskeyError(result: unknown): result is DuplicatePasskeyError
export function isOrphanedPasskeyError(result: unknown): result is OrphanedPasskeyError
export function isOtherPasskeyError(result: unknown): result is OtherPasskeyError
export function isUpdateError(result: unknown): result is UpdateError
export function isDeleteError(result: unknown): result is DeleteError
export function isPruningError(result: unknown): result is PruningError

/* ---- Browser support ------------------------------------------------------------------------- */

export function isPasskeySupport(): boolean
/** Conditional mediation. */
export function isAutofillSupport(): Promise<boolean>
/** The methods of the Signal API. */
export function isPasskeyUpdateSupport(): boolean
export function isPasskeyDeleteSupport(): boolean
export function isPasskeyPruningSupport(): boolean

/* ---- Calls ----------------------------------------------------------------------------------- */

/** Creates a passkey that the backend has authorized. */
export function registerPasskey(options: RegistrationOptions, config: PasslockOptions): Promise<RegistrationResult>

/**
 * Signs in with a passkey, as authorized by the backend. With conditional mediation, waits until the
 * user selects a passkey or another prompt opens.
 */
export function authenticatePasskey(
  options: AuthenticationOptions, config: PasslockOptions): Promise<AuthenticationResult>

/** Signals the new names of an account to the credential manager. */
export function updatePasskeys(options: UpdatePasskeysOptions, config: PasslockOptions): Promise<UpdateResult>

/** Signals deleted passkeys. */
export function deletePasskeys(options: DeletePasskeysOptions, config: PasslockOptions): Promise<DeleteResult>

/** Signals the remaining passkeys of a user. */
export function prunePasskeys(options: PrunePasskeysOptions, config: PasslockOptions): Promise<PruningResult>

/** Signals the unknown passkey of a failed sign-in. Makes no request. */
export function deleteOrphanedPasskey(error: OrphanedPasskeyError, config?: PasslockOptions): Promise<DeleteResult>

/** The calls with a configuration. */
export class Passlock {
  constructor(config: PasslockOptions)
  registerPasskey(options: RegistrationOptions): Promise<RegistrationResult>
  authenticatePasskey(options: AuthenticationOptions): Promise<AuthenticationResult>
  updatePasskeys(options: UpdatePasskeysOptions): Promise<UpdateResult>
  deletePasskeys(options: DeletePasskeysOptions): Promise<DeleteResult>
  prunePasskeys(options: PrunePasskeysOptions): Promise<PruningResult>
  deleteOrphanedPasskey(error: OrphanedPasskeyError): Promise<DeleteResult>
}

/* ---- Log events ------------------------------------------------------------------------------ */

/** Dispatched on window for each step and each result; contains no tokens. */
export class PasslockLogEvent extends Event {
  constructor(level: "debug" | "info" | "error", message: string)
  readonly level: "debug" | "info" | "error"
  readonly message: string
}

declare global {
  interface WindowEventMap {
    PasslockLogEvent: PasslockLogEvent
  }
}
