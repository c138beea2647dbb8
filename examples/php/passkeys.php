#!/usr/bin/php
<?php
// SPDX-License-Identifier: LGPL-2.1-or-later

declare(strict_types=1);

require __DIR__ . '/passlock.php';

const USAGE = <<<'END'
    Registers a passkey, or signs in with a passkey, from a terminal.

    Prints a token for registerPasskey() or authenticatePasskey() in the page, reads the code that the
    page gets, and prints the principal as JSON.

        passkeys.php register RP_ID USER_ID USERNAME
        passkeys.php sign-in RP_ID [USER_ID]

    END;

function code(): string
{
    return rtrim((string) fgets(STDIN), "\n");
}

function register(Passlock $passlock, string $rpId, string $userId, string $username): array
{
    echo $passlock->authorize($rpId, $userId, $username), "\n";
    // With user_id, the code of another user is refused instead of linked.
    return $passlock->exchange(code(), ['user_id' => $userId]);
}

function signIn(Passlock $passlock, string $rpId, ?string $userId = null): array
{
    $user = $userId === null ? [] : ['user_id' => $userId];
    echo $passlock->authorizeAuthentication($rpId, $user ?: ['discoverable' => true]), "\n";
    return $passlock->exchange(code(), $user);
}

$arguments = array_slice($argv, 2);
$flow = match ([$argv[1] ?? '', count($arguments)]) {
    ['register', 3] => register(...),
    ['sign-in', 1], ['sign-in', 2] => signIn(...),
    default => null,
};
if (!$flow) {
    fwrite(STDERR, USAGE);
    exit(2);
}
try {
    echo json_encode($flow(new Passlock(), ...$arguments), JSON_UNESCAPED_SLASHES), "\n";
} catch (PasslockError $error) {
    fwrite(STDERR, $error->getMessage() . "\n");
    exit(1);
}
