"""What goes wrong between a client and a server, as a plan: for the n-th request, for some requests, or by chance."""

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime

_PAGE = b"<html><head><title>%s</title></head><body><h1>%s</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What becomes of one request. ``status`` None: the connection is lost, or the true answer comes, but late.

    ``applied``: the server does what it is asked before the fault. ``octets``: how much of the true answer still comes.
    """

    name: str
    applied: bool
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    seconds: float = 0
    octets: int | None = None


def cut(*, applied: bool) -> Fault:
    """The connection is lost without an answer, before or after the request was applied."""
    return Fault(name=f"cut {'after' if applied else 'before'} it was applied", applied=applied, octets=0)


def half_answer(octets: int = 200) -> Fault:
    """The request is applied, and the connection is lost within the answer."""
    return Fault(name="half an answer", applied=True, octets=octets)


def slow(seconds: float, *, applied: bool = True) -> Fault:
    """The answer comes after so many seconds; ``applied`` False: the request is applied only then as well."""
    return Fault(name="slow", applied=applied, seconds=seconds)


def throttled(retry_after: int | datetime | None = None, *, status: int = 429) -> Fault:
    """A proxy sends the client away, for so many seconds or until a time, or without a word."""
    said = format_datetime(retry_after, usegmt=True) if isinstance(retry_after, datetime) else retry_after
    headers = () if said is None else (("Retry-After", str(said)),)
    return Fault(name=f"{status}", applied=False, status=status, headers=headers, body=_page("Too Many Requests"))


def gateway(status: int = 504, *, applied: bool = False) -> Fault:
    """A proxy answers 502, 503 or 504, though the request may have been applied behind it."""
    return Fault(name=f"{status}", applied=applied, status=status, body=_page("Gateway error"))


def broken(*, applied: bool = False) -> Fault:
    """The server answers 500 with a page."""
    return Fault(name="500", applied=applied, status=500, body=_page("Server Error"))


def database_down() -> Fault:
    """The server answers 500 with JSON, as it does where its database is away."""
    said = {"error": "connection failed: Connection refused", "exception": "OperationalError"}
    return Fault(
        name="database down",
        applied=False,
        status=500,
        headers=(("Content-Type", "application/json"),),
        body=json.dumps(said).encode(),
    )


def refused(words: Mapping[str, Iterable[str]]) -> Fault:
    """The server will not take what it is sent, and says why, field by field."""
    return Fault(
        name="400",
        applied=False,
        status=400,
        headers=(("Content-Type", "application/json"),),
        body=json.dumps(words).encode(),
    )


def _page(title: str) -> bytes:
    return _PAGE % (title.encode(), title.encode())


# What a client must live through, each without waiting.
USUAL = (
    cut(applied=False),
    cut(applied=True),
    half_answer(),
    throttled(),
    throttled(0, status=503),
    gateway(502),
    gateway(504, applied=True),
    broken(),
    broken(applied=True),
    database_down(),
)


@dataclass(slots=True)
class _Rule:
    fault: Fault
    method: str | None
    path: str | None
    body: bytes
    skip: int
    times: int

    def take(self, method: str, path: str, body: bytes) -> bool:
        """Say whether the rule holds for a request, and count it."""
        if self.times == 0 or self.method not in {None, method}:
            return False
        if (self.path or "") not in path or self.body not in body:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass(slots=True)
class Plan:
    """Which fault meets which request. Requests are counted from 1; of several faults, the first that was planned."""

    _numbered: dict[int, Fault] = field(default_factory=dict)
    _rules: list[_Rule] = field(default_factory=list)
    _script: Iterator[Fault | None] = field(default_factory=lambda: iter(()))
    _chance: tuple[random.Random, float, tuple[Fault, ...]] | None = None
    _count: int = 0

    def at(self, number: int, fault: Fault) -> None:
        """Meet the n-th request from now on."""
        self._numbered[self._count + number] = fault

    def when(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        path: str | None = None,
        body: bytes = b"",
        skip: int = 0,
        times: int = 1,
    ) -> None:
        """Meet requests with a method, whose path and body hold a text; the first ``skip`` pass. -1: all times."""
        self._rules.append(_Rule(fault, method, path, body, skip, times))

    def script(self, faults: Iterable[Fault | None]) -> None:
        """Meet the next requests in turn, None letting one pass; after the last all pass."""
        self._script = iter(list(faults))

    def by_chance(self, seed: int, rate: float, faults: tuple[Fault, ...] = USUAL) -> None:
        """Meet requests at random, the same ones with the same seed."""
        self._chance = (random.Random(seed), rate, faults)

    def clear(self) -> None:
        """Let all pass from now on: the server is well."""
        self._numbered.clear()
        self._rules.clear()
        self._script = iter(())
        self._chance = None

    def next(self, method: str, path: str, body: bytes = b"") -> Fault | None:
        """Return what meets a request."""
        self._count += 1
        found = self._numbered.pop(self._count, None)
        if found is None:
            found = next((rule.fault for rule in self._rules if rule.take(method, path, body)), None)
        return found or next(self._script, None) or self._by_chance()

    def _by_chance(self) -> Fault | None:
        if self._chance is None:
            return None
        generator, rate, faults = self._chance
        drawn, which = generator.random(), generator.randrange(len(faults))
        return faults[which] if drawn < rate else None
