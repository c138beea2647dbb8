<?php
// SPDX-License-Identifier: LGPL-2.1-or-later

declare(strict_types=1);

/**
 * A failed call. `$name` is the last part of a D-Bus error name: an error of the daemon, such as
 * InvalidCode; InvalidArgs for an invalid argument; NoServer, AuthFailed or LimitsExceeded if the
 * connection to the bus failed; ServiceUnknown and similar errors if the daemon is not running; Timeout;
 * NoReply or Disconnected if the daemon or the bus stopped during the call. After the last three the call
 * may have been executed. The message is for the log.
 */
final class PasslockError extends RuntimeException
{
    public readonly string $name;

    public function __construct(string $name, string $message)
    {
        $this->name = substr(strrchr(".$name", '.'), 1);
        parent::__construct("$this->name: $message");
    }
}

/**
 * PHP client of passlockd in one file: copy this file into your app.
 *
 *     $passlock = new Passlock();
 *     $token = $passlock->authorize('shop.example.com', 'user-42', 'ada@example.com');
 *     ...                              // the page creates the passkey and sends a code
 *     $principal = $passlock->exchange($code, ['user_id' => 'user-42']);
 *     echo $principal['authenticator_id'];
 *
 * Every failure is a PasslockError, an invalid argument and a missing bus included. Requires PHP 8.1, and
 * a grant in passlockd.conf for the user of the app.
 */
final class Passlock
{
    private const NAME = 'dev.passlock.Passlock1';
    private const TEXT_MAX = 8192; // bytes; the daemon has lower limits

    private readonly string $path;

    public function __construct(string $tenancy = 'default', private float $timeoutSec = 30)
    {
        if (!preg_match('/^[a-z0-9_]{1,32}$/D', $tenancy)) {
            throw new PasslockError('InvalidArgs', 'tenancy must be 1 to 32 of a-z, 0-9 and _');
        }
        $this->path = "/dev/passlock/Passlock1/tenancy/$tenancy";
    }

    /** Returns a registration token for the page. */
    public function authorize(mixed $rpId, mixed $userId, mixed $username, array $options = []): string
    {
        return $this->call('Tenancy', 'Authorize', [$rpId, $userId, $username], $options)[0];
    }

    /** Returns an authentication token for the page: ['discoverable' => true], or ['user_id' => ...]. */
    public function authorizeAuthentication(mixed $rpId, array $options): string
    {
        return $this->call('Tenancy', 'AuthorizeAuthentication', [$rpId], $options)[0];
    }

    /**
     * Exchanges a code for its principal. With 'user_id', a code of another user is UserMismatch.
     *
     * After the error Interrupted (the daemon crashed after it had used the code) start a new ceremony; a
     * new passkey may exist, see links().
     */
    public function exchange(mixed $code, array $options = []): array
    {
        $options += ['request_id' => bin2hex(random_bytes(16))];
        try {
            [$principal] = $this->call('Tenancy', 'Exchange', [$code], $options);
        } catch (PasslockError $error) {
            // Retry once after a restart of the daemon or the bus; request_id is the idempotency key.
            if (!in_array($error->name, ['NoReply', 'Disconnected'], true)) {
                throw $error;
            }
            [$principal] = $this->call('Tenancy', 'Exchange', [$code], $options);
        }
        return $principal;
    }

    /** Returns the linked passkeys of the user. */
    public function links(mixed $userId): array
    {
        return $this->call('Links', 'ListByUser', [$userId])[0];
    }

    /** Calls a method with string arguments and, unless null, a dictionary of options, on a new connection. */
    private function call(string $interface, string $member, array $texts, ?array $options = null): array
    {
        $signature = str_repeat('s', count($texts));
        $body = '';
        foreach ($texts as $text) {
            PasslockBus::put($body, 's', self::text($text, 'an argument'));
        }
        if ($options !== null) {
            $signature .= 'a{sv}';
            PasslockBus::put($body, 'a{sv}', self::variants($options));
        }
        $bus = new PasslockBus($this->timeoutSec);
        return $bus->call(self::NAME, $this->path, self::NAME . ".$interface", $member, $signature, $body);
    }

    /** Checks a string before sending: the bus disconnects clients that send invalid strings. */
    private static function text(mixed $value, string $what): string
    {
        if (!is_string($value) || strlen($value) > self::TEXT_MAX || str_contains($value, "\0") ||
            !preg_match('//u', $value)) {
            throw new PasslockError('InvalidArgs', "$what must be a string of at most " . self::TEXT_MAX . ' bytes');
        }
        return $value;
    }

    /** Returns type and value of each option. */
    private static function variants(array $options): array
    {
        $variants = [];
        foreach ($options as $name => $value) {
            $name = self::text((string) $name, 'the name of an option');
            $variants[$name] = match (true) {
                is_bool($value) => ['b', (int) $value],
                is_int($value) && $value >= 0 && $value < 2 ** 32 => ['u', $value],
                is_array($value) => ['as', array_map(
                    fn (mixed $each) => self::text($each, "an element of $name"), array_values($value))],
                default => ['s', self::text($value, $name)],
            };
        }
        return $variants;
    }
}

/** Minimal D-Bus client: a connection to the system bus, and synchronous calls. */
final class PasslockBus
{
    private const ADDRESS = 'unix:path=/run/dbus/system_bus_socket';
    private const DRIVER = 'org.freedesktop.DBus';
    private const MESSAGE_MAX = 1 << 26;
    private const METHOD_RETURN = 2, ERROR = 3;

    private mixed $socket = null;
    private float $deadline;
    private int $serial = 0;

    public function __construct(float $timeoutSec)
    {
        $this->deadline = microtime(true) + $timeoutSec;
        foreach (explode(';', getenv('DBUS_SYSTEM_BUS_ADDRESS') ?: self::ADDRESS) as $address) {
            if (preg_match('/^unix:(?:.*,)?(path|abstract)=([^,]*)/', $address, $found)) {
                $path = ($found[1] === 'abstract' ? "\0" : '') . rawurldecode($found[2]);
                $this->socket = $this->socket ?: @stream_socket_client("unix://$path", $error, $text, $timeoutSec);
            }
        }
        if (!$this->socket) {
            throw new PasslockError('NoServer', 'failed to connect to the system bus');
        }
        stream_set_blocking($this->socket, false);
        $this->authenticate();
        $this->call(self::DRIVER, '/org/freedesktop/DBus', self::DRIVER, 'Hello', '', '');
    }

    /** SASL EXTERNAL: the bus reads the uid from the peer credentials of the socket. */
    private function authenticate(): void
    {
        $this->write("\0AUTH EXTERNAL\r\n");
        $line = $this->readLine();
        if ($line === 'DATA') {
            $this->write("DATA\r\n");
            $line = $this->readLine();
        }
        if (!str_starts_with($line, 'OK')) {
            throw new PasslockError('AuthFailed', 'the system bus refused the authentication');
        }
        $this->write("BEGIN\r\n");
    }

    /** Returns the values of the reply. */
    public function call(string $name, string $path, string $interface, string $member, string $signature,
        string $body): array
    {
        $fields = [[1, 'o', $path], [2, 's', $interface], [3, 's', $member], [6, 's', $name]];
        $header = pack('aCCCVVV', 'l', 1, 0, 1, strlen($body), ++$this->serial, 0);
        foreach ($signature === '' ? $fields : [...$fields, [8, 'g', $signature]] as [$code, $type, $value]) {
            self::align($header, 8);
            $header .= chr($code);
            self::put($header, 'v', [$type, $value]);
        }
        $header = substr_replace($header, pack('V', strlen($header) - 16), 12, 4);
        self::align($header, 8);
        $this->write($header . $body);
        do {
            [$type, $fields, $values] = $this->readMessage();
        } while (($fields[5] ?? 0) !== $this->serial || $type < self::METHOD_RETURN);
        if ($type === self::ERROR) {
            throw new PasslockError($fields[4] ?? 'Failed', is_string($values[0] ?? null) ? $values[0] : '');
        }
        return $values;
    }

    /** Appends a value to a buffer whose start is 8-byte aligned in the message. */
    public static function put(string &$out, string $type, mixed $value): void
    {
        switch ($type) {
            case 's':
            case 'o':
                self::align($out, 4);
                $out .= pack('V', strlen($value)) . "$value\0";
                break;
            case 'g':
                $out .= chr(strlen($value)) . "$value\0";
                break;
            case 'v':
                self::put($out, 'g', $value[0]);
                self::put($out, $value[0], $value[1]);
                break;
            case 'as':
            case 'a{sv}':
                self::align($out, 4);
                $at = strlen($out);
                $out .= pack('V', 0);
                self::align($out, $type === 'as' ? 4 : 8);
                $begin = strlen($out);
                foreach ($value as $key => $element) {
                    if ($type !== 'as') {
                        self::align($out, 8);
                        self::put($out, 's', (string) $key);
                    }
                    self::put($out, $type === 'as' ? 's' : 'v', $element);
                }
                $out = substr_replace($out, pack('V', strlen($out) - $begin), $at, 4);
                break;
            default: // u and b
                self::align($out, 4);
                $out .= pack('V', $value);
        }
    }

    private static function align(string &$out, int $n): void
    {
        $out .= str_repeat("\0", -strlen($out) & $n - 1);
    }

    /** Reads a message. Returns type, header fields by code, and body values. */
    private function readMessage(): array
    {
        $message = $this->read(16);
        $reader = new PasslockReader($message);
        [$bodyLength, , $fieldsLength] = [$reader->number(4), $reader->number(4), $reader->number(4)];
        if ($bodyLength + $fieldsLength > self::MESSAGE_MAX) {
            throw new PasslockError('InconsistentMessage', 'received a malformed message');
        }
        $message .= $this->read((-$fieldsLength & 7) + $fieldsLength + $bodyLength);
        $fields = array_column((new PasslockReader($message, 12))->value('a(yv)'), 1, 0);
        $body = new PasslockReader(substr($message, strlen($message) - $bodyLength), 0, $message[0]);
        return [ord($message[1]), $fields, $body->values($fields[8] ?? '')];
    }

    private function read(int $length): string
    {
        for ($bytes = ''; strlen($bytes) < $length; $bytes .= $part) {
            $this->wait(true);
            $part = fread($this->socket, $length - strlen($bytes));
            if ($part === false || ($part === '' && feof($this->socket))) {
                throw new PasslockError('Disconnected', 'the system bus closed the connection');
            }
        }
        return $bytes;
    }

    private function readLine(): string
    {
        for ($line = ''; !str_ends_with($line, "\r\n") && strlen($line) < 1024; ) {
            $line .= $this->read(1);
        }
        return rtrim($line);
    }

    private function write(string $bytes): void
    {
        while ($bytes !== '') {
            $this->wait(false);
            $written = @fwrite($this->socket, $bytes);
            if (!$written) {
                throw new PasslockError('Disconnected', 'the system bus closed the connection');
            }
            $bytes = substr($bytes, $written);
        }
    }

    private function wait(bool $toRead): void
    {
        do {
            $left = max(0, $this->deadline - microtime(true));
            [$read, $write, $except] = $toRead ? [[$this->socket], [], []] : [[], [$this->socket], []];
            $n = @stream_select($read, $write, $except, (int) $left, (int) (fmod($left, 1) * 1e6));
        } while ($n === false && $left > 0); // EINTR
        if (!$n) {
            throw new PasslockError('Timeout', 'no reply within the timeout');
        }
    }
}

/** D-Bus unmarshalling. Dictionaries become arrays; variants lose their type. */
final class PasslockReader
{
    private readonly string $order;

    public function __construct(private string $bytes, private int $at = 4, string $order = '')
    {
        $this->order = $order ?: $bytes[0];
    }

    public function values(string $signature): array
    {
        for ($values = []; $signature !== ''; $signature = substr($signature, strlen($type))) {
            $type = self::firstType($signature);
            $values[] = $this->value($type);
        }
        return $values;
    }

    public function number(int $size): int
    {
        $this->at += -$this->at & $size - 1;
        $code = [1 => 'C', 2 => 'v', 4 => 'V', 8 => 'P'][$size];
        return unpack($this->order === 'l' ? $code : strtr($code, 'vVP', 'nNJ'), $this->take($size))[1];
    }

    public function value(string $type): mixed
    {
        switch ($type[0]) {
            case 's':
            case 'o':
                return substr($this->take($this->number(4) + 1), 0, -1);
            case 'g':
                return substr($this->take($this->number(1) + 1), 0, -1);
            case 'v':
                return $this->value($this->value('g'));
            case 'a':
                return $this->list(substr($type, 1));
            case '(':
            case '{':
                $this->at += -$this->at & 7;
                return $this->values(substr($type, 1, -1));
            case 'b':
                return $this->number(4) !== 0;
            default:
                return $this->number(['y' => 1, 'n' => 2, 'q' => 2, 'i' => 4, 'u' => 4, 'x' => 8, 't' => 8, 'd' => 8]
                    [$type[0]] ?? throw self::malformed());
        }
    }

    private function list(string $type): array
    {
        $length = $this->number(4);
        $this->at += -$this->at & (str_contains('({xtd', $type[0]) ? 7 : 0);
        for ($end = $this->at + $length, $list = []; $this->at < $end; ) {
            $value = $this->value($type);
            if ($type[0] === '{') {
                $list[$value[0]] = $value[1];
            } else {
                $list[] = $value;
            }
        }
        return $list;
    }

    private static function firstType(string $signature): string
    {
        if (!preg_match('/^(a*(?:[^a({]|\((?1)+\)|\{(?1){2}\}))/', $signature, $found)) {
            throw self::malformed();
        }
        return $found[1];
    }

    private function take(int $length): string
    {
        if ($this->at + $length > strlen($this->bytes)) {
            throw self::malformed();
        }
        $this->at += $length;
        return substr($this->bytes, $this->at - $length, $length);
    }

    private static function malformed(): PasslockError
    {
        return new PasslockError('InconsistentMessage', 'received a malformed message');
    }
}
