<?php
// SPDX-License-Identifier: LGPL-2.1-or-later
// The example in PHP: php -S localhost:8000 app.php. README.md has the settings.

declare(strict_types=1);

require getenv('PASSLOCK_PHP') ?: __DIR__ . '/../../clients/php/autoload.php'; // or that of Composer

use Passlock\InvalidArgs;
use Passlock\Passlock;
use Passlock\PasslockError;

// Without a php.ini, as in many containers, PHP writes warnings into replies instead of the log.
ini_set('display_errors', '0');
ini_set('log_errors', '1');

const BODY_MAX = 2 ** 20;
const REFUSALS = ['BodyTooLarge', 'Interrupted', 'InvalidArgs', 'InvalidCode', 'UserMismatch'];

$rpId = getenv('RP_ID') ?: 'localhost';
$endpoint = getenv('PASSLOCK_ENDPOINT');
$files = [
    '/' => [__DIR__ . '/page/index.html', 'text/html'],
    '/page.js' => [__DIR__ . '/page/page.js', 'text/javascript'],
    '/passlock.js' => [getenv('PASSLOCK_JS') ?: __DIR__ . '/../../browser/passlock.js', 'text/javascript'],
];
$passlock = new Passlock();

function enter(?string $userId): array
{
    session_regenerate_id(true); // another user: another session
    $_SESSION = $userId === null ? [] : ['userId' => $userId];
    return ['userId' => $userId];
}

function me(Passlock $passlock): array
{
    $userId = $_SESSION['userId'] ?? null;
    $links = $userId === null ? [] : $passlock->links->listByUser($userId);
    return ['userId' => $userId, 'passkeys' => array_column($links, 'authenticatorId')];
}

function signUp(Passlock $passlock, string $rpId, array $body): array
{
    $_SESSION['newUserId'] = 'user-' . bin2hex(random_bytes(8));
    return ['token' => $passlock->authorize($rpId, $_SESSION['newUserId'], $body['username'] ?? null)->token];
}

function passkey(Passlock $passlock, array $body): array
{
    $userId = $_SESSION['newUserId'] ?? throw new InvalidArgs('the session has not begun to sign up');
    // With userId, the passkey of somebody else is refused.
    return enter($passlock->exchange($body['code'] ?? null, userId: $userId)->userId);
}

function answer(int $status, array $reply): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    exit(json_encode($reply));
}

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
header("Content-Security-Policy: default-src 'self'; connect-src 'self' $endpoint; img-src data:");
if ($_SERVER['REQUEST_METHOD'] === 'GET' && isset($files[$path])) {
    header("Content-Type: {$files[$path][1]}; charset=utf-8");
    readfile($files[$path][0]);
    exit;
}
$text = file_get_contents('php://input', length: BODY_MAX + 1);
if (strlen($text) > BODY_MAX) {
    answer(413, ['error' => 'ContentTooLarge']);
}
$body = json_decode($text, true);
// Pages of other sites cannot send this type.
if ($_SERVER['REQUEST_METHOD'] === 'POST' &&
    (!str_starts_with($_SERVER['CONTENT_TYPE'] ?? '', 'application/json') || !is_array($body))) {
    answer(400, ['error' => 'BadRequest']);
}
if (!session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Lax', 'use_strict_mode' => true])) {
    answer(500, ['error' => 'InternalServerError']);
}
try {
    answer(200, match ("$_SERVER[REQUEST_METHOD] $path") {
        'GET /me' => me($passlock),
        'GET /config' => ['tenancyId' => getenv('PASSLOCK_TENANCY_ID'), 'endpoint' => $endpoint],
        'POST /sign-up' => signUp($passlock, $rpId, $body),
        'POST /passkey' => passkey($passlock, $body),
        'POST /sign-in' => ['token' => $passlock->authorizeAuthentication($rpId, discoverable: true)->token],
        'POST /session' => enter($passlock->exchange($body['code'] ?? null)->userId),
        'POST /sign-out' => enter(null),
        default => answer(404, ['error' => 'NotFound']),
    });
} catch (PasslockError $error) {
    error_log("passlock: {$error->getMessage()}");
    answer(in_array($error->name, REFUSALS, true) ? 400 : 502, ['error' => $error->name]);
}
