"""The program as a whole: one pass (``maintd poll``), or watching until it is told to stop (``maintd run``).

Each mailbox, or folder that is watched, has a thread and a connection of its own, so that one that hangs delays no
other. What they store is read by the main thread, which never waits for a network. What came of it is told to NetBox
by one more thread. What is done at intervals is the scheduler's.
"""

import contextlib
import functools
import math
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from domain.errors import ConfigurationError, MailboxError, MaintdError
from domain.message import Message, Reading, Terms
from domain.vocabulary import Kind
from ingestor import housekeeping, pipeline
from ingestor.config import MailboxTable, ProviderTable, Settings, TemplateTable, where
from ingestor.delivery import Delivery
from ingestor.health import Health
from ingestor.mailbox import MailboxSession, MailboxSettings
from ingestor.oauth import Renewal, TokenSource, token_source
from ingestor.patience import Patience
from ingestor.scheduler import Scheduler
from ingestor.secrets import resolve
from ingestor.sharing import Sharing
from ingestor.stopping import stopped_by_signals
from ingestor.systemd import Service
from ingestor.watching import Watching
from parsers.asking import Model
from parsers.keys import FindKeys
from parsers.providers import Directory, Provider, Template, directory
from parsers.workers import Limits, WorkerPool
from storage import messages
from storage.database import Store

# How long the main thread sleeps when nothing wakes it: what was imported or retried beside it is found then.
LOOK_SECONDS = 5.0

# How often the DNS is asked again for keys that it did not give, and how long one pass may take for that.
ASK_AGAIN_SECONDS = 300
ASK_AGAIN_PATIENCE_SECONDS = 10.0

# How long the end of the program waits for a request to NetBox.
LAST_REQUEST_SECONDS = 3.0

# How long it waits for the watchers, whose connections it has ended: only the look-up of a name can take longer.
LAST_WATCHER_SECONDS = 2.0

# How often each folder is compared with the ledger.
COMPARE_SECONDS = 3600

# How often the bytes of old mails go, where an age is set.
PRUNE_SECONDS = 3600

# How often tokens are renewed that end soon: more often than ingestor.oauth.AHEAD_SECONDS.
RENEW_SECONDS = 240

# How often, at most, the watchers hear that messages are settled: each time costs them some commands.
FILE_SECONDS = 2.0

if TYPE_CHECKING:
    from ingestor.serving import Serving

log = structlog.get_logger()


def mailbox_settings(settings: Settings, table: MailboxTable) -> MailboxSettings:
    """Return what a session needs, its password looked up. Raises ConfigurationError when that cannot be had."""
    if table.oauth2 is not None:
        credential: str | TokenSource = token_source(table.oauth2, table.username, where(settings, table, "oauth2"))
    else:
        assert table.password is not None
        credential = resolve(table.password, where=where(settings, table, "password"))
    return MailboxSettings(
        name=table.name,
        host=table.host,
        port=table.port or 993,
        username=table.username,
        credential=credential,
        tls=table.tls,
        ca_file=str(table.ca_file) if table.ca_file else None,
        folders=table.folders,
        initial=table.initial,
        after=table.after,
        flag=table.flag,
        done_folder=table.done_folder,
        quarantine_folder=table.quarantine_folder,
        max_message_bytes=table.max_message_bytes,
        connect_seconds=table.connect_seconds,
        read_seconds=table.read_seconds,
    )


def providers(settings: Settings, store: Store | None) -> Directory:
    """Return the table of providers: the built-in one, changed by the configuration and by people's assignments."""
    assignments: dict[str, str] = {}
    if store is not None:
        with store.reading() as connection:
            assignments = messages.assignments(connection)
    known = directory()
    extra = [_provider(settings, table, known) for table in settings.providers]
    return directory(extra=extra, assignments=assignments)


def asked_of_mails(settings: Settings) -> dict[str, Terms]:
    """Return what each mailbox asks of a mail, by its name."""
    return {
        table.name: Terms(
            authserv_id=table.authserv_id,
            trusted_forwarders=table.trusted_forwarders,
            verify_dkim=table.verify_dkim,
            trusted_arc_sealers=table.trusted_arc_sealers or (),
        )
        for table in settings.mailboxes
    }


def key_finder(settings: Settings) -> FindKeys | None:
    """Return what looks for signers' keys in the DNS; None where no mailbox asks for them."""
    if not any(table.verify_dkim or table.trusted_arc_sealers for table in settings.mailboxes):
        return None
    # 0.5 s of each command's start: only a configuration that asks the DNS pays them.
    from ingestor.names import Names  # noqa: PLC0415

    return Names().find


def worker_pool(
    settings: Settings, store: Store | None, *, count: int | None = None, asking: bool = False
) -> WorkerPool:
    """Return the pool of workers that the configuration asks for; none is started yet.

    ``asking``: they may ask the model of the configuration, if it is on: not where mails are read on trial, or again.
    Raises ConfigurationError when its key cannot be had.
    """
    workers = settings.workers
    limits = Limits(
        cpu_seconds=workers.cpu_seconds,
        wall_seconds=workers.wall_seconds,
        memory_mib=workers.memory_mib,
        model=_model(settings) if asking else None,
    )
    return WorkerPool(count or workers.count, limits, providers(settings, store), find_keys=key_finder(settings))


def _model(settings: Settings) -> Model | None:
    table = settings.llm
    if not table.enabled or table.model is None:
        return None
    key = resolve(table.api_key, where=f"{settings.path}: llm: api_key") if table.api_key else ""
    base = urlsplit(table.base_url)
    tls = base.scheme == "https"
    return Model(
        name=table.model,
        host=base.hostname or "",
        port=base.port or (443 if tls else 80),
        tls=tls,
        path=f"{base.path.rstrip('/')}/chat/completions",
        key=key,
        # The rest is for reading: a worker that runs out of its time is replaced, and its mail would be asked of again.
        seconds=settings.workers.wall_seconds * 2 / 3,
        providers=frozenset(table.providers) if table.providers is not None else None,
    )


def chosen_mailboxes(settings: Settings, names: Collection[str]) -> Sequence[MailboxTable]:
    """Return the mailboxes of these names, all where none is named. Raises ConfigurationError for an unknown one."""
    known = {table.name: table for table in settings.mailboxes}
    unknown = [name for name in names if name not in known]
    if unknown:
        there_are = ", ".join(known) or "none"
        raise ConfigurationError([f'{settings.path}: no mailbox "{name}": there are {there_are}.' for name in unknown])
    if not known:
        raise ConfigurationError([f"{settings.path}: no [[mailbox]]: add one, as config.example.toml shows."])
    return [known[name] for name in names] or list(known.values())


@dataclass(slots=True)
class Watch:
    """The mailboxes of a running program, each visited by one thread at a time, and the signal to stop.

    ``watching``: who watches them without being called; None where there is one pass alone.
    """

    settings: Settings
    store: Store
    watching: Watching | None = None
    # Who counts what is read; None: nobody does.
    serving: "Serving | None" = None
    wake: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    _sessions: dict[str, MailboxSession] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def collect(self, table: MailboxTable) -> list[str]:
        """Visit one mailbox: store what is new, then file what is settled. Return what failed, one line each."""
        return self._visit(table, self._collect)

    def file(self, table: MailboxTable) -> list[str]:
        """Visit one mailbox to file what is settled. Return what failed, one line each."""
        return [] if table.after == "keep" else self._visit(table, self._file)

    def stop(self) -> None:
        """Begin nothing new, and end every connection, so that no thread waits for a server."""
        self.stopping.set()
        self.wake.set()
        with self._lock:
            for session in self._sessions.values():
                session.close_now()
        if self.watching is not None:
            self.watching.stop()

    def ask_again(self, find: FindKeys, seconds: float = math.inf) -> None:
        """Have read again what the DNS gives a key for by now; ask for no longer than this."""
        end = time.monotonic() + seconds

        def late() -> bool:
            return self.stopping.is_set() or time.monotonic() > end

        # A database that fails is told of by those who settle what comes in; the next call tries again.
        with contextlib.suppress(MaintdError):
            if pipeline.ask_again(self.store, find, stopping=late):
                self.wake.set()

    def _collect(self, settings: MailboxSettings, session: MailboxSession) -> list[str]:
        new, failures = pipeline.collect(self.store, settings, session, stopping=self.stopping.is_set)
        if new:
            self.wake.set()
        if not self.stopping.is_set():
            failures += self._file(settings, session)
        return failures

    def _file(self, settings: MailboxSettings, session: MailboxSession) -> list[str]:
        return pipeline.file(self.store, settings, session)

    def _visit(self, table: MailboxTable, work: Callable[[MailboxSettings, MailboxSession], list[str]]) -> list[str]:
        if self.stopping.is_set():
            return []
        try:
            return self._reach(table, work)
        except MaintdError as error:
            log.error("mailbox_failed", mailbox=table.name, problem=str(error))
            return [str(error)]
        except Exception as error:  # the boundary of a job: no fault of one mailbox may end the others
            log.exception("mailbox_failed", mailbox=table.name)
            return [f'mailbox "{table.name}": {type(error).__name__}: {error}']

    def _reach(self, table: MailboxTable, work: Callable[[MailboxSettings, MailboxSession], list[str]]) -> list[str]:
        try:
            settings = mailbox_settings(self.settings, table)
            with self._session(settings) as session:
                return work(settings, session)
        except (ConfigurationError, MailboxError) as error:
            # It failed before any folder was reached: none of them was read.
            if not self.stopping.is_set():
                pipeline.note_failure(self.store, table.name, table.folders, error)
            return [str(error)]

    @contextlib.contextmanager
    def _session(self, settings: MailboxSettings) -> Iterator[MailboxSession]:
        session = MailboxSession(settings)
        with self._lock:
            self._sessions[settings.name] = session
        try:
            if self.stopping.is_set():
                session.close_now()
            with session:
                yield session
        finally:
            with self._lock:
                del self._sessions[settings.name]


def poll(
    settings: Settings,
    store: Store,
    names: Collection[str] = (),
    *,
    pool: WorkerPool | None = None,
) -> list[str]:
    """Do one pass over the mailboxes and settle everything that waits; return what failed, one line each.

    ``pool`` None: one of its own, ended with the pass.
    """
    tables = chosen_mailboxes(settings, names)
    watch = Watch(settings=settings, store=store)
    workers = pool or worker_pool(settings, store, asking=True)
    sharing = Sharing(store)
    asked = asked_of_mails(settings)
    processor = pipeline.Processor(store=store, pool=workers, asked=asked, claimant=sharing.claimant)
    try:
        with (
            stopped_by_signals(watch.stop),
            sharing,
            ThreadPoolExecutor(len(tables), "mailbox") as threads,
            _ended(watch),
        ):
            visits = [threads.submit(watch.collect, table) for table in tables]
            if workers.find_keys:
                watch.ask_again(workers.find_keys, ASK_AGAIN_PATIENCE_SECONDS)
            while not all(visit.done() for visit in visits) and not watch.stopping.is_set():
                processor.process(stopping=watch.stopping.is_set)
                watch.wake.wait(0.05)
                watch.wake.clear()
            failures = [failure for visit in visits for failure in visit.result()]
            processor.process_all(stopping=watch.stopping.is_set)
            # What was settled just now is filed at once, not at the next pass.
            failures += [failure for filed in threads.map(watch.file, tables) for failure in filed]
            failures += _push(settings, store, watch.stopping)
    finally:
        if pool is None:
            workers.stop()
    return failures


def _push(settings: Settings, store: Store, stopping: threading.Event) -> list[str]:
    """Tell NetBox what is due; return what failed, one line each."""
    if settings.netbox.url is None:
        return []
    problems: list[str] = []
    try:
        with Delivery(settings, store, providers(settings, store)) as delivery:
            delivery.look_for_missing()
            delivery.deliver(stopping=stopping.is_set, told=lambda each: problems.append(each.problem))
    except MaintdError as error:
        problems.append(str(error))
    return [problem for problem in dict.fromkeys(problems) if problem]


@contextlib.contextmanager
def _ended(watch: Watch) -> Iterator[None]:
    """End every connection when the work beside them fails: nothing is to wait for a server then."""
    try:
        yield
    except BaseException:
        watch.stop()
        raise


def run(settings: Settings, store: Store, service: Service | None = None) -> None:
    """Watch the mailboxes, and settle what comes, until SIGTERM or SIGINT; ``service`` is told how that goes."""
    tables = chosen_mailboxes(settings, ())
    watch = Watch(settings=settings, store=store)
    patience = Patience(store)
    sharing = Sharing(store, [table.name for table in tables], patience=patience)
    watch.watching = Watching(
        tables,
        store,
        functools.partial(mailbox_settings, settings),
        arrived=watch.wake.set,
        holds=sharing.holds,
        patience=patience,
    )
    sharing.changed = watch.watching.lease_changed
    health = Health(watch.watching, store)
    renewal = Renewal(settings)
    scheduler = _scheduled(watch, watch.watching, renewal)
    with stopped_by_signals(watch.stop), sharing, _delivering(watch, health) as changed:
        log.info("daemon_started", mailboxes=[table.name for table in tables])
        watch.watching.start()
        scheduler.start()
        health.needs(scheduler.thread)
        try:
            watch.serving = _served(watch, health)
            if service:
                service.ready(health)
            _settle_until_stopped(watch, settings, changed, health, sharing)
        finally:
            watch.stop()
            if watch.serving:
                watch.serving.stop()
            renewal.stop()
            scheduler.stop()
            watch.watching.join(LAST_WATCHER_SECONDS)
    log.info("daemon_stopped")


def _scheduled(watch: Watch, watching: Watching, renewal: Renewal) -> Scheduler:
    """Return what is done from time to time, beside the mail that comes."""
    settings, scheduler = watch.settings, Scheduler(workers=2)
    scheduler.every(COMPARE_SECONDS, "compare", watching.compare)
    if find := key_finder(settings):
        scheduler.every(ASK_AGAIN_SECONDS, "ask the DNS again", functools.partial(watch.ask_again, find))
    if any(table.oauth2 for table in chosen_mailboxes(settings, ())):
        scheduler.every(RENEW_SECONDS, "renew tokens", renewal.renew)
    if days := settings.retention.raw_days:
        prune = functools.partial(housekeeping.prune_by_age, watch.store, days, watch.stopping)
        scheduler.every(PRUNE_SECONDS, "prune", prune)
    return scheduler


def _served(watch: Watch, health: Health) -> "Serving":
    """Begin to serve metrics and health."""
    # 0.1 s of each start, and 1 MiB: only the daemon pays them.
    from ingestor.serving import Serving  # noqa: PLC0415

    assert watch.watching is not None
    serving = Serving(watch.settings, watch.store, watch.watching, health)
    serving.start()
    return serving


@contextlib.contextmanager
def _delivering(watch: Watch, health: Health) -> Iterator[threading.Event]:
    """Keep NetBox in step beside the work, if there is one; the event that is given says that something changed.

    A request that is under way at the end is not waited for long: what it does is found out at the next start.
    """
    changed = threading.Event()
    if watch.settings.netbox.url is None:
        yield changed
        return
    delivery = Delivery(watch.settings, watch.store, providers(watch.settings, watch.store))
    thread = threading.Thread(target=delivery.run, args=(watch.stopping, changed), name="delivery", daemon=True)
    health.needs(thread)
    thread.start()
    try:
        yield changed
    finally:
        watch.stop()
        changed.set()
        thread.join(LAST_REQUEST_SECONDS)
        delivery.close()


def _settle_until_stopped(
    watch: Watch, settings: Settings, changed: threading.Event, health: Health, sharing: Sharing
) -> None:
    def stopping() -> bool:
        health.turned()
        return watch.stopping.is_set()

    pool = worker_pool(settings, watch.store, asking=True)
    asked = asked_of_mails(watch.settings)
    processor = pipeline.Processor(store=watch.store, pool=pool, asked=asked, claimant=sharing.claimant)
    told = _Told(watch, changed)
    if watch.serving:
        processor.failed = watch.serving.failed
    try:
        while not stopping():
            with sharing.patience.waiting():
                pool.use(providers(settings, watch.store))
                if processor.process(stopping=stopping, settled=told.settled):
                    sharing.patience.works()
            sharing.patience.look()
            told.tell_watchers()
            # One stays, so that a mail that comes after hours is an event at once.
            pool.stop_if_idle(settings.workers.idle_seconds, keep=1)
            pool.start_one()
            watch.wake.wait(LOOK_SECONDS)
            watch.wake.clear()
    finally:
        pool.stop()


@dataclass(slots=True)
class _Told:
    """Tell those who do something with what is settled: NetBox's thread at once, the watchers now and then."""

    watch: Watch
    changed: threading.Event
    _at: float = -FILE_SECONDS
    _more: bool = False

    def settled(self, _message: Message, reading: Reading) -> None:
        """Take note that a message is settled."""
        if self.watch.serving:
            self.watch.serving.settled(reading)
        self.changed.set()
        self._more = True
        if time.monotonic() - self._at > FILE_SECONDS:
            self.tell_watchers()

    def tell_watchers(self) -> None:
        """Have filed what is settled since the last time."""
        if self._more and self.watch.watching is not None:
            self._more, self._at = False, time.monotonic()
            self.watch.watching.settled()


def _provider(settings: Settings, table: ProviderTable, known: Directory) -> Provider:
    """Return an entry of the configuration as the table of providers takes it; None there means: as it is known."""
    held = known.get(table.name)
    completions = held.sends_completions if held and table.sends_completions is None else table.sends_completions
    return Provider(
        name=table.name,
        senders=table.senders or (),
        aliases=table.aliases or (),
        readers=table.readers or (),
        outage_readers=table.outage_readers or (),
        templates=tuple(map(_template, table.template or ())),
        sends_completions=bool(completions),
        authentication=table.authentication,
        date_order=table.date_order or "",
        zone=table.zone or "",
        literal_zones=bool(table.literal_zones),
    )


def _template(table: TemplateTable) -> Template:
    """Return a reader of the configuration as its provider holds it."""
    return Template(
        name=table.name,
        kind=Kind(table.kind),
        subject=table.subject,
        body=table.body,
        status=tuple(table.status.items()),
        impact=tuple(table.impact.items()),
        date_order=table.date_order or "",
        zone=table.zone or "",
    )
