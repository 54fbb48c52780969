<?php
// Read one quote of marketctl from Redis, fail closed on age. No extension: php quotes.php SOCKET_OR_PORT KUCOIN BTC/USDT 30

/** Return ['bid' => '1.23', ...]: decimals stay texts. Throws where there is no fresh quote. */
function quote(string $place, string $provider, string $pair, float $maxAgeS, string $prefix = 'marketctl'): array {
    $address = ctype_digit($place) ? "tcp://127.0.0.1:$place" : "unix://$place";
    $redis = @stream_socket_client($address, $code, $why, 5) ?: throw new RuntimeException("Redis: $why");
    stream_set_timeout($redis, 5);
    $ask = function (string ...$words) use ($redis) {
        @fwrite($redis, '*' . count($words) . "\r\n" . implode('', array_map(fn($w) => '$' . strlen($w) . "\r\n$w\r\n", $words)));
        return reply($redis);
    };
    $key = "$prefix:{{$provider}}:l1";
    // One transaction: the quote and the time it was collected belong together.
    $ask('MULTI'); $ask('HGET', $key, $pair); $ask('HGET', "$key:meta", 'collected_ms'); $ask('TIME');
    [$found, $collected, $time] = $ask('EXEC');
    if ($found === null) throw new RuntimeException("no live quote of $provider $pair");
    $quote = json_decode($found, true, 8, JSON_THROW_ON_ERROR);
    $now = $time[0] * 1000 + $time[1] / 1000;
    $collected = $quote['collected_ms'] ?? (int) $collected;
    $age = ($now - min($collected, $quote['at'] ?? $collected)) / 1000;
    if (!($age <= $maxAgeS) || $collected - $now > 5000) throw new RuntimeException(sprintf('too old: %.1f s', $age));
    // A bank's rate for tomorrow is none of today.
    if (isset($quote['mid']) && ($quote['at'] ?? 0) - $now > 60000) throw new RuntimeException('too early');
    return $quote + ['age_s' => max(0, $age)];
}

function reply($redis) {
    $line = fgets($redis) ?: throw new RuntimeException('Redis does not answer');
    $rest = substr($line, 1, -2);
    if ($line[0] === '-') throw new RuntimeException("Redis: $rest");
    if ($line[0] === '*') return array_map(fn() => reply($redis), (int) $rest ? range(1, (int) $rest) : []);
    if ($line[0] !== '$') return $rest;
    return $rest === '-1' ? null : substr(stream_get_contents($redis, (int) $rest + 2), 0, -2);
}

if (isset($argv[0]) && realpath($argv[0]) === __FILE__) {
    try { echo json_encode(quote($argv[1] ?? '', $argv[2] ?? '', $argv[3] ?? '', (float) ($argv[4] ?? -1), $argv[5] ?? 'marketctl')), "\n"; }
    catch (Throwable $e) { fwrite(STDERR, $e->getMessage() . "\n"); exit(1); }
}
