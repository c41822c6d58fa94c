"""From the server's announcement of a mail to the event in the database, and what a look costs in a large folder.

    python benchmarks/latency.py [--count 200] [--rare 20] [--old 100000]

The daemon runs as it does in real life, against a Dovecot through a proxy that notes when "* n EXISTS" passes; the mail
is an event when the line ``message_settled`` is logged, which is after the commit. Mails come one after the other.
"Busy": they follow each other at once. "Rare": all workers but one have ended for want of mail (``[workers]
idle_seconds``), as they have where mails are hours apart.
"""

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PATIENCE_SECONDS = 60
LOOKS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rare", type=int, default=20)
    parser.add_argument("--old", type=int, default=100_000)
    options = parser.parse_args()
    from tests.servers.dovecot import running_dovecot

    with tempfile.TemporaryDirectory() as directory, running_dovecot(Path(directory, "dovecot")) as server:
        # Where root runs it, Dovecot gives the mail to "nobody".
        os.chmod(directory, 0o755)
        print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
        print("| mails | from the announcement: p50, p95, most (ms) | from the delivery: p50, p95, most (ms) |")
        print("| --- | --- | --- |")
        for name, count, workers, gap in (
            ("busy", options.count, {}, 0.0),
            ("rare", options.rare, {"idle_seconds": 1}, 7.0),
        ):
            if count:
                report(name, measure(Path(directory, name), server, count, workers, gap))
        if options.old:
            look_at_large(Path(directory, "large"), server, options.old)


def report(name: str, times: Sequence[tuple[float, float]]) -> None:
    columns = [sorted(1000 * one[column] for one in times) for column in (0, 1)]
    shown = [f"{statistics.median(found):.0f}, {percentile(found, 95):.0f}, {found[-1]:.0f}" for found in columns]
    print(f"| {len(times)} {name} | {shown[0]} | {shown[1]} |")


def percentile(ordered: Sequence[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def measure(directory: Path, server: Any, count: int, workers: dict[str, int], gap: float) -> list[tuple[float, float]]:
    """Return for each mail the seconds from its announcement, and from its delivery, until it is an event."""
    from storage.database import upgrade
    from tests.integration.program import Program
    from tests.servers.faultproxy import FaultProxy

    directory.mkdir()
    announced: list[float] = []

    def note(chunk: bytes) -> bytes:
        # Not the answer to a look, which names the folder's flags first.
        if b"* FLAGS" not in chunk:
            announced.append(time.time())
        return chunk

    program = Program(directory=directory, url=f"sqlite:///{directory / 'maintd.db'}")
    with FaultProxy(server.imap) as proxy:
        proxy.rule("s2c", rb"\* \d+ EXISTS", note, once=False)
        program.configure({"port": proxy.port, "username": directory.name}, workers=workers)
        upgrade(program.url)
        with program.running():
            until(lambda: program.log_file.exists() and program.logged("mailbox_watched"))
            deliver(program, server, directory.name, 0)
            return [one_mail(program, server, directory.name, number, announced, gap) for number in range(1, count + 1)]


def one_mail(
    program: Any, server: Any, user: str, number: int, announced: list[float], gap: float
) -> tuple[float, float]:
    # Until the watcher waits again: what comes before that is found without being announced.
    time.sleep(gap or 0.2)
    announced.clear()
    delivered, settled = deliver(program, server, user, number)
    return settled - announced[0], settled - delivered


def deliver(program: Any, server: Any, user: str, number: int) -> tuple[float, float]:
    """Deliver a mail that is a new event; return when that was, and when it was one."""
    raw = (ROOT / "tests" / "mail" / "zayo" / "three_nights.eml").read_bytes()
    raw = raw.replace(b"TTN-0008811204", b"TTN-%010d" % (8_900_000_000 + number))
    raw = re.sub(rb"(?im)^(message-id: <)", rb"\g<1>%d." % number, raw)
    before = len(program.logged("message_settled"))
    server.deliver(user, [raw])
    delivered = time.time()
    until(lambda: len(program.logged("message_settled")) > before)
    line = program.logged("message_settled")[-1]
    assert line["disposition"] == "applied", line
    return delivered, datetime.fromisoformat(line["timestamp"]).timestamp()


def look_at_large(directory: Path, server: Any, old: int) -> None:
    """Print what a look costs in a folder with so many old messages: commands, octets and seconds."""
    from ingestor.mailbox import Position, connect
    from tests.servers.faultproxy import FaultProxy

    directory.mkdir()
    for _ in range(0, old, 5000):
        server.deliver("large", [b"Subject: old\r\n\r\n"] * min(old, 5000))
    passed: dict[str, list[bytes]] = {"c2s": [], "s2c": []}
    cursor: Position | None = None

    def keep(direction: str) -> Callable[[bytes], bytes]:
        return lambda chunk: passed[direction].append(chunk) or chunk  # type: ignore[func-returns-value]

    with FaultProxy(server.imap) as proxy:
        settings = server.plain("large", proxy.port, initial="new")
        for direction in ("c2s", "s2c"):
            proxy.rule(direction, b"", keep(direction), once=False)  # type: ignore[arg-type]
        with connect(settings) as session:
            for number in range(LOOKS + 1):
                if number == 1:
                    # The first look may have to make an index, and opens the connection.
                    for found in passed.values():
                        found.clear()
                    begun = time.perf_counter()
                collected = session.collect(
                    "INBOX", cursor, lambda *_: None, now=datetime.now().astimezone(), stopping=lambda: False
                )
                cursor = collected.position
            seconds = time.perf_counter() - begun
            octets = sum(map(len, passed["c2s"] + passed["s2c"])) / LOOKS
            cost = f"{len(passed['c2s']) / LOOKS:g} command, {octets:.0f} octets, {1000 * seconds / LOOKS:.1f} ms"
    held = cursor.last_uid if cursor else 0
    print(f"a look in a folder of {held} old messages: {cost}")


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.005)


if __name__ == "__main__":
    main()
