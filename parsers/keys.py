"""The keys of those who sign mails: what a reading knows of them, what it lacks, and how it comes to it.

A worker has no network: it says which names it would have asked the DNS, and reads again with the answers. They are
kept with the message, for keys change: a reading years later judges by those of its day.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from domain.errors import MaintdError
from domain.message import Reading, Terms

# The first reading wants the keys of signatures and of the newest seal, the second those of the seals below it.
MOST_QUESTIONS = 2

# What the DNS has at these names: empty where it has nothing, None where it does not answer. It returns in good time.
FindKeys = Callable[[Collection[str]], Mapping[str, str | None]]

# The copies of one message, each with the terms on which it is read.
Ways = tuple[tuple[bytes, Terms], ...]


class NotProven(MaintdError):
    """Say why a signature proves nothing, in one line."""


class Unanswered(NotProven):
    """Say that a key could not be looked up, so that nobody knows yet what a signature proves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A message as it came, and the keys by which its signatures are judged.

    ``keys`` are as those of ``FindKeys``; ``wanted`` grows by the names that were not asked for yet.
    """

    raw: bytes
    received_at: datetime
    keys: Mapping[str, str | None] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    # What was found once, by what was asked: a message of many notices is hashed once.
    found: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def key(self, name: str) -> str:
        """Return the text of a name in the DNS, empty where there is none. Raises ``Unanswered``."""
        if name not in self.keys:
            self.wanted.add(name)
            raise Unanswered(f"has a key that the DNS was not asked for ({name})")
        text = self.keys[name]
        if text is None:
            raise Unanswered(f"has a key for which the DNS did not answer ({name})")
        return text


def read_with_keys(submit: Callable[[Ways], "Future[Reading]"], ways: Ways, find: FindKeys) -> "Future[Reading]":
    """Return the future of what ``submit`` reads of a message, read again with the keys that it turns out to want.

    They are in the reading. No worker waits for the DNS, and no thread of the caller's.
    """
    return _Asking(submit, ways, find).begin()


class _Asking:
    """One message, which is read by the keys that were found so far."""

    def __init__(self, submit: Callable[[Ways], "Future[Reading]"], ways: Ways, find: FindKeys) -> None:
        self._submit = submit
        self._ways = ways
        self._find = find
        self._questions = 0
        self._found: dict[str, str | None] = {}
        self._answer: Future[Reading] = Future()
        self._attempt: Future[Reading] | None = None

    def begin(self) -> "Future[Reading]":
        self._answer.add_done_callback(self._called_off)
        self._read()
        return self._answer

    def _read(self) -> None:
        ways = tuple((raw, replace(terms, keys={**terms.keys, **self._found})) for raw, terms in self._ways)
        self._attempt = self._submit(ways)
        self._attempt.add_done_callback(self._heard)

    def _called_off(self, answer: "Future[Reading]") -> None:
        if answer.cancelled() and self._attempt:
            self._attempt.cancel()

    def _heard(self, attempt: "Future[Reading]") -> None:
        """Pass on what was read, or look for the keys that it lacks; called in a thread that must not wait."""
        if attempt.cancelled():
            self._answer.cancel()
        elif problem := attempt.exception():
            self._fail(problem)
        elif attempt.result().wanted and self._questions < MOST_QUESTIONS:
            threading.Thread(target=self._ask, args=(attempt.result().wanted,), name="keys", daemon=True).start()
        else:
            self._settle(attempt.result())

    def _ask(self, names: Collection[str]) -> None:
        try:
            self._questions += 1
            self._found |= self._find(names)
            if not self._answer.cancelled():
                self._read()
        except Exception as problem:  # noqa: BLE001, the boundary of a thread: somebody waits for the answer
            self._fail(problem)

    def _settle(self, reading: Reading) -> None:
        held = {name: key for _, terms in self._ways for name, key in terms.keys.items()}
        # A name that was never asked is one to ask again.
        lacking = dict.fromkeys(reading.wanted)
        with suppress(InvalidStateError):
            self._answer.set_result(replace(reading, wanted=(), keys={**lacking, **held, **self._found}))

    def _fail(self, problem: BaseException) -> None:
        with suppress(InvalidStateError):
            self._answer.set_exception(problem)
