// SPDX-License-Identifier: LGPL-2.1-or-later
//
// node api-node.mjs ENDPOINT IN_FLIGHT SECONDS
//
// The request of Authorize with fetch. After a warm-up, prints latencies in microseconds, requests a second and CPU time.

const [endpoint, inFlight, seconds] = process.argv.slice(2);
const WARM_UP_MS = 800; // connections, and compiled code
const url = `${endpoint}/v2/bench/passkey/registration/authorize`;
const options = {
        method: 'POST',
        headers: {'Content-Type': 'application/json', Authorization: 'Bearer bench'},
        body: JSON.stringify({
                rpId: 'shop.example.com', rpName: 'shop.example.com', userId: 'load-user', username: 'load-user',
        }),
};
let end = performance.now() + WARM_UP_MS, times = [], nFailed = 0;

async function callUntilEnd() {
        do {
                const start = performance.now();
                const reply = await fetch(url, options);
                const body = await reply.json();
                nFailed += !body.registrationToken;
                times.push(1000 * (performance.now() - start));
        } while (performance.now() < end);
}

function callAll() {
        return Promise.all(Array.from({length: Number(inFlight)}, callUntilEnd));
}

await callAll();
times = [];
const begin = performance.now();
end = begin + 1000 * seconds;
const before = process.cpuUsage();
await callAll();
const elapsed = (performance.now() - begin) / 1000;
const {user, system} = process.cpuUsage(before);
times.sort((a, b) => a - b);
console.log(JSON.stringify({
        n: times.length, failed: nFailed, p50: times[Math.floor(times.length / 2)],
        p99: times[Math.floor(times.length * 99 / 100)], rate: times.length / elapsed, cpu_us: user + system,
}));
process.exit();
