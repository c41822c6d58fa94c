"""Serve metrics and health over HTTP while the daemon runs: what it knows of itself, handed to ``web``.

An address that is taken is no reason not to watch mailboxes: it is told, and tried again.
"""

import functools
import os
import platform
import time
from typing import Any

import structlog

from domain.errors import WorkerError
from domain.message import Reading
from ingestor import daemon
from ingestor.config import DAY_SECONDS, OFF, Settings
from ingestor.health import Health
from ingestor.pipeline import utc_now
from ingestor.status import expected_seconds, own_version
from ingestor.watching import FolderHealth, Watching
from storage import figures
from storage.database import Store
from web import metrics, server
from web.metrics import Metrics, Sources

log = structlog.get_logger()


class Serving:
    """The server of a running daemon, and the metrics that it counts. Nothing is served where ``listen`` is "off"."""

    def __init__(self, settings: Settings, store: Store, watching: Watching, health: Health) -> None:
        self._watching = watching
        self._tables = {table.name: table for table in settings.mailboxes}
        self._metrics = Metrics(
            Sources(
                version=own_version(),
                dialect=store.dialect,
                python=platform.python_version(),
                silent_after={
                    table.name: table.silent_after * DAY_SECONDS for table in settings.providers if table.silent_after
                },
                now=utc_now,
                clock=time.monotonic,
                folders=self._folders,
                stuck=health.stuck,
                figures=functools.partial(_figures, settings, store),
            )
        )
        pages = {
            "/metrics": self._page,
            "/healthz": server.health(health.stuck, self._facts),
            "/readyz": server.health(health.not_ready),
        }
        told = server.Told(listening=_listening, failed=_failed, fault=_fault)
        listen = settings.web.listen
        self._server = None if listen == OFF else server.Server(listen, pages, told)

    def start(self) -> None:
        """Begin to listen, now or when the address is free."""
        if self._server is not None:
            self._server.start()

    def stop(self) -> None:
        """Serve no more. Returns soon."""
        if self._server is not None:
            self._server.stop()

    def settled(self, reading: Reading) -> None:
        """Count what a worker has read."""
        if reading.seconds is not None:
            self._metrics.read(reading.seconds)

    def failed(self, error: WorkerError) -> None:
        """Count a worker that gave no answer."""
        self._metrics.failed(error)

    def _page(self, accept: str) -> server.Answer:
        body, content_type = self._metrics.text(accept)
        return server.Answer(body=body, content_type=content_type)

    def _facts(self) -> dict[str, Any]:
        """Return what `maintd status` asks of the daemon, and nobody else knows."""
        problems = {(one.mailbox, one.folder): one.problem for one in self._watching.registry.all()}
        watched = [
            {
                "mailbox": one.mailbox,
                "folder": one.folder,
                "watched": one.by,
                "problem": problems.get((one.mailbox, one.folder)),
            }
            for one in self._folders()
        ]
        return {"pid": os.getpid(), "version": own_version(), "folders": watched}

    def _folders(self) -> list[metrics.Folder]:
        now = self._watching.clock()
        return [self._folder(one, now) for one in self._watching.registry.all()]

    def _folder(self, health: FolderHealth, now: float) -> metrics.Folder:
        elsewhere = health.held_elsewhere
        return metrics.Folder(
            mailbox=health.mailbox,
            folder=health.folder,
            by="elsewhere" if elsewhere else health.by or "none",
            expected_seconds=expected_seconds(self._tables[health.mailbox], None if elsewhere else health.by),
            last_success_at=health.last_success_at,
            failing_since=health.failing_since,
            failures=dict(health.failures),
            withheld=health.withheld,
            progress_age_seconds=max(0.0, now - health.progressed_at),
        )


def _figures(settings: Settings, store: Store) -> figures.Figures:
    completions = frozenset(one.name for one in daemon.providers(settings, None) if one.sends_completions)
    with store.reading() as connection:
        return figures.read(connection, now=utc_now(), completions=completions)


def _listening(address: str) -> None:
    log.info("web_listening", address=address)


def _failed(problem: str) -> None:
    cure = "end what listens there, or set listen of [web] to another address; it is tried again every half minute"
    log.error("web_failed", problem=f"{problem}: {cure}")


def _fault() -> None:
    log.exception("web_request_failed")
