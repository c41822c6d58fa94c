"""The metrics, for Prometheus: what the process knows of itself, and what stands in the database.

METRICS is the closed list: docs/metrics.md, the dashboard and the alert rules are held to it. What stands in the
database is read when somebody asks, once for all who ask within some seconds; while the database is away, the rest is
told all the same.
"""

import threading
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from domain.errors import CpuTimeExceeded, MailboxFailure, MaintdError, WallTimeExceeded, WorkerError
from domain.message import Disposition, Reason
from storage.figures import Figures, ProviderFigures

T = TypeVar("T")

PREFIX = "maintd_"

# For so long what was read of the database is believed, and for so long somebody who asks waits for it.
BELIEVED_SECONDS = 10.0
PATIENCE_SECONDS = 3.0

# A sender may name any provider in a calendar: the largest have a series each, the others one together.
MOST_PROVIDERS = 200
OTHER_PROVIDERS = "(others)"
NO_PROVIDER = "(unknown)"

# How a folder may be watched. "elsewhere": by another daemon on this database; "none": there is no connection now.
WAYS = ("idle", "poll", "elsewhere", "none")

# Most mails take some milliseconds; nobody is given more than [workers] wall_seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric, without the prefix: its name, its kind, what it says, and by what it is told apart."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    says: str
    labels: tuple[str, ...] = ()


_FOLDER = ("mailbox", "folder")

METRICS = (
    Declared("build_info", "gauge", "1, with the version and the kind of database.", ("version", "dialect", "python")),
    Declared("stuck", "gauge", "How many parts of the daemon have stopped to move, as /healthz tells."),
    Declared("threads", "gauge", "Threads of the process."),
    Declared("database_up", "gauge", "Whether the database answers: without it what stands in it is not told."),
    Declared("database_bytes", "gauge", "How large the database is."),
    # Mailboxes
    Declared(
        "folder_watched", "gauge", "1 for the way in which a folder is watched, 0 for the others.", (*_FOLDER, "by")
    ),
    Declared("folder_last_success_timestamp_seconds", "gauge", "When a folder was last read to its end.", _FOLDER),
    Declared("folder_expected_interval_seconds", "gauge", "How far apart two looks at a folder are at most.", _FOLDER),
    Declared("folder_failing_seconds", "gauge", "For how long a folder could not be read, 0 where it can.", _FOLDER),
    Declared(
        "folder_failures_total", "counter", "Failures to read a folder since the start, by kind.", (*_FOLDER, "kind")
    ),
    Declared("folder_withheld_messages", "gauge", "Mails of a folder that could not be fetched.", _FOLDER),
    Declared("folder_progress_age_seconds", "gauge", "How long ago the watcher of a folder moved.", _FOLDER),
    Declared("folder_lag_seconds", "gauge", "How long the oldest message of a folder has waited to be read.", _FOLDER),
    # Messages
    Declared("messages", "gauge", "Messages of the ledger.", ("disposition", "provider")),
    Declared("messages_waiting", "gauge", "Messages that wait to be read."),
    Declared("messages_waiting_oldest_seconds", "gauge", "How long the oldest of them has waited, 0 where none does."),
    Declared("quarantine_messages", "gauge", "Messages that wait for a person.", ("reason",)),
    Declared("quarantine_oldest_timestamp_seconds", "gauge", "Since when the oldest of them waits.", ("reason",)),
    Declared(
        "provider_last_message_timestamp_seconds", "gauge", "When a provider's last mail was received.", ("provider",)
    ),
    Declared(
        "provider_silent_after_seconds", "gauge", "The silent_after of a provider, where it is set.", ("provider",)
    ),
    Declared("parse_seconds", "histogram", "How long a worker took to read a message."),
    Declared("worker_failures_total", "counter", "Workers that gave no answer since the start, by cause.", ("cause",)),
    # Events
    Declared("events", "gauge", "Events, without those that people have hidden.", ("kind", "status", "phase")),
    # NetBox
    Declared("outbox_due", "gauge", "Events of which NetBox has still to learn."),
    Declared("outbox_failed", "gauge", "Events whose last delivery to NetBox failed, and is tried again."),
    Declared("outbox_parked", "gauge", "Events that NetBox refuses as they are: they wait for a person."),
    Declared("outbox_to_compare", "gauge", "Events that have not changed, to be looked at in NetBox."),
    Declared("outbox_oldest_seconds", "gauge", "For how long NetBox has been behind, 0 where it is not."),
    Declared("netbox_left_alone", "gauge", "Whether NetBox as a whole fails, and is left alone for now."),
    # The process
    Declared("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes."),
    Declared("process_resident_memory_bytes", "gauge", "Resident memory size in bytes."),
    Declared("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds."),
    Declared("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds."),
    Declared("process_open_fds", "gauge", "Number of open file descriptors."),
    Declared("process_max_fds", "gauge", "Maximum number of open file descriptors."),
)

_BY_NAME = {one.name: one for one in METRICS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """How the watching of a folder is, as the process knows it. ``by`` is one of WAYS; ``failures`` are by kind.

    ``last_success_at`` None: not since the start. ``failing_since`` None: it does not fail.
    """

    mailbox: str
    folder: str
    by: str
    expected_seconds: float
    last_success_at: datetime | None = None
    failing_since: datetime | None = None
    failures: Mapping[MailboxFailure, int]
    withheld: int = 0
    progress_age_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the figures come from. ``figures`` and ``stuck`` ask the database: they may take their time, and may raise.

    ``silent_after`` is in seconds, by the name of the provider.
    """

    version: str
    dialect: str
    python: str
    silent_after: Mapping[str, float]
    now: Callable[[], datetime]
    clock: Callable[[], float]
    folders: Callable[[], Sequence[Folder]]
    stuck: Callable[[], Sequence[str]]
    figures: Callable[[], Figures]


class Metrics:
    """All metrics of one daemon, in a registry of their own."""

    def __init__(self, sources: Sources) -> None:
        # When a counter began is told by the start of the process.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._parse_seconds = Histogram(*_named("parse_seconds"), buckets=BUCKETS, registry=self._registry)
        self._worker_failures = Counter(*_named("worker_failures_total"), registry=self._registry)
        for cause in ("crashed", "cpu_time", "wall_time"):
            self._worker_failures.labels(cause)
        ProcessCollector(namespace=PREFIX.rstrip("_"), registry=self._registry)
        self._registry.register(_Asked(sources))

    def read(self, seconds: float) -> None:
        """Count a message that was read, in so many seconds."""
        self._parse_seconds.observe(seconds)

    def failed(self, error: WorkerError) -> None:
        """Count a worker that gave no answer."""
        causes = {CpuTimeExceeded: "cpu_time", WallTimeExceeded: "wall_time"}
        self._worker_failures.labels(causes.get(type(error), "crashed")).inc()

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics as they are now, in the form that is asked for, and the name of that form."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


def _named(name: str) -> tuple[str, str, tuple[str, ...]]:
    declared = _BY_NAME[name]
    return PREFIX + name, declared.says, declared.labels


class _Asked(Collector):
    """What is asked for at each scrape."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._figures = Latest(sources.figures, sources.clock)
        self._stuck = Latest(sources.stuck, sources.clock)

    def collect(self) -> Iterator[Metric]:
        """Return each metric with its samples."""
        sources = self._sources
        figures, stuck = self._figures.get(), self._stuck.get()
        now = sources.now()
        folders = sources.folders()
        yield _one("build_info", 1, sources.version, sources.dialect, sources.python)
        yield _several("stuck", [((), len(stuck))] if stuck is not None else [])
        yield _one("threads", threading.active_count())
        yield _one("database_up", figures is not None)
        yield from _of_folders(folders, now)
        yield _last_successes(folders, figures)
        silent_after = (((name,), seconds) for name, seconds in sources.silent_after.items())
        yield _several("provider_silent_after_seconds", silent_after)
        if figures is not None:
            yield from _of_messages(figures, now)
            yield from _of_events(figures, now)


class Latest(Generic[T]):
    """What may take its time, read once for all who ask within some seconds, by one thread at a time."""

    def __init__(
        self, read: Callable[[], T], clock: Callable[[], float], *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._read, self._clock = read, clock
        self._patience = patience_seconds
        self._lock = threading.Lock()
        self._reading: Future[T] | None = None
        self._known: tuple[float, T] | None = None

    def get(self) -> T | None:
        """Return it; None where the database fails, or does not answer soon."""
        with self._lock:
            if self._known is not None and self._clock() - self._known[0] < BELIEVED_SECONDS:
                return self._known[1]
            reading = self._reading or self._begun()
        try:
            return reading.result(self._patience)
        except (MaintdError, TimeoutError):
            return None

    def _begun(self) -> Future[T]:
        self._reading = Future()
        threading.Thread(target=self._ask, args=(self._reading,), name="figures", daemon=True).start()
        return self._reading

    def _ask(self, reading: Future[T]) -> None:
        try:
            found = self._read()
        except BaseException as error:  # noqa: BLE001, whoever waits gets it
            self._end(None)
            reading.set_exception(error)
        else:
            self._end((self._clock(), found))
            reading.set_result(found)

    def _end(self, known: tuple[float, T] | None) -> None:
        with self._lock:
            self._reading = None
            self._known = known


# --- what the process knows -------------------------------------------------------------------------------------


def _of_folders(folders: Sequence[Folder], now: datetime) -> Iterator[Metric]:
    watched = ((*_key(one), by) for one in folders for by in WAYS)
    ways = {_key(one): one.by for one in folders}
    yield _several("folder_watched", ((labels, labels[2] == ways[labels[:2]]) for labels in watched))
    yield _several("folder_expected_interval_seconds", ((_key(one), one.expected_seconds) for one in folders))
    yield _several("folder_failing_seconds", ((_key(one), _age(one.failing_since, now)) for one in folders))
    failures = (((*_key(one), kind), one.failures.get(kind, 0)) for one in folders for kind in MailboxFailure)
    yield _several("folder_failures_total", failures)
    yield _several("folder_withheld_messages", ((_key(one), one.withheld) for one in folders))
    yield _several("folder_progress_age_seconds", ((_key(one), one.progress_age_seconds) for one in folders))


def _key(one: Folder) -> tuple[str, str]:
    return one.mailbox, one.folder


def _last_successes(folders: Sequence[Folder], figures: Figures | None) -> Metric:
    """Return when each folder was last read, whoever did it: this daemon, one before it, or another one."""
    stored = {(one.mailbox, one.folder): one.last_success_at for one in (figures.folders if figures else ())}
    known = ((_key(one), (one.last_success_at, stored.get(_key(one)))) for one in folders)
    last = ((key, max(filter(None, instants), default=None)) for key, instants in known)
    return _several(
        "folder_last_success_timestamp_seconds", ((key, at.timestamp()) for key, at in last if at is not None)
    )


# --- what stands in the database --------------------------------------------------------------------------------


def _of_messages(figures: Figures, now: datetime) -> Iterator[Metric]:
    yield _one("database_bytes", figures.database_bytes)
    lags = (((one.mailbox, one.folder), _age(one.waiting_since, now)) for one in figures.folders)
    yield _several("folder_lag_seconds", lags)
    yield _several("messages", _counts(figures.providers))
    yield _one("messages_waiting", figures.messages(Disposition.RECEIVED))
    yield _one("messages_waiting_oldest_seconds", _age(figures.waiting_since, now))
    waiting = {one.reason: one.messages for one in figures.quarantine}
    yield _several("quarantine_messages", (((reason,), waiting.get(reason, 0)) for reason in Reason))
    oldest = (((one.reason,), one.oldest_at.timestamp()) for one in figures.quarantine)
    yield _several("quarantine_oldest_timestamp_seconds", oldest)
    last = (((one.provider,), one.last_received_at.timestamp()) for one in _largest(figures.providers) if one.provider)
    yield _several("provider_last_message_timestamp_seconds", last)


def _largest(providers: Sequence[ProviderFigures]) -> Sequence[ProviderFigures]:
    by_size = sorted(providers, key=lambda one: (-sum(one.messages.values()), one.provider or ""))
    return by_size[:MOST_PROVIDERS]


def _counts(providers: Sequence[ProviderFigures]) -> Iterable[tuple[tuple[str, str], float]]:
    largest = {one.provider for one in _largest(providers)}
    counts: Tally[tuple[str, str]] = Tally()
    for one in providers:
        name = (one.provider or NO_PROVIDER) if one.provider in largest else OTHER_PROVIDERS
        for disposition, count in one.messages.items():
            counts[disposition, name] += count
    return counts.items()


def _of_events(figures: Figures, now: datetime) -> Iterator[Metric]:
    yield _several("events", figures.events.items())
    outbox = figures.outbox
    yield _one("outbox_due", outbox.due)
    yield _one("outbox_failed", outbox.failed)
    yield _one("outbox_parked", outbox.parked)
    yield _one("outbox_to_compare", outbox.to_compare)
    yield _one("outbox_oldest_seconds", _age(outbox.oldest_at, now))
    yield _one("netbox_left_alone", figures.netbox_problem is not None)


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


# --- the library's form -----------------------------------------------------------------------------------------


def _one(name: str, value: float, *labels: str) -> Metric:
    return _several(name, [(labels, value)])


def _several(name: str, samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    """Return a metric with its samples, as METRICS declares it."""
    declared = _BY_NAME[name]
    made = CounterMetricFamily if declared.kind == "counter" else GaugeMetricFamily
    family: CounterMetricFamily | GaugeMetricFamily = made(PREFIX + name, declared.says, labels=declared.labels)
    for labels, value in samples:
        family.add_metric(labels, float(value))
    return family
