"""Mails a second from a Dovecot to the database, beside the bare parser library in as many processes.

    python benchmarks/ingest.py [--count 600] [--workers 1 2] [--seed 1]

One run measures both over the same mails, so that the ratio says something on any machine. Both are measured warm:
the library is imported and has read one round of other mails before the clock starts. The bare library is used as its
README says (``init_from_email_bytes``, ``get_maintenances``) on bytes in memory, without IMAP and without a database.
The memory is that of all our processes together, as PSS (pages that are shared count once) and RSS.
"""

import argparse
import json
import logging
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
GENERATOR = ROOT.parent / "shared" / "tools" / "mails" / "gen_mails.py"
sys.path.insert(0, str(ROOT))

# The notices in HTML are of 2021 to 2024, and are plausible only to a receipt of that time.
MAILS_OF = 1_655_000_000
WARM_UP = 60

Mail = tuple[str, str, bytes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ours", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        print(json.dumps(measure_ours(json.loads(Path(options.ours).read_text()))))
        return
    from tests.servers.dovecot import running_dovecot

    if not GENERATOR.exists():
        sys.exit(f"{GENERATOR} is not there: the benchmark needs its mails")
    with tempfile.TemporaryDirectory() as directory, running_dovecot(Path(directory, "dovecot")) as server:
        # Where root runs it, Dovecot gives the mail to "nobody".
        os.chmod(directory, 0o755)
        mails = generate(Path(directory, "mails"), options.count + WARM_UP, options.seed)
        rows = [measure(Path(directory), server.imap, mails, count) for count in options.workers]
    report(rows, options.count)


# --- one row: ours and the bare library with as many processes --------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Row:
    workers: int
    ours: dict[str, Any]
    bare: float
    bare_parsed: int


def measure(directory: Path, port: int, mails: Sequence[Mail], workers: int) -> Row:
    warm, measured = mails[:WARM_UP], mails[WARM_UP:]
    user = f"bench{workers}"
    deliver(port, f"{user}-warm", warm)
    deliver(port, user, measured)
    task = directory / f"{user}.json"
    task.write_text(
        json.dumps(
            {"directory": str(directory), "port": port, "user": user, "workers": workers, "count": len(measured)}
        )
    )
    bare_before, parsed = measure_bare(warm, measured, workers)
    done = subprocess.run(
        [sys.executable, __file__, "--ours", str(task)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        sys.exit(done.stderr)
    # Before and after ours, so that a machine that grows slower or faster meanwhile favours nobody.
    bare_after, _ = measure_bare(warm, measured, workers)
    bare = (bare_before + bare_after) / 2
    return Row(workers=workers, ours=json.loads(done.stdout), bare=bare, bare_parsed=parsed)


def report(rows: Sequence[Row], count: int) -> None:
    print(f"{count} mails, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print("| workers | bare library, mails/s | maintd, mails/s | ratio | peak PSS (RSS), MiB | idle PSS (RSS), MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        ours = row.ours
        print(
            f"| {row.workers} | {row.bare:.0f} | {ours['rate']:.0f} | {ours['rate'] / row.bare:.2f} "
            f"| {ours['peak_pss']:.0f} ({ours['peak_rss']:.0f}) | {ours['idle_pss']:.0f} ({ours['idle_rss']:.0f}) |"
        )
    for row in rows:
        print(
            f"{row.workers}: the bare library understood {row.bare_parsed}, maintd {row.ours['dispositions']}; "
            f"of {row.ours['seconds']:.1f} s, the last mail was stored after {row.ours['stored_after']:.1f} s"
        )


# --- the bare library -------------------------------------------------------------------------------------------


def measure_bare(warm: Sequence[Mail], measured: Sequence[Mail], processes: int) -> tuple[float, int]:
    """Return mails a second of the library as its README uses it, and how many it understood."""
    context = multiprocessing.get_context("spawn")
    go = context.Barrier(processes + 1)
    answers = context.Queue()
    crowd = [
        context.Process(target=bare_process, args=(go, answers, warm, measured[index::processes]))
        for index in range(processes)
    ]
    for process in crowd:
        process.start()
    go.wait()
    start = time.perf_counter()
    parsed = sum(answers.get() for _ in crowd)
    seconds = time.perf_counter() - start
    for process in crowd:
        process.join()
    return len(measured) / seconds, parsed


def bare_process(go: Any, answers: Any, warm: Sequence[Mail], share: Sequence[Mail]) -> None:
    logging.disable(logging.CRITICAL)
    for mail in warm:
        bare_read(mail)
    go.wait()
    answers.put(sum(bare_read(mail) for mail in share))


def bare_read(mail: Mail) -> bool:
    from circuit_maintenance_parser import NotificationData, init_provider

    _, provider, raw = mail
    data = NotificationData.init_from_email_bytes(raw)
    try:
        return bool(data and init_provider(provider).get_maintenances(data))
    except Exception:
        return False


# --- ours -------------------------------------------------------------------------------------------------------


def measure_ours(task: dict[str, Any]) -> dict[str, Any]:
    """Return the rate and the memory of the program itself: mailbox, ledger, workers, fold, events."""
    from ingestor import config, daemon, logs
    from storage import database, queries

    logs.configure("json", "error", sys.stderr)
    directory, user = Path(task["directory"]), task["user"]
    path = directory / f"{user}.toml"
    path.write_text(configuration(directory / f"{user}.db", task))
    settings = config.load(path)
    database.upgrade(settings.database.url)
    store = database.open_store(settings.database.url)
    pool = daemon.worker_pool(settings, store)
    with watched_memory() as memory:
        daemon.poll(settings, store, ["warm"], pool=pool)
        stored = threading.Event()
        start = time.perf_counter()
        moment = stored_moment(store, task["count"] + WARM_UP, stored)
        failures = daemon.poll(settings, store, ["measured"], pool=pool)
        seconds = time.perf_counter() - start
        stored.set()
        peak = memory.peak()
        pool.stop()
        time.sleep(1)
        idle = memory.now()
    if failures:
        sys.exit("\n".join(failures))
    with store.reading() as connection:
        dispositions = queries.stats(connection, now=daemon.pipeline.utc_now(), mailboxes=())["messages"]
    return {
        "rate": task["count"] / seconds,
        "seconds": seconds,
        "stored_after": (moment.get("at") or start + seconds) - start,
        "peak_pss": peak[0],
        "peak_rss": peak[1],
        "idle_pss": idle[0],
        "idle_rss": idle[1],
        "dispositions": {name: count for name, count in dispositions.items() if count},
    }


def configuration(database: Path, task: dict[str, Any]) -> str:
    mailboxes = "".join(
        f"""
[[mailbox]]
name = "{name}"
host = "127.0.0.1"
port = {task["port"]}
tls = "none"
username = "{user}"
password = "secret"
initial = "all"
"""
        for name, user in (("warm", f"{task['user']}-warm"), ("measured", task["user"]))
    )
    # One address serves two carriers in the test data, and the generator's generic provider has one of its own.
    providers = """
[[provider]]
name = "genericprovider"
senders = ["noone@example.com"]
"""
    head = f"[database]\nurl = {json.dumps(f'sqlite:///{database}')}\n[workers]\ncount = {task['workers']}\n"
    return head + mailboxes + providers


def stored_moment(store: Any, count: int, end: threading.Event) -> dict[str, float]:
    """Note when the last message was in the ledger, looking every 50 ms."""
    from storage import queries

    moment: dict[str, float] = {}

    def look() -> None:
        while not end.wait(0.05):
            with store.reading() as connection:
                found = queries.stats(connection, now=__import__("datetime").datetime.now().astimezone(), mailboxes=())
            if sum(found["messages"].values()) >= count:
                moment["at"] = time.perf_counter()
                return

    threading.Thread(target=look, daemon=True).start()
    return moment


# --- memory -----------------------------------------------------------------------------------------------------


class Memory:
    """The memory of this process and its children, looked at seldom: to look costs the time of what is looked at."""

    def __init__(self) -> None:
        self.highest = (0.0, 0.0)
        self.end = threading.Event()

    def watch(self) -> None:
        while not self.end.wait(0.7):
            found = self.now()
            self.highest = (max(self.highest[0], found[0]), max(self.highest[1], found[1]))

    def peak(self) -> tuple[float, float]:
        return self.highest

    def now(self) -> tuple[float, float]:
        """Return PSS and RSS in MiB."""
        pss = rss = 0
        for pid in family(os.getpid()):
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            values = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
            pss, rss = pss + values["Pss"], rss + values["Rss"]
        return pss / 1024, rss / 1024


def family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


@contextmanager
def watched_memory() -> Iterator[Memory]:
    memory = Memory()
    thread = threading.Thread(target=memory.watch, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        memory.end.set()
        thread.join()


# --- mails and server -------------------------------------------------------------------------------------------


def generate(directory: Path, count: int, seed: int) -> list[Mail]:
    """Return mails as (file, provider, bytes), made by the generator."""
    subprocess.run(
        [sys.executable, GENERATOR, "--count", str(count), "--seed", str(seed),
         "--out", directory, "--now", str(MAILS_OF)],
        check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    lines = (json.loads(line) for line in (directory / "manifest.jsonl").read_text().splitlines())
    return [(line["file"], line["provider"], (directory / line["file"]).read_bytes()) for line in lines]


def deliver(port: int, user: str, mails: Sequence[Mail]) -> None:
    from email import message_from_bytes
    from email.utils import parsedate_to_datetime

    from imapclient import IMAPClient

    with IMAPClient("127.0.0.1", port=port, ssl=False) as client:
        client.login(user, "secret")
        for _, _, raw in mails:
            client.append("INBOX", raw, (), parsedate_to_datetime(message_from_bytes(raw)["Date"]))


if __name__ == "__main__":
    main()
