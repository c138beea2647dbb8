<?php
// SPDX-License-Identifier: LGPL-2.1-or-later

declare(strict_types=1);

namespace Passlock;

/** The connection was closed. */
final class Closed extends \Exception
{
}

/** A connection to the gate, with a deadline for what is next. */
final class Connection
{
    public float $end;
    private mixed $socket;

    public function __construct(string $path, float $end)
    {
        $this->end = $end;
        $this->socket = @stream_socket_client("unix://$path", $error, $text, 30);
        if (!$this->socket) {
            throw new Unavailable("failed to connect to $path: $text");
        }
    }

    public function close(): void
    {
        fclose($this->socket);
    }

    /** Whether the gate closed it while idle. */
    public function isClosed(): bool
    {
        $read = [$this->socket];
        $write = $except = null;
        return @stream_select($read, $write, $except, 0) !== 0;
    }

    public function write(string $bytes): void
    {
        for (; $bytes !== ''; $bytes = substr($bytes, $written)) {
            $written = @fwrite($this->socket, $bytes);
            if (!$written) {
                throw new Closed();
            }
        }
    }

    public function line(): string
    {
        return $this->read(fn () => fgets($this->socket));
    }

    public function bytes(int $length): string
    {
        for ($found = ''; strlen($found) < $length; ) {
            $found .= $this->read(fn () => fread($this->socket, $length - strlen($found)));
        }
        return $found;
    }

    private function read(\Closure $read): string
    {
        $left = max($this->end - microtime(true), 0.001);
        stream_set_timeout($this->socket, (int) $left, (int) (fmod($left, 1) * 1e6));
        $found = $read();
        if (stream_get_meta_data($this->socket)['timed_out']) {
            throw new TimedOut('no reply before the timeout');
        }
        return $found === false || $found === '' ? throw new Closed() : $found;
    }

    /** Returns status and headers. */
    public function head(): array
    {
        if (!preg_match('~^HTTP/1\.\d (\d{3})~', $this->line(), $found)) {
            throw new MalformedReply('the socket is not that of a gate');
        }
        for ($headers = []; ($line = rtrim($this->line())) !== ''; ) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $headers[strtolower($name)] = trim($value);
        }
        return [(int) $found[1], $headers];
    }
}

/** HTTP on the unix socket of the gate. Keeps one connection, which child processes do not use. */
final class Transport
{
    public const TIMEOUT_SEC = 40.0; // longer than a call with the default TimeoutSec of the daemon
    private const LONG_TIMEOUT_SEC = 3600.0;
    private const SILENCE_SEC = 75.0; // of a stream; the gate sends a comment every 30 s
    private const BODY_MAX = 65536;
    private const DELAY_MIN_SEC = 0.1, DELAY_MAX_SEC = 5.0;

    private readonly string $path, $query;
    private ?Connection $idle = null;
    private int $pid = 0;

    public function __construct(?string $path, ?string $tenancy, private readonly float $timeoutSec)
    {
        if ($tenancy !== null && !preg_match('/^[a-z0-9_]{1,32}$/D', $tenancy)) {
            throw new InvalidArgs('tenancy: expected 1 to 32 of a-z, 0-9 and _');
        }
        $this->path = $path ?: getenv('PASSLOCK_GATE') ?: '/run/passlock-gate/' . self::user() . '/socket';
        $this->query = $tenancy === null ? '' : "?tenancy=$tenancy";
    }

    /** The name, which the posix extension would know too. */
    private static function user(): string
    {
        $uid = is_readable('/proc/self') ? fileowner('/proc/self') : getmyuid();
        return preg_match("/^([^:]+):[^:]*:$uid:/m", (string) @file_get_contents('/etc/passwd'), $found)
            ? $found[1] : (string) $uid;
    }

    /** Returns the reply. Retries once if the gate closed an idle connection, but executes no call twice. */
    public function call(string $verb, string $name, ?array $members, bool $repeatable, bool $isLong): array
    {
        $message = self::message($verb, "/v1/$name$this->query", $members);
        $end = microtime(true) + ($isLong ? self::LONG_TIMEOUT_SEC : $this->timeoutSec);
        $connection = $this->takeIdle();
        if ($connection) {
            $connection->end = $end;
            try {
                return $this->attempt($connection, $message);
            } catch (ReplyLost | Unavailable $error) {
                if ($error->status || ($error instanceof ReplyLost && !$repeatable)) {
                    throw $error;
                }
            }
        }
        return $this->attempt(new Connection($this->path, $end), $message);
    }

    private function takeIdle(): ?Connection
    {
        [$connection, $this->idle] = [$this->pid === getmypid() ? $this->idle : null, null];
        if ($connection?->isClosed()) {
            $connection->close();
            return null;
        }
        return $connection;
    }

    private static function message(string $verb, string $target, ?array $members): string
    {
        try {
            $body = $members === null ? '' : json_encode((object) $members, JSON_THROW_ON_ERROR);
        } catch (\JsonException $error) {
            throw new InvalidArgs('an argument has no JSON form', null, null, $error);
        }
        if (strlen($body) > self::BODY_MAX) {
            throw new BodyTooLarge('the arguments are longer than 64 KiB');
        }
        return "$verb $target HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " .
            strlen($body) . "\r\n\r\n$body";
    }

    private function attempt(Connection $connection, string $message): array
    {
        $sent = $keeps = false;
        try {
            $connection->write($message);
            $sent = true;
            [$status, $headers] = $connection->head();
            $body = $connection->bytes((int) ($headers['content-length'] ?? 0));
            $keeps = strtolower($headers['connection'] ?? '') !== 'close';
        } catch (Closed $error) {
            $text = 'the gate closed the connection';
            throw $sent ? new ReplyLost($text, null, null, $error) : new Unavailable($text, null, null, $error);
        } finally {
            if ($keeps) {
                [$this->idle, $this->pid] = [$connection, getmypid()];
            } else {
                $connection->close();
            }
        }
        return self::parsed($status, $headers, $body);
    }

    private static function parsed(int $status, array $headers, string $body): array
    {
        $reply = json_decode($body, true);
        if ($status === 200 && is_array($reply)) {
            return $reply;
        }
        if (!is_string($reply['error'] ?? null) || !is_string($reply['message'] ?? null)) {
            throw new MalformedReply("the gate sent no JSON object, status $status", $status);
        }
        $retryAfter = isset($headers['retry-after']) ? (int) $headers['retry-after'] : null;
        throw PasslockError::of($reply['error'], $reply['message'], $status, $retryAfter);
    }

    /** Reconnects with back-off; throws errors that another connection would have too. */
    public function changes(): \Generator
    {
        $delaySec = self::DELAY_MIN_SEC;
        while (true) {
            try {
                foreach ($this->connectionChanges() as $change) {
                    $delaySec = self::DELAY_MIN_SEC;
                    yield $change;
                }
            } catch (Closed) {
                // Connect again.
            } catch (PasslockError $error) {
                if ($error->status >= 400 && $error->status < 500 && $error->status !== 429) {
                    throw $error;
                }
            }
            usleep((int) (1e6 * $delaySec * random_int(50, 100) / 100));
            $delaySec = min(2 * $delaySec, self::DELAY_MAX_SEC);
        }
    }

    private function connectionChanges(): \Generator
    {
        $connection = new Connection($this->path, microtime(true) + self::SILENCE_SEC);
        try {
            $connection->write(self::message('GET', "/v1/Links.Changed$this->query", null));
            [$status, $headers] = $connection->head();
            if ($status !== 200) {
                self::parsed($status, $headers, $connection->bytes((int) ($headers['content-length'] ?? 0)));
            }
            $event = $text = '';
            while (($length = (int) hexdec(trim($connection->line()))) > 0) { // of a chunk
                $lines = explode("\n", $text . $connection->bytes($length));
                $text = array_pop($lines);
                $connection->line();
                $connection->end = microtime(true) + self::SILENCE_SEC;
                foreach ($lines as $line) {
                    [$name, $value] = explode(': ', $line, 2) + [1 => ''];
                    $event = $name === 'event' ? $value : $event;
                    if ($name === 'data' && ($event === 'Watched' || $event === 'Changed')) {
                        yield Change::of($event, json_decode($value, true));
                    }
                }
            }
        } finally {
            $connection->close();
        }
    }
}
