"""The tree of errors, each saying what was being done, on what, what was found and what to do.

MaintdError
├── ConfigurationError    the settings are wrong: every problem, each in one line
├── MailboxError          an IMAP server did not give what was asked; carries the step, its kind and ``permanent``
├── ImportFailed          a file or folder given to ``maintd import`` cannot be read
├── TokenError            an issuer gave no access token; carries what was found, what to do and ``permanent``
├── StorageError          the database cannot be opened, or is of another revision; carries ``permanent``
│   └── DatabaseInUse     another process is the daemon on it
├── NetboxError           NetBox did not do what was asked; carries its kind, its words and ``permanent``
├── NotFound              a person named an event, a message or a provider that does not exist
└── WorkerError           a worker process did not answer
    ├── WorkerCrashed     it died or raised: counts as an attempt on the message inside it
    ├── CpuTimeExceeded   it used up its CPU time: counts as an attempt
    └── WallTimeExceeded  it was too slow on the wall clock alone: the worker is replaced, nothing is counted
"""

from collections.abc import Sequence
from enum import StrEnum


class MaintdError(Exception):
    """Be the base of every error that a person is told in one line."""


class ConfigurationError(MaintdError):
    """Say that the settings cannot be used: ``problems`` has one line for each mistake."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


class MailboxFailure(StrEnum):
    """How reading a mailbox failed, which decides when it is tried again."""

    UNREACHABLE = "unreachable"  # no connection, a lost one, or no answer in time
    ENDED = "ended"  # the server ended the session, as it does before a restart and when a token has expired
    REFUSED = "refused"  # the login is wrong, or is not let in
    LIMITED = "limited"  # the server wants no further connection now
    FOLDER = "folder"  # a folder is missing, or cannot be opened
    SETTINGS = "settings"  # a setting cannot be used, or a secret cannot be had
    DATABASE = "database"  # what was read cannot be kept
    FAULT = "fault"  # a fault of maintd


class MailboxError(MaintdError):
    """Say that a mailbox failed: ``step`` names where, ``kind`` how, ``permanent`` that only a person can mend it."""

    def __init__(
        self, text: str, *, step: str, permanent: bool, kind: MailboxFailure = MailboxFailure.UNREACHABLE
    ) -> None:
        self.step = step
        self.permanent = permanent
        self.kind = kind
        super().__init__(text)


class TokenError(MaintdError):
    """Say that an issuer gave no token: ``found`` and ``advice`` in one line each, neither with a secret in it."""

    def __init__(self, found: str, advice: str, *, permanent: bool) -> None:
        self.found = found
        self.advice = advice
        self.permanent = permanent
        super().__init__(f"{found}; {advice}")


class ImportFailed(MaintdError):
    """Say that a path cannot be imported."""


class StorageError(MaintdError):
    """Say that the database cannot be used; ``permanent``: trying again will not help, something must be changed."""

    def __init__(self, text: str, *, permanent: bool = True) -> None:
        self.permanent = permanent
        super().__init__(text)


class DatabaseInUse(StorageError):
    """Say that another process is the daemon on this database."""


class NetboxFailure(StrEnum):
    """How NetBox failed, which decides what is done next."""

    UNREACHABLE = "unreachable"  # no connection, no answer in time, or a proxy that has no NetBox behind it
    THROTTLED = "throttled"  # it asks for fewer requests
    FORBIDDEN = "forbidden"  # the token is wrong, or lacks a right
    MISSING = "missing"  # no such object, or no such path
    CONFLICT = "conflict"  # somebody else was there first
    REFUSED = "refused"  # it will never take this as it is
    BROKEN = "broken"  # it failed itself, or what answers is no NetBox


class NetboxError(MaintdError):
    """Say that NetBox did not do what was asked, with its own words in one line of at most 500 characters.

    ``retry_after``: for how many seconds it asks to be left alone; None: it has not said. No token is in any of it.
    """

    def __init__(self, asked: str, *, kind: NetboxFailure, words: str, retry_after: float | None = None) -> None:
        super().__init__(f"NetBox: {asked}: {words}")
        self.kind = kind
        self.words = words
        self.retry_after = retry_after

    @property
    def permanent(self) -> bool:
        """Say whether the same request will fail for ever."""
        return self.kind is NetboxFailure.REFUSED


class NotFound(MaintdError):
    """Say that what a person named does not exist."""


class EditRefused(MaintdError):
    """Say why what a person asks of an event is not done. ``problems`` has one line for each fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class WorkerError(MaintdError):
    """Say that a worker process gave no answer for a message."""


class WorkerCrashed(WorkerError):
    """Say that the worker died or raised while it read a message."""


class CpuTimeExceeded(WorkerError):
    """Say that the worker used up the CPU time allowed for one message."""


class WallTimeExceeded(WorkerError):
    """Say that the worker was too slow on the wall clock while its CPU time was within the limit."""
