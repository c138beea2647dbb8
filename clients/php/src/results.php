<?php
// SPDX-License-Identifier: LGPL-2.1-or-later

declare(strict_types=1);

namespace Passlock;

// Results. Times are milliseconds since the epoch.

/** For the page's registerPasskey() or authenticatePasskey(). */
final class Token
{
    public function __construct(
        public readonly string $token,
        public readonly int $expiresAt,
    ) {
    }
}

/** Who has signed in, or created a passkey. From verifyIdToken() without linked and newlyLinked. */
final class Principal
{
    public function __construct(
        public readonly string $id,
        public readonly string $userId,
        public readonly string $authenticatorId,
        public readonly string $authenticatorType,
        public readonly int $createdAt,
        public readonly int $expiresAt,
        public readonly bool $verified,
        public readonly bool $userVerified,
        public readonly ?bool $linked = null,
        public readonly ?bool $newlyLinked = null,
        public readonly ?string $platformName = null,
        public readonly ?string $ipAddress = null,
        public readonly ?string $userAgent = null,
    ) {
    }
}

/** A passkey of a user. lastUsedAt 0: never. */
final class Link
{
    public function __construct(
        public readonly string $authenticatorId,
        public readonly string $userId,
        public readonly int $createdAt,
        public readonly int $lastUsedAt,
        public readonly ?string $platformName = null,
    ) {
    }
}

/** Links, and the cursor of the next page, or "". */
final class LinkPage
{
    /** @param list<Link> $links */
    public function __construct(
        public readonly array $links,
        public readonly string $nextCursor,
    ) {
    }
}

/** Numbers of links, and the authenticator ids of the others. */
final class ImportResult
{
    /**
     * @param list<string> $conflicting
     * @param list<string> $exceeding
     */
    public function __construct(
        public readonly int $added,
        public readonly int $present,
        public readonly array $conflicting,
        public readonly array $exceeding,
    ) {
    }
}

/** Numbers of passkeys. */
final class Reconciliation
{
    public function __construct(
        public readonly int $checked,
        public readonly int $added,
        public readonly int $removed,
        public readonly int $conflicts,
    ) {
    }
}

/** A link that was added or removed. */
final class Pair
{
    public function __construct(
        public readonly string $userId,
        public readonly string $authenticatorId,
    ) {
    }
}

/** A passkey in the vault. Pages of a list have no more than the required properties and userId. */
final class Passkey
{
    /** @param ?list<string> $transports */
    public function __construct(
        public readonly string $id,
        public readonly bool $enabled,
        public readonly int $createdAt,
        public readonly int $lastUsedAt,
        public readonly string $credentialId,
        public readonly string $credentialUserId,
        public readonly ?string $userId = null,
        public readonly ?string $username = null,
        public readonly ?string $aaguid = null,
        public readonly ?bool $backedUp = null,
        public readonly ?int $counter = null,
        public readonly ?string $deviceType = null,
        public readonly ?array $transports = null,
        public readonly ?string $publicKey = null,
        public readonly ?string $rpId = null,
        public readonly ?int $updatedAt = null,
        public readonly ?string $platformName = null,
        public readonly ?string $platformIcon = null,
    ) {
    }
}

/** Passkeys, and the cursor of the next page, or "". */
final class PasskeyPage
{
    /** @param list<Passkey> $passkeys */
    public function __construct(
        public readonly array $passkeys,
        public readonly string $nextCursor,
    ) {
    }
}

/** Why a passkey, or all ("") were not changed. */
final class Warning
{
    public function __construct(
        public readonly string $code,
        public readonly string $message,
        public readonly string $passkeyId,
    ) {
    }
}

/** For the page's updatePasskeys(), deletePasskeys() or prunePasskeys(). */
final class ManagementToken
{
    /** @param list<Warning> $warnings */
    public function __construct(
        public readonly string $token,
        public readonly int $expiresAt,
        public readonly array $warnings,
    ) {
    }
}

/** Only createChallenge() returns secret, code and the messages. */
final class Challenge
{
    public function __construct(
        public readonly string $id,
        public readonly string $purpose,
        public readonly string $email,
        public readonly int $createdAt,
        public readonly int $expiresAt,
        public readonly ?string $userId = null,
        public readonly ?string $metadata = null,
        public readonly ?string $secret = null,
        public readonly ?string $code = null,
        public readonly ?string $messageHtml = null,
        public readonly ?string $messageText = null,
    ) {
    }
}

/** Links that changed. With readAgain, earlier changes may be missing: read the links again. */
final class Change
{
    /**
     * @param list<Pair> $added
     * @param list<Pair> $removed
     */
    public function __construct(
        public readonly array $added,
        public readonly array $removed,
        public readonly bool $readAgain,
    ) {
    }

    public static function of(string $event, mixed $data): self
    {
        if ($event === 'Watched') {
            return new self([], [], true);
        }
        if (!is_array($data['added'] ?? null) || !is_array($data['removed'] ?? null)) {
            throw new MalformedReply('the gate sent a malformed event');
        }
        $pairs = fn (array $found) => array_map(fn (array $pair) => new Pair(...$pair), $found);
        return new self($pairs($data['added']), $pairs($data['removed']), false);
    }
}

function camel(string $name): string
{
    return lcfirst(str_replace('_', '', ucwords($name, '_')));
}

/** With the names of options as the gate has them. */
function snake_keys(array $members): array
{
    $found = [];
    foreach ($members as $name => $value) {
        $found[strtolower(preg_replace('/[A-Z]/', '_$0', (string) $name))] = $value;
    }
    return $found;
}

/**
 * Ignores members of a newer gate. A missing member, or one of another type, is a TypeError.
 *
 * @template R
 * @param class-string<R> $class
 * @return R
 */
function build(string $class, array $members): object
{
    $arguments = [];
    $parameters = array_column((new \ReflectionMethod($class, '__construct'))->getParameters(), 'name', 'name');
    foreach ($members as $name => $value) {
        if (isset($parameters[camel((string) $name)])) {
            $arguments[camel((string) $name)] = $value;
        }
    }
    return new $class(...$arguments);
}

function build_all(string $class, array $found): array
{
    return array_map(fn (array $each) => build($class, $each), $found);
}
