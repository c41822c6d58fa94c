"""Tell systemd how the daemon is: that it is ready, alive, or about to end, and one line for a person.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

import os
import socket
import threading
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Self

import structlog

from ingestor.health import Health

# How often the line for a person is written anew.
STATUS_SECONDS = 10.0

# While the start takes long, systemd is asked for so much more time at each turn.
START_SECONDS = 60

_STARTING = "starting: the database is opened, or waited for"

log = structlog.get_logger()


class Service:
    """The daemon as a service of systemd; where the environment names no socket, it says nothing to anybody.

    What systemd has put into the environment is taken out of it, so that no child speaks for the daemon.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        given = {name: environment.pop(name, "") for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")}
        self._address = _address(given["NOTIFY_SOCKET"])
        self._watchdog = _seconds(given)
        self._pause = min(STATUS_SECONDS, self._watchdog / 2 if self._watchdog else STATUS_SECONDS)
        self._health: Health | None = None
        self._ended = threading.Event()
        self._stuck = False

    def __enter__(self) -> Self:
        if self._address:
            threading.Thread(target=self._go_on, name="systemd", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def ready(self, health: Health) -> None:
        """Say that every part has been started; the rest is told by itself from now on."""
        self._health = health
        self._say("READY=1", *self._fed(health))

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._ended.set()
        self._say("STOPPING=1", "STATUS=stopping")

    def _go_on(self) -> None:
        self._say(f"STATUS={_STARTING}")
        while not self._ended.wait(self._pause):
            health = self._health
            if health is None:
                self._say(f"EXTEND_TIMEOUT_USEC={START_SECONDS * 1_000_000}")
                continue
            words = self._fed(health)
            if not self._ended.is_set():
                self._say(*words)

    def _fed(self, health: Health) -> list[str]:
        """Return what to say of how it is; the watchdog is fed only if nothing is stuck."""
        stuck = health.stuck()
        if stuck and not self._stuck:
            log.error("daemon_stuck", problems=stuck, watchdog=bool(self._watchdog))
        self._stuck = bool(stuck)
        fed = ["WATCHDOG=1"] if self._watchdog and not stuck else []
        return [*fed, f"STATUS={_status(health, stuck)}"]

    def _say(self, *words: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                # systemd may be busy, and is not to hold up the daemon.
                sock.settimeout(1.0)
                sock.sendto("\n".join(words).encode(), self._address)
        except OSError as error:
            log.warning("systemd_not_told", problem=error.strerror or str(error))


def _address(path: str) -> str:
    """Return an address as the kernel takes it, which has a zero where an abstract one is written with ``@``."""
    return f"\0{path[1:]}" if path.startswith("@") else path


def _seconds(given: Mapping[str, str]) -> float | None:
    """Return within how many seconds the watchdog is to be fed; None where it is not ours to feed."""
    if not given["WATCHDOG_USEC"].isdecimal() or given["WATCHDOG_PID"] not in ("", str(os.getpid())):
        return None
    return int(given["WATCHDOG_USEC"]) / 1_000_000 or None


def _status(health: Health, stuck: list[str]) -> str:
    """Return how the daemon is, in one line for a person."""
    if stuck:
        return f"stuck: {'; '.join(stuck)}"
    folders, failing = health.folders()
    parts = [f"watching {folders} folder{'s' * (folders != 1)}{f', {failing} failing' if failing else ''}"]
    if health.database():
        parts.append("the database fails")
    backlog = health.backlog()
    if backlog and backlog.messages:
        parts.append(f"{backlog.messages} message{'s' * (backlog.messages != 1)} waiting")
    if backlog and backlog.netbox:
        parts.append(f"NetBox {backlog.netbox} behind")
    return "; ".join(parts)
