<?php
// SPDX-License-Identifier: LGPL-2.1-or-later

declare(strict_types=1);

namespace Passlock;

/** Methods of an interface. Arguments are mixed, since they may come from a browser: the gate refuses wrong types. */
abstract class Group
{
    public function __construct(protected readonly Transport $transport)
    {
    }

    /** Calls a method, and returns its result made of the reply: of a class, or by a function. */
    protected function call(string $name, array $members, string|\Closure $result, string $member = '',
        bool $repeatable = false, bool $isLong = false): mixed
    {
        $reply = $this->transport->call('POST', $name, $members, $repeatable, $isLong);
        return self::made($name, fn () => is_string($result) ? build($result, $reply[$member]) : $result($reply));
    }

    /** A reply without a member, or with another type, is malformed. */
    protected static function made(string $name, \Closure $make): mixed
    {
        set_error_handler(fn (int $level, string $text) => throw new \TypeError($text));
        try {
            return $make();
        } catch (\TypeError $error) {
            throw new MalformedReply("the reply to $name is incomplete", null, null, $error);
        } finally {
            restore_error_handler();
        }
    }

    protected static function managed(array $reply): ManagementToken
    {
        $warnings = array_map(fn (array $each) => new Warning(...$each), $reply['warnings']);
        return new ManagementToken($reply['token'], $reply['expires_at'], $warnings);
    }
}

final class Links extends Group
{
    public function getUser(mixed $authenticatorId): string
    {
        $members = ['authenticator_id' => $authenticatorId];
        return $this->call('Links.GetUser', $members, fn (array $reply): string => $reply['user_id'], '', true);
    }

    /** @return list<Link> */
    public function listByUser(mixed $userId): array
    {
        return $this->call('Links.ListByUser', ['user_id' => $userId],
            fn (array $reply): array => build_all(Link::class, $reply['links']), '', true);
    }

    /** A page of all links; "" is the cursor of the first. */
    public function list(mixed $cursor = '', mixed $limit = 0): LinkPage
    {
        return $this->call('Links.List', ['cursor' => $cursor, 'limit' => $limit], fn (array $reply): LinkPage =>
            new LinkPage(build_all(Link::class, $reply['links']), $reply['next_cursor']), '', true);
    }

    public function add(mixed $userId, mixed $authenticatorId): void
    {
        $this->call('Links.Add', ['user_id' => $userId, 'authenticator_id' => $authenticatorId], fn () => null);
    }

    /** Adds up to 1000 links with their times. Options: dryRun. */
    public function import(mixed $links, mixed ...$options): ImportResult
    {
        $links = is_array($links) ? array_map(fn (mixed $each) => is_array($each) ? snake_keys($each) : $each, $links) : $links;
        return $this->call('Links.Import', ['links' => $links] + snake_keys($options), ImportResult::class, 'result');
    }

    public function remove(mixed $authenticatorId): void
    {
        $this->call('Links.Remove', ['authenticator_id' => $authenticatorId], fn () => null);
    }

    /** Returns the number of removed links. */
    public function removeByUser(mixed $userId): int
    {
        return $this->call('Links.RemoveByUser', ['user_id' => $userId], fn (array $reply): int => $reply['removed']);
    }

    /** Compares the links with the vault, for up to an hour. Options: dryRun, maxRemove. */
    public function reconcile(mixed ...$options): Reconciliation
    {
        return $this->call('Links.Reconcile', snake_keys($options), Reconciliation::class, 'result', isLong: true);
    }

    /**
     * Yields changes, first one with readAgain, and again after each new connection.
     *
     * @return \Generator<Change>
     */
    public function changed(): \Generator
    {
        return $this->transport->changes();
    }
}

final class Vault extends Group
{
    public function getPasskey(mixed $passkeyId): Passkey
    {
        return $this->call('Vault.GetPasskey', ['passkey_id' => $passkeyId], Passkey::class, 'passkey', true);
    }

    public function listPasskeys(mixed $cursor = ''): PasskeyPage
    {
        return $this->call('Vault.ListPasskeys', ['cursor' => $cursor], fn (array $reply): PasskeyPage =>
            new PasskeyPage(build_all(Passkey::class, $reply['passkeys']), $reply['next_cursor']), '', true);
    }

    /** Options: displayName. */
    public function updatePasskeys(mixed $userId, mixed $username, mixed ...$options): ManagementToken
    {
        $members = ['user_id' => $userId, 'username' => $username] + snake_keys($options);
        return $this->call('Vault.UpdatePasskeys', $members, self::managed(...));
    }

    public function deletePasskeys(mixed $passkeyIds): ManagementToken
    {
        return $this->call('Vault.DeletePasskeys', ['passkey_ids' => $passkeyIds], self::managed(...));
    }

    public function deleteUserPasskeys(mixed $userId): ManagementToken
    {
        return $this->call('Vault.DeleteUserPasskeys', ['user_id' => $userId], self::managed(...));
    }

    public function prunePasskeys(mixed $userId): ManagementToken
    {
        return $this->call('Vault.PrunePasskeys', ['user_id' => $userId], self::managed(...));
    }
}

final class Mailbox extends Group
{
    /** Options: name, userId, metadata, invalidateOthers, skipRateLimit, sendEmail. */
    public function createChallenge(mixed $email, mixed $purpose, mixed ...$options): Challenge
    {
        $members = ['email' => $email, 'purpose' => $purpose] + snake_keys($options);
        return $this->call('Mailbox.CreateChallenge', $members, Challenge::class, 'challenge');
    }

    public function getChallenge(mixed $challengeId): Challenge
    {
        $members = ['challenge_id' => $challengeId];
        return $this->call('Mailbox.GetChallenge', $members, Challenge::class, 'challenge', true);
    }

    public function verifyChallenge(mixed $challengeId, mixed $secret, mixed $code): Challenge
    {
        $members = ['challenge_id' => $challengeId, 'secret' => $secret, 'code' => $code];
        return $this->call('Mailbox.VerifyChallenge', $members, Challenge::class, 'challenge');
    }

    public function deleteChallenge(mixed $challengeId): void
    {
        $this->call('Mailbox.DeleteChallenge', ['challenge_id' => $challengeId], fn () => null);
    }
}

/**
 * A tenancy at the gate of this app.
 *
 * The default socket is $PASSLOCK_GATE, or /run/passlock-gate/USER/socket; the default tenancy that of the gate.
 * Options are named arguments. null is not the same as no option: it is refused, so that a missing user id is no missing
 * check.
 */
final class Passlock extends Group
{
    public readonly Links $links;
    public readonly Vault $vault;
    public readonly Mailbox $mailbox;

    public function __construct(?string $socketPath = null, ?string $tenancy = null,
        float $timeoutSec = Transport::TIMEOUT_SEC)
    {
        parent::__construct(new Transport($socketPath, $tenancy, $timeoutSec));
        $this->links = new Links($this->transport);
        $this->vault = new Vault($this->transport);
        $this->mailbox = new Mailbox($this->transport);
    }

    /**
     * Lets a page create a passkey. Options: rpName, displayName, excludeCredentials, excludeLinked, userVerification,
     * timeoutMs.
     */
    public function authorize(mixed $rpId, mixed $userId, mixed $username, mixed ...$options): Token
    {
        $members = ['rp_id' => $rpId, 'user_id' => $userId, 'username' => $username] + snake_keys($options);
        return $this->call('Tenancy.Authorize', $members,
            fn (array $reply): Token => new Token($reply['registration_token'], $reply['expires_at']));
    }

    /**
     * Lets a page sign in: with userId, allowCredentials or discoverable. Further options: mediation, userVerification,
     * timeoutMs.
     */
    public function authorizeAuthentication(mixed $rpId, mixed ...$options): Token
    {
        return $this->call('Tenancy.AuthorizeAuthentication', ['rp_id' => $rpId] + snake_keys($options),
            fn (array $reply): Token => new Token($reply['authentication_token'], $reply['expires_at']));
    }

    /** Exchanges the code of a page for its principal, and links a new passkey. Options: userId, link, requestId. */
    public function exchange(mixed $code, mixed ...$options): Principal
    {
        $members = ['code' => $code] + snake_keys($options) + ['request_id' => bin2hex(random_bytes(16))];
        return $this->call('Tenancy.Exchange', $members, Principal::class, 'principal', true);
    }

    /** Verifies an id_token, without the API. Options: userId. */
    public function verifyIdToken(mixed $idToken, mixed ...$options): Principal
    {
        $members = ['id_token' => $idToken] + snake_keys($options);
        return $this->call('Tenancy.VerifyIdToken', $members, Principal::class, 'principal', true);
    }

    /** ready, unconfigured, denied or degraded */
    public function health(): string
    {
        $reply = $this->transport->call('GET', 'health', null, true, false);
        return self::made('health', fn (): string => $reply['state']);
    }
}
