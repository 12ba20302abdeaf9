#!/usr/bin/env python3
"""Healthy traffic while others attack: latency beside 2,000 idle and 200 slow clients, memory under bombs, and what comes back afterwards.

    tests/holding.py --tamis target/release/tamis [--idle 2000] [--slow 200] [--seconds 10]

Starts a vendor that answers at once, and Tamis in front of it; prints one line for each phase: requests, p50, p99, RSS, descriptors. Only Python 3.11
and the binary are needed. Exit status 1 when p99 is more than 3 times its unloaded value, when a healthy request fails, when memory passes
the bound (base + `memory` + 40 MiB for each core + 50 KiB for each connection), or when descriptors do not come back.
"""
import argparse
import asyncio
import gzip
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time

BODY = b'[{"event":"Signed Up","properties":{"token":"t0k","distinct_id":"member-1","$email":"someone@example.com","plan":"pro"}}]'
HEAD = b"POST /mixpanel/track HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n"
REQUEST = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def message(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    await reader.readexactly(length)
    return int(head[9:12]) if head.startswith(b"HTTP/") else 0


async def vendor(reader, writer):
    try:
        while True:
            await message(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n1")
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
        writer.close()


class Bench:
    def __init__(self, pid, port):
        self.pid, self.port, self.bad = pid, port, []

    def rss(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    async def open(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def healthy(self, clients, seconds, rate):
        """`clients` kept connections, `rate` requests a second each: an open loop, so that waiting shows."""
        times = []

        async def one(nth):
            reader, writer = await self.open()
            begin = time.perf_counter() + nth / clients / rate
            for turn in range(int(seconds * rate)):
                due = begin + turn / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                sent = time.perf_counter()
                writer.write(REQUEST)
                status = await asyncio.wait_for(message(reader), 30)
                times.append(time.perf_counter() - sent)
                if status != 200:
                    self.bad.append(f"a healthy request was answered with {status}")
            writer.close()

        await asyncio.gather(*(one(nth) for nth in range(clients)))
        times.sort()
        return len(times), times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000

    def say(self, what, found):
        count, p50, p99 = found
        print(f"{what:<44} {count:>6} requests  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  RSS {self.rss():7.1f} MiB  fds {self.descriptors()}", flush=True)
        return p99


async def drip(writer, piece, pause):
    try:
        for byte in piece:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause)
    except OSError:
        pass


async def main_async(args, pid, port, server):
    bench = Bench(pid, port)
    try:
        await bench.healthy(8, 2, 20)
        base_rss, base_fds = bench.rss(), bench.descriptors()
        calm = bench.say("unloaded", await bench.healthy(8, args.seconds, 20))
        idle = []
        for _ in range(args.idle):
            idle.append(await bench.open())
        slow = []
        for nth in range(args.slow):
            _, writer = await bench.open()
            begun = HEAD + b"content-length: 500\r\n\r\n" if nth % 2 else b""
            writer.write(begun)
            slow.append(asyncio.ensure_future(drip(writer, b"[" * 400 if nth % 2 else HEAD, 0.2)))
        loaded = bench.say(f"with {args.idle} idle and {args.slow} slow", await bench.healthy(8, args.seconds, 20))
        bound = base_rss + args.memory + 40 * os.cpu_count() + (args.idle + args.slow) * 0.05
        if loaded > 3 * calm and loaded > 3:
            bench.bad.append(f"p99 is {loaded / calm:.1f} times its unloaded value")
        for task in slow:
            task.cancel()
        for _, writer in idle:
            writer.close()
        await asyncio.sleep(1)

        bomb = gzip.compress(b"[" + b" " * (200 << 20) + b"]", 9)
        fat = b'[{"event":"e","properties":{"token":"t","note":"' + b"word and word " * 700_000 + b'"}}]'
        peak = [0.0]

        async def attack(body, fields, statuses):
            try:
                reader, writer = await bench.open()
                writer.write(HEAD + fields + b"content-length: %d\r\n\r\n" % len(body))
                writer.write(body)
                status = await asyncio.wait_for(message(reader), 60)
                statuses[status] = statuses.get(status, 0) + 1
                writer.close()
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
                statuses["closed"] = statuses.get("closed", 0) + 1

        async def watch():
            curve = []
            try:
                while True:
                    curve.append(bench.rss())
                    peak[0] = max(peak[0], curve[-1])
                    await asyncio.sleep(0.5)
            finally:
                print("    RSS every half second, MiB: " + " ".join(f"{mib:.0f}" for mib in curve), flush=True)

        for what, body, fields, count in (("gzip bombs of 200 MiB, 64 at once", bomb, b"content-encoding: gzip\r\n", 64), ("bodies of 9.8 MiB, 32 at once", fat, b"", 32)):
            statuses, watcher = {}, asyncio.ensure_future(watch())
            attackers = [attack(body, fields, statuses) for _ in range(count)]
            found, *_ = await asyncio.gather(bench.healthy(8, args.seconds, 20), *attackers)
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            bench.say(what, found)
            print(f"    answered: {statuses}", flush=True)
        if peak[0] > bound:
            bench.bad.append(f"{peak[0]:.0f} MiB, more than {bound:.0f}")
        print(f"peak {peak[0]:.0f} MiB, bound {bound:.0f} MiB (base {base_rss:.0f})")
        limit = time.monotonic() + 20
        while bench.descriptors() > base_fds + 8 and time.monotonic() < limit:
            await asyncio.sleep(0.5)
        bench.say("afterwards", await bench.healthy(8, 2, 20))
        if bench.descriptors() > base_fds + 64:  # kept connections to the vendor are among them
            bench.bad.append(f"{bench.descriptors()} descriptors are open, {base_fds} were")
    finally:
        server.close()
    for bad in sorted(set(bench.bad)):
        print("FAIL  " + bad)
    return 1 if bench.bad else 0


async def run(args):
    upstream = await asyncio.start_server(vendor, "127.0.0.1", 0)
    port, admin = free_port(), free_port()
    with tempfile.TemporaryDirectory() as state:
        command = [args.tamis, "run", "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}", "--state-dir", state, "--upstream", f"mixpanel=http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}"]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(200):
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except OSError:
                    await asyncio.sleep(0.1)
            return await main_async(args, child.pid, port, upstream)
        finally:
            child.terminate()
            child.wait(60)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--idle", type=int, default=2000)
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--memory", type=float, default=512, help="MiB, as configured")
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    sys.exit(asyncio.run(run(args)))


if __name__ == "__main__":
    main()
