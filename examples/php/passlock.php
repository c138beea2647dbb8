<?php
// SPDX-License-Identifier: LGPL-2.1-or-later

declare(strict_types=1);

/** The daemon did not do it; the message says why, and is for the log. */
final class PasslockError extends RuntimeException
{
}

/**
 * Passkeys by way of passlockd, for PHP: copy this file into your app.
 *
 *     $passlock = new Passlock();
 *     $token = $passlock->authorize('shop.example.com', 'user-42', 'ada@example.com');
 *     ...                              // the page makes the passkey, and comes back with a code
 *     $who = $passlock->exchange($code, ['user_id' => 'user-42']);
 *     echo $who['authenticator_id'];
 *
 * It needs busctl, which comes with systemd, and a grant in passlockd.conf for the user it runs as.
 */
final class Passlock
{
    private const NAME = 'dev.passlock.Passlock1';

    public function __construct(private string $tenancy = 'default', private int $timeoutSec = 30)
    {
    }

    /** A token, with which the page makes one passkey for the user. */
    public function authorize(string $rpId, string $userId, string $username, array $options = []): string
    {
        return $this->call('Tenancy', 'Authorize', 'sssa{sv}', $rpId, $userId, $username,
            ...self::dictionary($options))[0];
    }

    /** A token, with which the page signs in: ['discoverable' => true], or ['user_id' => ...]. */
    public function authorizeAuthentication(string $rpId, array $options): string
    {
        return $this->call('Tenancy', 'AuthorizeAuthentication', 'sa{sv}', $rpId,
            ...self::dictionary($options))[0];
    }

    /** Says whose code this is. With 'user_id' it has to be that user's. */
    public function exchange(string $code, array $options = []): array
    {
        $options += ['request_id' => bin2hex(random_bytes(16))];
        $call = fn () => $this->call('Tenancy', 'Exchange', 'sa{sv}', $code, ...self::dictionary($options));
        try {
            [$who] = $call();
        } catch (PasslockError $error) {
            // Was the daemon restarted in the middle of it? The request id brings the same answer.
            if (!str_contains($error->getMessage(), 'disconnected')) {
                throw $error;
            }
            [$who] = $call();
        }
        return self::plain($who);
    }

    /** The user's passkeys, as this host knows them. */
    public function links(string $userId): array
    {
        [$links] = $this->call('Links', 'ListByUser', 's', $userId);
        return array_map(self::plain(...), $links);
    }

    /** No shell is in between, and what comes after `--` is no option of busctl's, whatever it is. */
    private function call(string $interface, string $member, string ...$arguments): array
    {
        $command = ['/usr/bin/busctl', '--system', '--json=short', "--timeout=$this->timeoutSec", '--', 'call',
            self::NAME, "/dev/passlock/Passlock1/tenancy/$this->tenancy", self::NAME . ".$interface", $member,
            ...$arguments];
        foreach ($command as $word) {
            if (str_contains($word, "\0")) {
                throw new PasslockError('An argument is not acceptable');
            }
        }
        $process = proc_open($command, [['file', '/dev/null', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes);
        if (!$process) {
            throw new PasslockError('busctl cannot be run');
        }
        $answer = stream_get_contents($pipes[1]);
        $complaint = trim(stream_get_contents($pipes[2]));
        if (proc_close($process) !== 0) {
            throw new PasslockError($complaint);
        }
        return json_decode($answer, true, flags: JSON_THROW_ON_ERROR)['data'];
    }

    /** As busctl wants it: how many there are, then name, type and value of each. */
    private static function dictionary(array $options): array
    {
        $words = [(string) count($options)];
        foreach ($options as $name => $value) {
            array_push($words, $name, ...match (true) {
                is_bool($value) => ['b', $value ? 'true' : 'false'],
                is_int($value) => ['u', (string) $value],
                is_array($value) => ['as', (string) count($value), ...array_values($value)],
                default => ['s', $value],
            });
        }
        return $words;
    }

    /** Without the types. */
    private static function plain(array $dictionary): array
    {
        return array_map(fn (array $variant) => $variant['data'], $dictionary);
    }
}
