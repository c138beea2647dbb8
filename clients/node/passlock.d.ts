// SPDX-License-Identifier: LGPL-2.1-or-later

/** Types of passlock.js. Times are milliseconds since the epoch. */

export interface ClientOptions {
  /** Default: $PASSLOCK_GATE, or /run/passlock-gate/USER/socket. */
  socketPath?: string
  /** A label; default: the tenancy of the gate. */
  tenancy?: string
  /** Default: 40 s. */
  timeoutMs?: number
}

export interface CallOptions {
  /** The call is rejected with the reason of the signal; it may have been executed. */
  signal?: AbortSignal
}

export interface ErrorDetails {
  status?: number | null
  retryAfterSec?: number | null
  cause?: unknown
}

/** A failed call. The message is for the log. */
export class PasslockError extends Error {
  constructor(message: string, details?: ErrorDetails)
  /** Of HTTP; null: the client itself failed the call. */
  status: number | null
  retryAfterSec: number | null
}

/** The code is unknown, expired or used. */
export class InvalidCode extends PasslockError {}
/** A crash interrupted the exchange, and the code is used: start a new ceremony. */
export class Interrupted extends PasslockError {}
/** The id_token is not valid. */
export class InvalidToken extends PasslockError {}
/** The passkey belongs to another user. */
export class UserMismatch extends PasslockError {}
/** The authenticator is linked to another user. */
export class LinkConflict extends PasslockError {}
/** There is no such passkey, link, user or challenge. */
export class NotFound extends PasslockError {}
/** The API refused the request. */
export class BadRequest extends PasslockError {}
/** The API limits the rate: see retryAfterSec. */
export class RateLimited extends PasslockError {}
/** The API refused the key: an administrator must act. */
export class ApiDenied extends PasslockError {}
/** The API did not reply in time. */
export class Unreachable extends PasslockError {}
/** The API, or the socket, sent something else than a reply. */
export class MalformedReply extends PasslockError {}
/** The tenancy has no API key. */
export class NotConfigured extends PasslockError {}
/** The link store is full. */
export class StoreFull extends PasslockError {}
/** The link store failed. */
export class StoreFailed extends PasslockError {}
/** The challenge is unknown or used, or the secret is wrong. */
export class InvalidChallenge extends PasslockError {}
/** The code of the challenge is wrong. */
export class InvalidChallengeCode extends PasslockError {}
/** The challenge has expired. */
export class ChallengeExpired extends PasslockError {}
/** The challenge had too many attempts. */
export class ChallengeAttemptsExceeded extends PasslockError {}
/** No grant allows the user of the gate this call. */
export class AccessDenied extends PasslockError {}
/** An argument is missing, unknown or not valid. */
export class InvalidArgs extends PasslockError {}
/** Too many calls: see retryAfterSec. */
export class LimitsExceeded extends PasslockError {}
/** There is no such tenancy. */
export class UnknownObject extends PasslockError {}
/** The gate does not have the method. */
export class UnknownRoute extends PasslockError {}
/** The route has another HTTP method. */
export class MethodNotAllowed extends PasslockError {}
/** The gate refuses requests of browsers. */
export class OriginRefused extends PasslockError {}
/** The arguments are longer than 64 KiB. */
export class BodyTooLarge extends PasslockError {}
/** The gate failed. */
export class Internal extends PasslockError {}
/** passlockd does not have the method. */
export class Unsupported extends PasslockError {}
/** The connection was lost: the call may have been executed. */
export class ReplyLost extends PasslockError {}
/** passlockd, the bus or the gate is not running: the call was not executed. */
export class Unavailable extends PasslockError {}
/** No reply before the timeout: the call may be executed. */
export class TimedOut extends PasslockError {}
/** The gate has streams with HTTP/1.1 only. */
export class HttpVersionNotSupported extends PasslockError {}

/** For the page's registerPasskey() or authenticatePasskey(). */
export interface Token {
  token: string
  expiresAt: number
}

/** Who has signed in, or created a passkey. From verifyIdToken() without linked and newlyLinked. */
export interface Principal {
  id: string
  userId: string
  authenticatorId: string
  authenticatorType: string
  createdAt: number
  expiresAt: number
  verified: boolean
  userVerified: boolean
  linked?: boolean
  newlyLinked?: boolean
  platformName?: string
  ipAddress?: string
  userAgent?: string
}

export interface Link {
  authenticatorId: string
  userId: string
  createdAt: number
  /** 0: never */
  lastUsedAt: number
  platformName?: string
}

export interface LinkPage {
  links: Link[]
  /** "": no more */
  nextCursor: string
}

export interface ImportedLink {
  authenticatorId: string
  userId: string
  createdAt?: number
  lastUsedAt?: number
  platformName?: string
}

/** Numbers of links, and the authenticator ids of the others. */
export interface ImportResult {
  added: number
  present: number
  conflicting: string[]
  exceeding: string[]
}

/** Numbers of passkeys. */
export interface Reconciliation {
  checked: number
  added: number
  removed: number
  conflicts: number
}

export interface Pair {
  userId: string
  authenticatorId: string
}

export interface Change {
  added: Pair[]
  removed: Pair[]
  /** Earlier changes may be missing: read the links again. */
  readAgain: boolean
}

/** A passkey in the vault. Pages of a list have no more than the required members and userId. */
export interface Passkey {
  id: string
  userId?: string
  enabled: boolean
  createdAt: number
  lastUsedAt: number
  credentialId: string
  credentialUserId: string
  username?: string
  aaguid?: string
  backedUp?: boolean
  counter?: number
  deviceType?: string
  transports?: string[]
  publicKey?: string
  rpId?: string
  updatedAt?: number
  platformName?: string
  platformIcon?: string
}

export interface PasskeyPage {
  passkeys: Passkey[]
  nextCursor: string
}

export interface Warning {
  code: string
  message: string
  /** "": all */
  passkeyId: string
}

/** For the page's updatePasskeys(), deletePasskeys() or prunePasskeys(). */
export interface ManagementToken {
  token: string
  expiresAt: number
  warnings: Warning[]
}

/** Only createChallenge() returns secret, code and the messages. */
export interface Challenge {
  id: string
  purpose: string
  email: string
  createdAt: number
  expiresAt: number
  userId?: string
  metadata?: string
  secret?: string
  code?: string
  messageHtml?: string
  messageText?: string
}

// null and undefined are not the same as no option: they are refused.

export interface AuthorizeOptions {
  rpName?: string
  displayName?: string
  excludeCredentials?: string[]
  excludeLinked?: boolean
  userVerification?: string
  timeoutMs?: number
}

export interface AuthorizeAuthenticationOptions {
  userId?: string
  allowCredentials?: string[]
  discoverable?: boolean
  mediation?: string
  userVerification?: string
  timeoutMs?: number
}

export interface ExchangeOptions {
  userId?: string
  link?: boolean
  requestId?: string
}

export interface VerifyIdTokenOptions {
  userId?: string
}

export interface ImportOptions {
  dryRun?: boolean
}

export interface ReconcileOptions {
  dryRun?: boolean
  maxRemove?: number
}

export interface UpdatePasskeysOptions {
  displayName?: string
}

export interface CreateChallengeOptions {
  name?: string
  userId?: string
  metadata?: string
  invalidateOthers?: boolean
  skipRateLimit?: boolean
  sendEmail?: boolean
}

declare class Links {
  getUser(authenticatorId: string, more?: CallOptions): Promise<string>
  listByUser(userId: string, more?: CallOptions): Promise<Link[]>
  list(cursor?: string, limit?: number, more?: CallOptions): Promise<LinkPage>
  add(userId: string, authenticatorId: string, more?: CallOptions): Promise<void>
  import(links: ImportedLink[], options?: ImportOptions, more?: CallOptions): Promise<ImportResult>
  remove(authenticatorId: string, more?: CallOptions): Promise<void>
  removeByUser(userId: string, more?: CallOptions): Promise<number>
  /** Takes up to an hour. */
  reconcile(options?: ReconcileOptions, more?: CallOptions): Promise<Reconciliation>
  /** Yields changes, first one with readAgain, and again after each new connection. */
  changed(more?: CallOptions): AsyncGenerator<Change, never, void>
}

declare class Vault {
  getPasskey(passkeyId: string, more?: CallOptions): Promise<Passkey>
  listPasskeys(cursor?: string, more?: CallOptions): Promise<PasskeyPage>
  updatePasskeys(
    userId: string, username: string, options?: UpdatePasskeysOptions, more?: CallOptions): Promise<ManagementToken>
  deletePasskeys(passkeyIds: string[], more?: CallOptions): Promise<ManagementToken>
  deleteUserPasskeys(userId: string, more?: CallOptions): Promise<ManagementToken>
  prunePasskeys(userId: string, more?: CallOptions): Promise<ManagementToken>
}

declare class Mailbox {
  createChallenge(
    email: string, purpose: string, options?: CreateChallengeOptions, more?: CallOptions): Promise<Challenge>
  getChallenge(challengeId: string, more?: CallOptions): Promise<Challenge>
  verifyChallenge(challengeId: string, secret: string, code: string, more?: CallOptions): Promise<Challenge>
  deleteChallenge(challengeId: string, more?: CallOptions): Promise<void>
}

/** A tenancy at the gate of this app. Promises are rejected with a PasslockError, or the reason of the signal. */
export class Passlock {
  constructor(options?: ClientOptions)
  readonly links: Links
  readonly vault: Vault
  readonly mailbox: Mailbox
  /** Lets a page create a passkey. */
  authorize(
    rpId: string, userId: string, username: string, options?: AuthorizeOptions, more?: CallOptions): Promise<Token>
  /** Lets a page sign in: with userId, allowCredentials or discoverable. */
  authorizeAuthentication(rpId: string, options?: AuthorizeAuthenticationOptions, more?: CallOptions): Promise<Token>
  /** Exchanges the code of a page for its principal, and links a new passkey. */
  exchange(code: string, options?: ExchangeOptions, more?: CallOptions): Promise<Principal>
  /** Verifies an id_token, without the API. */
  verifyIdToken(idToken: string, options?: VerifyIdTokenOptions, more?: CallOptions): Promise<Principal>
  /** ready, unconfigured, denied or degraded */
  health(more?: CallOptions): Promise<string>
  /** Closes idle connections. */
  close(): void
}
