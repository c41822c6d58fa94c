"""The daemon for half an hour on a mail server that is broken in every way: nothing lost, nothing doubled, no leak.

    python benchmarks/soak.py [--minutes 30] [--database URL] [--seed 20261123]

``maintd run`` watches five folders of three mailboxes on a Dovecot, each mailbox through a proxy of its own. Mails
arrive at random; meanwhile the server is restarted, connections are cut, stalled, dripped and refused, folders are
numbered or made anew. The order is that of the seed. The laws, of which a broken one gives the exit status 1: every
mail is in the ledger once and settled; ledger and events are those of one pass over the same mails in a mailbox that
nobody disturbs; what is filed is gone from its folder; memory, threads and descriptors do not grow. They are judged by
the median of the last quarter beside that of the first, after a warm-up; what they may differ by stands in MEASURES.
"""

import argparse
import heapq
import itertools
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from storage.database import upgrade
from tests.integration.program import NOW, Program, family, state
from tests.integration.test_kill import mails
from tests.servers.dovecot import Dovecot, running_dovecot
from tests.servers.faultproxy import FaultProxy

FOLDERS: Mapping[str, tuple[str, ...]] = {
    "noc": ("INBOX", "Carriers"),
    "transport": ("INBOX", "Abroad"),
    "filed": ("INBOX",),
}
# So many mails come before anything is measured, and what is measured in this part of the run is not judged.
WARM_MAILS = 20
WARM_UP = 0.15
PATIENCE_SECONDS = 900
RESTART_SECONDS = 2.0
# Each octet takes so long where a server drips: a mail of 16 KB would take ten minutes.
DRIP_SECONDS = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure that must not grow: by what part of itself it may differ, and by how much besides."""

    name: str
    part: float = 0.0
    slack: float = 2.0


MEASURES = (
    Measure(name="daemon: memory, MiB", part=0.08, slack=4),
    Measure(name="largest worker: memory, MiB", part=0.08, slack=8),
    Measure(name="daemon: threads"),
    Measure(name="workers: threads"),
    Measure(name="daemon: sockets"),
    Measure(name="daemon: other descriptors"),
    Measure(name="workers: descriptors"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens at a second of the run: a mail arrives (``fault`` None), or something breaks for ``seconds``."""

    at: float
    mailbox: str
    folder: str
    fault: str | None = None
    seconds: float = 0.0


@dataclass(kw_only=True)
class Mailbox:
    """A mailbox as the daemon reaches it, and what was seen to pass."""

    user: str
    proxy: FaultProxy
    announced: list[float] = field(default_factory=list)
    logins: int = 0

    def watch(self) -> None:
        """Forget every fault of the proxy, and note announcements and logins."""
        self.proxy.mend()
        self.proxy.rule("s2c", rb"\* \d+ EXISTS", self._announced, once=False)
        self.proxy.rule("c2s", rb"\A\w+ (AUTHENTICATE|LOGIN)", self._login, once=False)

    def _announced(self, chunk: bytes) -> bytes:
        # Not the answer to a look, which names the folder's flags first.
        if b"* FLAGS" not in chunk:
            self.announced.append(time.time())
        return chunk

    def _login(self, chunk: bytes) -> bytes:
        self.logins += 1
        return chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A mail that arrived: where, and when; ``calm``: nothing was broken then."""

    mailbox: str
    raw: bytes
    begun: float
    delivered: float
    calm: bool


@dataclass(kw_only=True)
class Outcome:
    """What became of a run."""

    seconds: float = 0.0
    sent: list[Sent] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, float]] = field(default_factory=list)
    reconnects: int = 0
    # How long a folder was not read at most, faults of the server and pauses after them together.
    longest_seconds: int = 0
    lost: int = 0
    doubled: int = 0
    # Seconds from the server's announcement of a mail to its event.
    latencies: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def quarters(self, measure: Measure) -> tuple[float, float]:
        """Return the medians of the first quarter after the warm-up, and of the last."""
        values = [sample[measure.name] for sample in self.samples[int(len(self.samples) * WARM_UP) :]]
        share = max(1, len(values) // 4)
        return statistics.median(values[:share]), statistics.median(values[-share:])


def plan(
    seed: int, seconds: float, *, mails: int, gap: float, calm: float = 0.0, faults: Sequence[str] = ()
) -> list[Step]:
    """Return what happens, in its order: so many mails, and the faults in turn, one each ``gap`` seconds.

    A fault ends before the next one begins; the first one comes after ``calm``. ``faults``: all, if none is named.
    """
    chance = random.Random(seed)
    steps = [_somewhere(chance, chance.uniform(0, seconds)) for _ in range(mails)]
    kinds: list[str] = []
    at = calm + gap
    while at < seconds - gap:
        if not kinds:
            kinds = sorted(faults or FAULTS)
            chance.shuffle(kinds)
        steps.append(_somewhere(chance, at, fault=kinds.pop(), seconds=chance.uniform(0.2, 0.6) * gap))
        at += gap
    return sorted(steps, key=lambda step: step.at)


def _somewhere(chance: random.Random, at: float, **what: Any) -> Step:
    places = [(mailbox, folder) for mailbox, folders in FOLDERS.items() for folder in folders]
    mailbox, folder = chance.choice(
        [place for place in places if what.get("fault") != "made anew" or place[1] != "INBOX"]
    )
    return Step(at=at, mailbox=mailbox, folder=folder, **what)


class Soak:
    """A server, the daemon on it, and what happens to both."""

    def __init__(self, server: Dovecot, mailboxes: Mapping[str, Mailbox]) -> None:
        self.server = server
        self.mailboxes = mailboxes
        self.outcome = Outcome()
        self._broken = 0
        self._uid_validity = itertools.count(2_000_000_000)

    def deliver(self, step: Step, raw: bytes) -> None:
        begun = time.time()
        self.server.deliver(self.mailboxes[step.mailbox].user, [raw], folder=step.folder, at=NOW)
        sent = Sent(mailbox=step.mailbox, raw=raw, begun=begun, delivered=time.time(), calm=not self._broken)
        self.outcome.sent.append(sent)

    def break_something(self, step: Step) -> Callable[[], None]:
        """Begin a fault; return what ends it."""
        assert step.fault is not None
        self.outcome.faults[step.fault] += 1
        self._broken += 1
        print(f"{datetime.now(UTC):%H:%M:%S} {step.fault}: {step.mailbox} {step.folder}", file=sys.stderr, flush=True)
        mend = FAULTS[step.fault](self, self.mailboxes[step.mailbox], step)

        def end() -> None:
            self._broken -= 1
            if mend is not None:
                mend()

        return end

    # The faults: each begins one, and returns what ends it, if it does not end by itself.

    def restart(self, mailbox: Mailbox, step: Step) -> None:
        self.server.shut_down()
        time.sleep(RESTART_SECONDS)
        self.server = self.server.start_again()

    def cut(self, mailbox: Mailbox, step: Step) -> None:
        mailbox.proxy.drop(reset=False)

    def reset(self, mailbox: Mailbox, step: Step) -> None:
        mailbox.proxy.drop(reset=True)

    def cut_in_a_fetch(self, mailbox: Mailbox, step: Step) -> Callable[[], None]:
        mailbox.proxy.rule("s2c", rb"\* \d+ FETCH", ("cut", 500))
        return mailbox.watch

    def farewell(self, mailbox: Mailbox, step: Step) -> None:
        # It fails where nobody is logged in.
        with suppress(subprocess.CalledProcessError):
            self.server.kick(mailbox.user)

    def stall(self, mailbox: Mailbox, step: Step) -> Callable[[], None]:
        mailbox.proxy.stall()
        return mailbox.proxy.resume

    def stall_logins(self, mailbox: Mailbox, step: Step) -> Callable[[], None]:
        mailbox.proxy.drop(reset=True)
        return self.stall(mailbox, step)

    def drip(self, mailbox: Mailbox, step: Step) -> Callable[[], None]:
        mailbox.proxy.drip(DRIP_SECONDS)
        return lambda: mailbox.proxy.drip(0)

    def refuse(self, mailbox: Mailbox, step: Step) -> Callable[[], None]:
        mailbox.proxy.rule("s2c", rb"\A\* OK", "reset", once=False)
        mailbox.proxy.drop(reset=True)
        return mailbox.watch

    def refuse_the_password(self, mailbox: Mailbox, step: Step) -> Callable[[], None]:
        mailbox.proxy.rule("s2c", rb"\A\w+ OK .*Logged in", _refused, once=False)
        mailbox.proxy.drop(reset=True)
        return mailbox.watch

    def number_anew(self, mailbox: Mailbox, step: Step) -> None:
        self.server.set_uid_validity(mailbox.user, next(self._uid_validity), step.folder)

    def make_anew(self, mailbox: Mailbox, step: Step) -> None:
        with self.server.client(mailbox.user) as client:
            client.rename_folder(step.folder, "Old")
            client.create_folder(step.folder)
            client.select_folder("Old")
            if uids := client.search():
                client.copy(uids, step.folder)
            client.close_folder()
            client.delete_folder("Old")


def _refused(chunk: bytes) -> bytes:
    return chunk.split()[0] + b" NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"


FAULTS: Mapping[str, Callable[[Soak, Mailbox, Step], Callable[[], None] | None]] = {
    "server restarted": Soak.restart,
    "connections ended": Soak.cut,
    "connections reset": Soak.reset,
    "cut in a FETCH": Soak.cut_in_a_fetch,
    "BYE": Soak.farewell,
    "stalled": Soak.stall,
    "stalled at the login": Soak.stall_logins,
    "dripping": Soak.drip,
    "connections refused": Soak.refuse,
    "password refused": Soak.refuse_the_password,
    "UIDVALIDITY changed": Soak.number_anew,
    "made anew": Soak.make_anew,
}
# After a refused password a mailbox is left alone for a minute.
SLOW_FAULTS = frozenset({"password refused"})


def run(directory: Path, server: Dovecot, url: str, steps: Sequence[Step], *, sample_seconds: float) -> Outcome:
    """Run the daemon through a plan; the server must be nobody else's, and the database a new one."""
    program = Program(directory=directory, url=url)
    with ExitStack() as stack:
        mailboxes = {name: Mailbox(user=name, proxy=stack.enter_context(FaultProxy(server.imap))) for name in FOLDERS}
        soak = Soak(server, mailboxes)
        stack.callback(lambda: soak.server.stop())
        _configure(program, server, mailboxes)
        upgrade(url)
        daemon = stack.enter_context(program.running())
        _until(lambda: len(_watched(program)) == sum(map(len, FOLDERS.values())), "not every folder is watched")
        _warm_up(soak, program)
        begun = time.monotonic()
        _carry_out(soak, steps, _sampler(soak.outcome, daemon.pid, sample_seconds))
        expected = _undisturbed(soak, directory / "undisturbed")
        _settle(soak, program, len(expected["messages"]))
        soak.outcome.seconds = time.monotonic() - begun
        _stop(soak.outcome, daemon)
        soak.outcome.reconnects = sum(mailbox.logins for mailbox in mailboxes.values()) - len(_watched(program))
        _compare(soak.outcome, state(url), expected)
        backs = program.logged("mailbox_back")
        soak.outcome.longest_seconds = max((line["seconds"] for line in backs), default=0)
        soak.outcome.latencies = _latencies(soak, program)
    return soak.outcome


def _configure(program: Program, server: Dovecot, mailboxes: Mapping[str, Mailbox]) -> None:
    tables: list[dict[str, Any]] = []
    for name, folders in FOLDERS.items():
        for folder in folders[1:]:
            server.make_folder(name, folder)
        after = {"after": "move", "done_folder": "Done", "quarantine_folder": "Quarantine"} if name == "filed" else {}
        port = mailboxes[name].proxy.port
        mailboxes[name].watch()
        quick = {"connect_seconds": 3, "read_seconds": 5}
        tables.append({"name": name, "port": port, "username": name, "folders": list(folders), **quick, **after})
    # The workers stay, so that they can be measured.
    program.configure(*tables, workers={"count": 2, "idle_seconds": 86_400})


def _watched(program: Program) -> set[tuple[str, str]]:
    if not program.log_file.exists():
        return set()
    return {(line["mailbox"], line["folder"]) for line in program.logged("mailbox_watched")}


def _warm_up(soak: Soak, program: Program) -> None:
    """Have every worker started by some mails."""
    for raw in mails(WARM_MAILS):
        soak.deliver(Step(at=0, mailbox="noc", folder="INBOX"), raw)
    _until(lambda: len(program.logged("message_settled")) == WARM_MAILS, "the first mails are not settled")
    # How long that took depends on the start of the workers.
    soak.mailboxes["noc"].announced.clear()


def _carry_out(soak: Soak, steps: Sequence[Step], sample: Callable[[], None]) -> None:
    """Do what is planned at its time, or as soon after it as the machine can."""
    raws = iter(mails(WARM_MAILS + sum(step.fault is None for step in steps))[WARM_MAILS:])
    order = itertools.count()
    begun = time.monotonic()
    waiting: list[tuple[float, int, Callable[[], object]]] = []

    def fault(step: Step) -> None:
        end = soak.break_something(step)
        heapq.heappush(waiting, (step.at + step.seconds, next(order), end))

    for step in steps:
        act = (lambda step=step: fault(step)) if step.fault else (lambda step=step: soak.deliver(step, next(raws)))
        heapq.heappush(waiting, (step.at, next(order), act))
    while waiting:
        at, _, act = heapq.heappop(waiting)
        while time.monotonic() - begun < at:
            sample()
            time.sleep(min(0.1, max(0.0, begun + at - time.monotonic())))
        act()


def _sampler(outcome: Outcome, pid: int, sample_seconds: float) -> Callable[[], None]:
    """Return what takes a sample if it is time for one."""
    due = time.monotonic()

    def sample() -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + sample_seconds
            outcome.samples.append(measured(pid))

    return sample


def measured(pid: int) -> dict[str, float]:
    """Return what the daemon and its workers hold now.

    Of the memory of the workers that of the largest: one of them may meet its first spreadsheet, whose reader takes
    35 MiB for good, at any time, and they would seem to grow together.
    """
    daemon, workers = _held(pid), [_held(child) for child in family(pid)]
    sums: Counter[str] = Counter()
    for worker in workers:
        sums.update(worker)
    largest = max((worker["memory"] for worker in workers), default=0.0)
    values = (
        *(daemon["memory"], largest, daemon["threads"], sums["threads"]),
        *(daemon["sockets"], daemon["others"], sums["sockets"] + sums["others"]),
    )
    return dict(zip((measure.name for measure in MEASURES), values, strict=True))


def _held(pid: int) -> dict[str, float]:
    """Return the memory (MiB), threads and descriptors of a process; nothing of one that has just ended."""
    held: Counter[str] = Counter()
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines if ":" in line)
        held.update(memory=int(status["VmRSS"].split()[0]) / 1024, threads=int(status["Threads"]))
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                held["sockets" if os.readlink(descriptor).startswith("socket:") else "others"] += 1
    return held


def _settle(soak: Soak, program: Program, expected: int) -> None:
    """Wait until every message is settled and filed; what is missing then is found by the comparison."""

    def done() -> bool:
        waiting = Counter(one["disposition"] == "pending" for one in program.messages())
        return waiting[False] >= expected and not waiting[True] and not soak.server.subjects("filed")

    try:
        _until(done, f"not every mail is settled and filed after {PATIENCE_SECONDS} s", every=2)
    except TimeoutError as error:
        soak.outcome.problems.append(str(error))


def _stop(outcome: Outcome, daemon: "subprocess.Popen[bytes]") -> None:
    if daemon.poll() is None:
        daemon.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(60)
    if daemon.returncode != 0:
        outcome.problems.append(f"the daemon ended with {daemon.returncode}, expected 0")


def _undisturbed(soak: Soak, directory: Path) -> dict[str, Any]:
    """Return what one pass makes of the same mails, in one folder that nobody disturbs."""
    directory.mkdir()
    undisturbed = Program(directory=directory, url=f"sqlite:///{directory / 'maintd.db'}")
    undisturbed.configure({"port": soak.server.imap, "username": "undisturbed"}, workers={"count": 2})
    soak.server.deliver("undisturbed", [sent.raw for sent in soak.outcome.sent], at=NOW)
    assert undisturbed.start("poll").wait(600) == 0, undisturbed.log_file.read_text()
    return state(undisturbed.url)


def _compare(outcome: Outcome, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Note how two states differ."""
    ledgers = [Counter(map(tuple, each["messages"])) for each in (found, expected)]
    names = [Counter(name for name, *_ in ledger.elements()) for ledger in ledgers]
    outcome.lost, outcome.doubled = (names[1] - names[0]).total(), (names[0] - names[1]).total()
    if ledgers[0] != ledgers[1]:
        differing = list(((ledgers[0] - ledgers[1]) + (ledgers[1] - ledgers[0])).elements())[:5]
        outcome.problems.append(f"the ledger differs from that of one undisturbed pass, as in {differing}")
    if found["events"] != expected["events"]:
        pairs = itertools.zip_longest(found["events"], expected["events"])
        differs = next(pair for pair in pairs if pair[0] != pair[1])
        outcome.problems.append(f"the events differ from those of one undisturbed pass, first in {differs}")


def _latencies(soak: Soak, program: Program) -> list[float]:
    """Return the seconds from announcement to event of the mails that came while nothing was broken."""
    settled: dict[str, float] = {}
    for line in program.logged("message_settled"):
        settled.setdefault(line["message_id"], datetime.fromisoformat(line["timestamp"]).timestamp())
    found = []
    for sent in soak.outcome.sent:
        at = settled.get(_message_id(sent.raw))
        announced = [one for one in soak.mailboxes[sent.mailbox].announced if sent.begun <= one <= sent.delivered + 1]
        if sent.calm and at is not None and announced and at >= announced[0]:
            found.append(at - announced[0])
    return found


def _message_id(raw: bytes) -> str:
    head = raw.partition(b"\n\n")[0].replace(b"\n ", b" ").replace(b"\n\t", b" ")
    lines = [line for line in head.splitlines() if line.lower().startswith(b"message-id:")]
    return lines[0].partition(b":")[2].strip().decode(errors="replace") if lines else ""


def _until(condition: Callable[[], object], problem: str, *, every: float = 0.1) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(problem)
        time.sleep(every)


def broken_laws(outcome: Outcome, *, slack_mib: float = 0.0) -> list[str]:
    """Return what did not hold, one line each; ``slack_mib``: by how much more memory may grow."""
    broken = list(outcome.problems)
    if outcome.lost or outcome.doubled:
        broken.append(f"{outcome.lost} mails are lost and {outcome.doubled} doubled, expected none")
    for measure in MEASURES:
        first, last = outcome.quarters(measure)
        most = first * (1 + measure.part) + measure.slack + (slack_mib if "memory" in measure.name else 0)
        if last > most:
            broken.append(f"{measure.name}: {last:.0f} at the end, expected {most:.0f} or less after {first:.0f}")
    return broken


def report(outcome: Outcome) -> str:
    """Return what was found, as a table in Markdown."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.faults.items()))
    rows: list[tuple[str, str]] = [
        ("minutes", f"{outcome.seconds / 60:.1f}"),
        ("mails", f"{len(outcome.sent)}"),
        ("faults", f"{outcome.faults.total()}: {kinds}"),
        ("reconnects", f"{outcome.reconnects}"),
        ("longest time without reading a folder", f"{outcome.longest_seconds} s"),
        ("lost, doubled", f"{outcome.lost}, {outcome.doubled}"),
    ]
    for measure in MEASURES:
        first, last = outcome.quarters(measure)
        rows.append((f"{measure.name}, first → last quarter", f"{first:.0f} → {last:.0f}"))
    if len(outcome.latencies) > 1:
        half, most = statistics.median(outcome.latencies), statistics.quantiles(outcome.latencies, n=20)[-1]
        shown = f"{1000 * half:.0f} ms, {1000 * most:.0f} ms ({len(outcome.latencies)} mails while nothing was broken)"
        rows.append(("from announcement to event: median, 95th percentile", shown))
    return "\n".join(("| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)))


@contextmanager
def server_of_its_own() -> Iterator[tuple[Path, Dovecot]]:
    """Give a folder and a server in it, both gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="maintd-soak-", ignore_cleanup_errors=True) as directory:
        # Where root runs it, Dovecot gives the mail to "nobody".
        os.chmod(directory, 0o755)
        with running_dovecot(Path(directory, "dovecot")) as server:
            yield Path(directory), server


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--database", metavar="URL", help="a new one; none: SQLite, in a folder that is removed")
    parser.add_argument("--seed", type=int, default=20_261_123)
    parser.add_argument("--log", type=Path, help="where the log of the daemon is copied to")
    options = parser.parse_args()
    seconds = 60 * options.minutes
    with server_of_its_own() as (directory, server):
        steps = plan(options.seed, seconds, mails=int(seconds / 3), gap=20)
        url = options.database or f"sqlite:///{directory / 'maintd.db'}"
        try:
            outcome = run(directory, server, url, steps, sample_seconds=5)
        finally:
            if options.log:
                options.log.write_bytes((directory / "log").read_bytes())
    print(report(outcome))
    broken = broken_laws(outcome)
    for law in broken:
        print(law, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
