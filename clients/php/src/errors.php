<?php
// SPDX-License-Identifier: LGPL-2.1-or-later

declare(strict_types=1);

namespace Passlock;

/** A failed call. The message is for the log. */
class PasslockError extends \RuntimeException
{
    public readonly string $name;

    /** @param ?int $status of HTTP; null: the client itself failed the call */
    public function __construct(string $message, public readonly ?int $status = null,
        public readonly ?int $retryAfterSec = null, ?\Throwable $previous = null, ?string $name = null)
    {
        $this->name = $name ?? substr(strrchr('\\' . static::class, '\\'), 1);
        parent::__construct("$this->name: $message", 0, $previous);
    }

    /** The error of a reply. Names of a newer gate have no class of their own. */
    public static function of(string $name, string $message, int $status, ?int $retryAfterSec): self
    {
        $class = __NAMESPACE__ . "\\$name";
        $known = preg_match('/^[A-Za-z]+$/D', $name) && is_subclass_of($class, self::class);
        return $known ? new $class($message, $status, $retryAfterSec)
            : new self($message, $status, $retryAfterSec, null, $name);
    }
}

/** The code is unknown, expired or used. */
final class InvalidCode extends PasslockError {}
/** A crash interrupted the exchange, and the code is used: start a new ceremony. */
final class Interrupted extends PasslockError {}
/** The id_token is not valid. */
final class InvalidToken extends PasslockError {}
/** The passkey belongs to another user. */
final class UserMismatch extends PasslockError {}
/** The authenticator is linked to another user. */
final class LinkConflict extends PasslockError {}
/** There is no such passkey, link, user or challenge. */
final class NotFound extends PasslockError {}
/** The API refused the request. */
final class BadRequest extends PasslockError {}
/** The API limits the rate: see $retryAfterSec. */
final class RateLimited extends PasslockError {}
/** The API refused the key: an administrator must act. */
final class ApiDenied extends PasslockError {}
/** The API did not reply in time. */
final class Unreachable extends PasslockError {}
/** The API, or the socket, sent something else than a reply. */
final class MalformedReply extends PasslockError {}
/** The tenancy has no API key. */
final class NotConfigured extends PasslockError {}
/** The link store is full. */
final class StoreFull extends PasslockError {}
/** The link store failed. */
final class StoreFailed extends PasslockError {}
/** The challenge is unknown or used, or the secret is wrong. */
final class InvalidChallenge extends PasslockError {}
/** The code of the challenge is wrong. */
final class InvalidChallengeCode extends PasslockError {}
/** The challenge has expired. */
final class ChallengeExpired extends PasslockError {}
/** The challenge had too many attempts. */
final class ChallengeAttemptsExceeded extends PasslockError {}
/** No grant allows the user of the gate this call. */
final class AccessDenied extends PasslockError {}
/** An argument is missing, unknown or not valid. */
final class InvalidArgs extends PasslockError {}
/** Too many calls: see $retryAfterSec. */
final class LimitsExceeded extends PasslockError {}
/** There is no such tenancy. */
final class UnknownObject extends PasslockError {}
/** The gate does not have the method. */
final class UnknownRoute extends PasslockError {}
/** The route has another HTTP method. */
final class MethodNotAllowed extends PasslockError {}
/** The gate refuses requests of browsers. */
final class OriginRefused extends PasslockError {}
/** The arguments are longer than 64 KiB. */
final class BodyTooLarge extends PasslockError {}
/** The gate failed. */
final class Internal extends PasslockError {}
/** passlockd does not have the method. */
final class Unsupported extends PasslockError {}
/** The connection was lost: the call may have been executed. */
final class ReplyLost extends PasslockError {}
/** passlockd, the bus or the gate is not running: the call was not executed. */
final class Unavailable extends PasslockError {}
/** No reply before the timeout: the call may be executed. */
final class TimedOut extends PasslockError {}
/** The gate has streams with HTTP/1.1 only. */
final class HttpVersionNotSupported extends PasslockError {}
