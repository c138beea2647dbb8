<?php
// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls the PHP client by orders on standard input: see ../test_conformance.py.
//
//     driver.php SOCKET

declare(strict_types=1);

require __DIR__ . '/../../../clients/php/autoload.php';

use Passlock\Passlock;
use Passlock\PasslockError;

error_reporting(E_ALL);
set_error_handler(fn (int $level, string $text) => error_reporting() & $level ? throw new ErrorException($text) : false);

function snake(string $name): string
{
    return strtolower(preg_replace('/(?<!^)[A-Z]/', '_$0', $name));
}

/** The JSON form of a result; without optional members that are missing. */
function plain(mixed $value): mixed
{
    if (is_object($value)) {
        $members = array_filter(get_object_vars($value), fn (mixed $each) => $each !== null);
        return (object) array_map('plain', array_combine(array_map('snake', array_keys($members)), $members));
    }
    return is_array($value) ? array_map('plain', $value) : $value;
}

/** {"$bytes": BASE64} is a string of these bytes. */
function made(mixed $value): mixed
{
    if (!is_array($value)) {
        return $value;
    }
    return isset($value['$bytes']) ? base64_decode($value['$bytes']) : array_map('made', $value);
}

function obey(array $order): mixed
{
    global $argv, $client, $stream, $started;

    if (isset($order['client'])) {
        $options = $order['client'];
        $client = new Passlock($argv[1], $options['tenancy'] ?? null, $options['timeout_sec'] ?? 40.0);
        return null;
    }
    if (isset($order['watch'])) {
        [$stream, $started] = [$client->links->changed(), false];
        return null;
    }
    if (isset($order['unwatch'])) {
        return $stream = null;
    }
    if (isset($order['next'])) {
        if ($started) {
            $stream->next();
        }
        $started = true;
        return $stream->current();
    }
    [$group, $name] = str_contains($order['call'], '.') ? explode('.', $order['call']) : ['Tenancy', $order['call']];
    $place = $group === 'Tenancy' ? $client : $client->{lcfirst($group)};
    $options = [];
    foreach ($order['options'] ?? [] as $option => $value) {
        $options[lcfirst(str_replace('_', '', ucwords($option, '_')))] = made($value);
    }
    return $place->{lcfirst($name)}(...made($order['arguments'] ?? []), ...$options);
}

$client = new Passlock($argv[1]);
while (($line = fgets(STDIN)) !== false) {
    try {
        $answer = ['result' => plain(obey(json_decode($line, true, 512, JSON_THROW_ON_ERROR)))];
    } catch (PasslockError $error) {
        $class = substr(strrchr('\\' . $error::class, '\\'), 1);
        $answer = ['error' => $error->name, 'class' => $class, 'status' => $error->status];
        if ($error->retryAfterSec) {
            $answer['retry_after_sec'] = $error->retryAfterSec;
        }
    }
    echo json_encode($answer, JSON_THROW_ON_ERROR), "\n";
}
