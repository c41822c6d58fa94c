"""``maintd check``: what is wrong, before the daemon finds out at night."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.errors import MailboxError, MaintdError
from domain.message import Arrival, Disposition, Terms
from ingestor import daemon, pipeline
from ingestor.config import MailboxTable, Settings
from ingestor.mailbox import MailboxSession, Step, connect, probe
from parsers.workers import WorkerPool
from storage.database import open_store, revision

# How many of the newest mails of a mailbox are read on trial, and stored nowhere.
TRIAL_MAILS = 10

# By how much the clock may be behind those of mail servers. Beyond ten minutes a mail's own Date would not be believed.
CLOCK_TOLERANCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One finding. ``ok`` None is a warning: it works, but a person may care."""

    part: str
    ok: bool | None
    text: str


def check(settings: Settings, *, offline: bool) -> Iterator[Found]:
    """Yield what is found, part by part: the configuration, the database, the clock, then each mailbox step by step."""
    yield Found(part="configuration", ok=True, text=f"{settings.path}: {len(settings.mailboxes)} mailboxes")
    for warning in settings.warnings:
        yield Found(part="configuration", ok=None, text=warning)
    yield from _database(settings)
    if offline:
        return
    pool = _pool(settings)
    try:
        for table in settings.mailboxes:
            yield from _mailbox(settings, table, pool)
    finally:
        pool.stop()


def _database(settings: Settings) -> Iterator[Found]:
    def ask() -> str:
        if revision(settings.database.url) is None:
            return "there is none yet: the first run, poll or import makes it"
        store = open_store(settings.database.url)
        try:
            with store.reading():
                return f"{store.dialect} is there and of this revision"
        finally:
            store.close()

    yield _attempt("database", ask)


def _pool(settings: Settings) -> WorkerPool:
    """Return a pool that knows the senders that people have assigned, where there is a database to ask."""
    try:
        store = open_store(settings.database.url)
    except MaintdError:
        return daemon.worker_pool(settings, None, count=1)
    try:
        return daemon.worker_pool(settings, store, count=1)
    finally:
        store.close()


def _mailbox(settings: Settings, table: MailboxTable, pool: WorkerPool) -> Iterator[Found]:
    part = f'mailbox "{table.name}"'
    try:
        mailbox = daemon.mailbox_settings(settings, table)
    except MaintdError as error:
        yield Found(part=part, ok=False, text=str(error))
        return
    yield _trust(table)
    readable = False
    said = set()
    for finding in probe(mailbox, now=pipeline.utc_now()):
        text = finding.text.removeprefix(f"{part}: ")
        if text not in said:
            yield Found(part=part, ok=finding.ok, text=text)
        said.add(text)
        readable = readable or (finding.step == Step.FOLDER and finding.ok is True)
    if not readable:
        return
    try:
        with connect(mailbox) as session:
            arrivals = next((newest for newest in _newest(session) if newest), ())
    except MaintdError as error:
        yield Found(part=part, ok=False, text=str(error))
        return
    yield from clock(arrivals, now=pipeline.utc_now())
    terms = daemon.asked_of_mails(settings)[table.name]
    yield _attempt(part, lambda: _trial(arrivals, pool, terms))


def _trust(table: MailboxTable) -> Found:
    """Say what a mail must prove here; a mailbox that asks nothing works, and a forged mail with it."""
    part = f'mailbox "{table.name}"'
    if table.authserv_id is None:
        text = (
            "mails are taken as they come, and their events marked as unverified: set authserv_id to the name under "
            "which your mail server writes Authentication-Results"
        )
        return Found(part=part, ok=None, text=text)
    forwarders = ", ".join(table.trusted_forwarders or ()) or "nobody: set trusted_forwarders"
    text = f"a mail must prove itself by what {table.authserv_id} says of it; forwards count of {forwarders}"
    return Found(part=part, ok=True, text=text)


def clock(arrivals: Sequence[Arrival], *, now: datetime) -> Iterator[Found]:
    """Compare the clock with the newest mail's receipt: it cannot have been received in the future."""
    ahead = max((arrival.received_at - now for arrival in arrivals), default=timedelta(0))
    if ahead > CLOCK_TOLERANCE:
        text = (
            f"the newest mail was received {int(ahead.total_seconds())} seconds from now: "
            "this machine's clock is behind, or its mail server's ahead: see to the time service of both"
        )
        yield Found(part="clock", ok=None, text=text)


def _trial(arrivals: Sequence[Arrival], pool: WorkerPool, terms: Terms) -> str:
    """Read the newest mails of a mailbox and say what they would give; nothing is stored."""
    readings = [pool.submit(arrival.raw, arrival.received_at, terms).result() for arrival in arrivals]
    if not readings:
        return "there is no mail to read on trial"
    understood = sum(reading.disposition is Disposition.APPLIED for reading in readings)
    irrelevant = sum(reading.disposition is Disposition.IRRELEVANT for reading in readings)
    unknown = len(readings) - understood - irrelevant
    return (
        f"of the newest {len(readings)} mails {understood} would give events, "
        f"{irrelevant} are of no concern, {unknown} would be quarantined"
    )


def _newest(session: MailboxSession) -> Iterator[Sequence[Arrival]]:
    """Yield the newest mails of each folder that can be opened; of the others it has been told."""
    for folder in session.settings.folders:
        try:
            yield session.latest(folder, TRIAL_MAILS, now=pipeline.utc_now())
        except MailboxError:
            if not session.usable:
                raise


def _attempt(part: str, ask: Callable[[], str]) -> Found:
    try:
        return Found(part=part, ok=True, text=ask())
    except MaintdError as error:
        return Found(part=part, ok=False, text=str(error))
