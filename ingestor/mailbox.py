"""A mailbox over IMAP: collect what is new, file what is settled, and name each failure.

The algorithm: the cursor is (UIDVALIDITY, last UID); folders are opened read-only; bytes and cursor are handed to the
caller together, so that one transaction holds both; what is done on the server afterwards is a courtesy to people and
never our memory. Nothing here knows of the ledger. Only this module imports IMAPClient.

Source: RFC 9051; RFC 6851 (MOVE); RFC 4315 (UIDPLUS); RFC 2342 (NAMESPACE).
"""

import difflib
import imaplib
import json
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Any, Literal, Self, TypeVar

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import LoginError, ProtocolError

from domain.errors import MailboxError, MailboxFailure, TokenError
from domain.hiding import hide
from domain.message import Arrival, Place, receipt
from ingestor.oauth import Token, TokenSource
from ingestor.sockets import Lifeline, explain, is_loopback, look_up, reach, secure, tls_context
from parsers.mime import read_envelope

_T = TypeVar("_T")

# RFC 2683 advises command lines below 1,000 octets; Dovecot refuses 50,000 UIDs in one.
_CHUNK = 100
# Bodies fetched with one command, and handed over with one cursor.
_BATCH_BYTES = 4 * 1024 * 1024
# What is kept of a message that is too large.
_HEAD_BYTES = 512 * 1024
# imaplib stops at 1 MB, which the answer to SEARCH exceeds in a folder of some 130,000 messages.
_LINE_BYTES = 16 * 1024 * 1024
_LOGOUT_SECONDS = 5.0
_EXPIRY_DAYS = 14

# A message whose fetching has failed so often is left out, so that it holds up no other one.
MOST_TRIES = 3

# What IMAPClient and imaplib raise on a bad connection or an answer that they do not understand.
# imaplib.IMAP4.error is the base of abort, readonly, LoginError and ProtocolError; OSError that of ssl.SSLError.
_FOREIGN = (
    imaplib.IMAP4.error,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    RecursionError,
)

# Response codes that ask to come again later. Source: RFC 5530.
_LATER = re.compile(r"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG|CONTACTADMIN)\b", re.IGNORECASE)
# What servers say where a login, or its machine, has all the connections that it may have. Dovecot, Gmail, Courier.
_LIMITED = re.compile(r"maximum number of connections|too many (simultaneous )?connections", re.IGNORECASE)
# Dovecot ends a refusal with how long it took: the same one would be another text each time.
_TOOK = re.compile(r" \([\d.]+ \+ [\d.]+ secs\)\.?$")
_BYTES_REPR = re.compile(r"""b(['"])(.*?)\1""", re.DOTALL)
_STOPPED = "closed on request"
# How much is kept of what a server says, so that a secret in it is whole until it is hidden; and how much is shown.
_LONGEST_WORDS = 20_000
_LONGEST_FOUND = 300
# How Microsoft 365 says, after the login, that there is no mailbox for it.
_NO_MAILBOX = "authenticated but not connected"

# How to search for messages that lack a flag; any other flag is a keyword.
_LACKING = {"\\seen": "UNSEEN", "\\flagged": "UNFLAGGED", "\\answered": "UNANSWERED"}


class Step(StrEnum):
    """Where a session is; the ``step`` of a MailboxError and of a Finding."""

    SETTINGS = "settings"
    TOKEN = "token"  # noqa: S105  # the name of a step
    NAME = "name"
    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    LOGIN = "login"
    CAPABILITIES = "capabilities"
    FOLDER = "folder"
    SEARCH = "search"
    FETCH = "fetch"
    FILE = "file"
    IDLE = "idle"


class Idled(StrEnum):
    """How an ``idle`` ended."""

    HEARD = "heard"  # the server has said something, or the connection has ended
    SILENT = "silent"  # the time was over
    RUNG = "rung"  # the bell was rung
    REFUSED = "refused"  # the server does not do it, whatever it has announced


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """The most that a step may take however lively the server is: a socket's timeout counts from packet to packet."""

    login_seconds: float = 45.0
    metadata_seconds: float = 120.0
    body_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxSettings:
    """What a session needs to know of one mailbox.

    ``tls`` "none" is for a server on this machine only. ``ca_file`` None: the CAs of the system. ``initial`` is what to
    read at the first contact with a folder: all, only what comes from then on, or that of the last so many days.
    ``after`` "keep" leaves the mailbox as it is; "flag" sets ``flag``, a keyword or a flag like ``\\Flagged``.
    Folder names are written with "/" or the delimiter of the server, with or without its prefix.
    ``credential`` is a password, or where access tokens come from.
    """

    name: str
    host: str
    port: int
    username: str
    credential: str | TokenSource = field(repr=False)
    tls: Literal["tls", "starttls", "none"] = "tls"
    ca_file: str | None = None
    folders: tuple[str, ...] = ("INBOX",)
    initial: Literal["all", "new"] | int = "all"
    after: Literal["keep", "flag", "move"] = "keep"
    # Without a "$": those keywords are for common use by registration (RFC 5788). Thunderbird shows it as a tag.
    flag: str = "maintd"
    done_folder: str | None = None
    quarantine_folder: str | None = None
    max_message_bytes: int = 25 * 1024 * 1024
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    deadlines: Deadlines = Deadlines()


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a folder is read: every message up to ``last_uid`` has been handed over or has vanished."""

    uid_validity: int
    last_uid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What one pass over a folder gave. ``position`` is the last one that the caller accepted."""

    position: Position
    fetched: int = 0
    too_large: int = 0
    vanished: int = 0
    left_out: int = 0
    first_contact: bool = False
    uid_validity_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a comparison of a folder with the ledger gave: ``done`` has UIDVALIDITY and UID of what is settled by it."""

    fetched: int = 0
    done: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """What became of wishes: the UIDs proven filed, those of an older UIDVALIDITY, and one line if any was not."""

    uids: tuple[int, ...] = ()
    obsolete: tuple[int, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of ``maintd check``. ``ok`` None is a warning."""

    step: str
    ok: bool | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    prefix: str
    delimiter: str
    names: tuple[str, ...]
    # Where a folder is made that cannot be made elsewhere.
    last_resort: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    uid: int
    size: int
    too_large: bool
    internal_date: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    raw: bytes
    cut: bool


Accept = Callable[[Sequence[Arrival], Position], None]
Wish = tuple[int, str]
# How often fetching a message, by UIDVALIDITY and UID, has failed. One that is named here is fetched alone.
Tries = Mapping[tuple[int, int], int]
NONE_FAILED: Tries = MappingProxyType({})


class _Channel(imaplib.IMAP4):
    """imaplib over a socket that is connected already, with limits on what a server may make us hold."""

    def __init__(self, sock: socket.socket, host: str, port: int, literal_bytes: int) -> None:
        self._connected = sock
        self._literal_bytes = literal_bytes
        self._exists = -1
        # Whether the server has said of the open folder that it holds another number of messages than it was known to.
        # It says so but once, with whatever it is asked, and not again to who waits for it with IDLE.
        self.announced = False
        super().__init__(host, port)

    def _append_untagged(self, typ: str, dat: Any) -> None:
        """Keep what a server says unasked; count the messages along. Source: RFC 3501 §7.3.1 and §7.4.1."""
        if typ == "EXISTS" and isinstance(dat, bytes) and dat.isdigit():
            self.announced |= int(dat) != self._exists
            self._exists = int(dat)
        elif typ == "EXPUNGE":
            self._exists -= 1
        super()._append_untagged(typ, dat)  # type: ignore[misc]  # typeshed leaves it out

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._connected

    def read(self, size: int) -> bytes:
        if size > self._literal_bytes:
            raise self.abort(f"unexpected response: a literal of {size} octets")
        return super().read(size)

    def readline(self) -> bytes:
        line: bytes = self.file.readline(_LINE_BYTES + 1)  # type: ignore[assignment]  # the file is a binary one
        if len(line) > _LINE_BYTES:
            raise self.abort(f"unexpected response: a line of more than {_LINE_BYTES} octets")
        return line

    def begin_idle(self) -> bool:
        """Ask to be told what happens in the folder; False where the server refuses that. Source: RFC 2177."""
        tag = self._idle_tag = self._command("IDLE")
        # What has just happened may be told before the server says that it is ready to tell.
        while self._heed() is not None:
            if self.tagged_commands[tag]:
                del self.tagged_commands[tag]
                return False
        return True

    def end_idle(self) -> None:
        """Take what the server has told meanwhile, and have it ready for commands again."""
        self.send(b"DONE\r\n")
        while not self.tagged_commands[self._idle_tag]:
            self._heed()
        del self.tagged_commands[self._idle_tag]

    def _heed(self) -> bytes | None:
        """Return the next line that the server says, None for its "+"; raise ``abort`` where it says farewell."""
        line: bytes | None = self._get_response()
        if "BYE" in self.untagged_responses:
            raise self.abort("the server said BYE")
        return line

    def stirs(self, *, readable: bool) -> bool:
        """Say, without waiting, whether something is to be read, or the connection has ended.

        ``readable``: the socket is. That alone means nothing for TLS, which exchanges words of its own; and a line that
        came together with an earlier one is in the buffer, where nobody sees it from outside.
        """
        seconds = self.sock.gettimeout()
        self.sock.settimeout(0)
        try:
            return bool(self.file.peek(1)) or readable  # type: ignore[union-attr]  # the file is a buffered one
        except ssl.SSLWantReadError:
            return False
        finally:
            self.sock.settimeout(seconds)


class _Client(IMAPClient):  # type: ignore[misc]  # IMAPClient has no types
    """IMAPClient over a socket of ours: its own constructor connects, and nothing could end it from outside."""

    def __init__(self, sock: socket.socket, settings: MailboxSettings) -> None:
        literal_bytes = 2 * settings.max_message_bytes + _BATCH_BYTES
        self.channel = _Channel(sock, settings.host, settings.port, literal_bytes)
        super().__init__(
            settings.host,
            settings.port,
            ssl=settings.tls == "tls",
            timeout=SocketTimeout(settings.connect_seconds, settings.read_seconds),
        )
        self.normalise_times = False
        # IMAPClient turns imaplib's trace on: each body would be formatted for a log that must not hold it.
        self.channel.debug = 0

    def _create_IMAP4(self) -> _Channel:  # noqa: N802  # the name is IMAPClient's
        return self.channel


class MailboxSession:
    """A logged-in connection to one mailbox, as a context manager; see ``connect``.

    Not for two threads at once, but for ``close_now``. Every failure is a MailboxError; after most the connection is
    gone and ``usable`` is False. It stays True where only one folder is at fault.
    """

    def __init__(self, settings: MailboxSettings) -> None:
        self.settings = settings
        self.usable = False
        # UIDVALIDITY and UID of the messages that are being fetched; after a failure those that may be to blame for it.
        self.in_hand: tuple[tuple[int, int], ...] = ()
        self._lifeline = Lifeline()
        # Of the requests for tokens, which come before the connection or in the middle of its login.
        self._token_lifeline = Lifeline()
        self._token: Token | None = None
        # A server may repeat in its answer what it was sent.
        self._sent = {settings.credential} if isinstance(settings.credential, str) else set[str]()
        self._sock: socket.socket | None = None
        self._client: _Client | None = None
        self._layout_found: _Layout | None = None
        self._names: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            for _step in self.opening():
                pass
        except BaseException:
            self.leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def close_now(self) -> None:
        """End the connection from another thread: what waits on the server fails within the second."""
        self._token_lifeline.cut(_STOPPED)
        self._lifeline.cut(_STOPPED)

    def collect(
        self,
        folder: str,
        cursor: Position | None,
        accept: Accept,
        *,
        now: datetime,
        stopping: Callable[[], bool],
        tries: Tries = NONE_FAILED,
    ) -> Collected:
        """Hand every message behind the cursor to ``accept``, oldest first, in batches; return the counts.

        ``accept`` gets arrivals and the position reached by them, to be committed together; what it raises passes
        through. It is first called without arrivals where the position itself changes: at the first contact with the
        folder (cursor None) and after a change of UIDVALIDITY, which makes everything be read again. ``stopping`` is
        asked between two batches. The folder is opened read-only and no flag changes. The cursor passes messages that
        have failed too often by ``tries``; ``compare`` tries them again.
        """
        with self._asking(Step.FOLDER, self.settings.deadlines.metadata_seconds):
            state = self._select(folder, readonly=True)
            self._need().channel.announced = False
            start = self._start(state, cursor, now)
        if start != cursor:
            accept((), start)
        with self._asking(Step.SEARCH, self.settings.deadlines.metadata_seconds):
            uids = self._uids_after(start.last_uid, state)
        left_out = [uid for uid in uids if tries.get((start.uid_validity, uid), 0) >= MOST_TRIES]
        tally = {"fetched": 0, "too_large": 0, "vanished": 0}
        position = start
        wanted = sorted({*uids}.difference(left_out))
        for arrivals, last_uid, vanished in self._batches(folder, start.uid_validity, wanted, now, tries):
            position = Position(uid_validity=start.uid_validity, last_uid=last_uid)
            accept(arrivals, position)
            tally["fetched"] += len(arrivals)
            tally["too_large"] += sum(arrival.too_large for arrival in arrivals)
            tally["vanished"] += vanished
            if stopping():
                break
        else:
            if left_out and left_out[-1] > position.last_uid:
                position = replace(start, last_uid=left_out[-1])
                accept((), position)
        return Collected(
            position=position,
            left_out=len(left_out),
            first_contact=cursor is None,
            uid_validity_changed=cursor is not None and cursor.uid_validity != start.uid_validity,
            **tally,
        )

    def compare(
        self,
        folder: str,
        cursor: Position,
        missed: Callable[[Sequence[int]], Sequence[int]],
        accept: Accept,
        *,
        since: datetime,
        now: datetime,
        stopping: Callable[[], bool],
        tries: Tries = NONE_FAILED,
    ) -> Compared:
        """Hand over what an earlier ``collect`` should have given: messages below the cursor, from ``since`` on.

        ``missed`` gets their UIDs and returns those that are not known. Of those that have failed too often by
        ``tries`` one is tried, after all the others, however old it is: that with the fewest. ``stopping`` is asked
        between two batches.
        """
        with self._asking(Step.FOLDER, self.settings.deadlines.metadata_seconds):
            if self._select(folder, readonly=True)[b"UIDVALIDITY"] != cursor.uid_validity:
                return Compared()
        with self._asking(Step.SEARCH, self.settings.deadlines.metadata_seconds):
            # SINCE looks at days in whatever zone the server likes.
            recent = self._need().search(["SINCE", (since - timedelta(days=1)).date()])
        failed = {uid: n for (v, uid), n in tries.items() if v == cursor.uid_validity and n >= MOST_TRIES}
        unknown = missed([uid for uid in recent if uid <= cursor.last_uid])
        wanted = sorted(set(unknown) - failed.keys()) + sorted(failed, key=lambda uid: (failed[uid], uid))[:1]
        fetched = done = 0
        for arrivals, last_uid, _ in self._batches(folder, cursor.uid_validity, wanted, now, tries):
            accept(arrivals, cursor)
            fetched += len(arrivals)
            done = wanted.index(last_uid) + 1
            if stopping():
                break
        return Compared(fetched=fetched, done=tuple((cursor.uid_validity, uid) for uid in wanted[:done]))

    @property
    def can_idle(self) -> bool:
        """Whether the server says by itself what happens in a folder."""
        return bool(self._need().has_capability("IDLE"))

    @property
    def announced(self) -> bool:
        """Whether the server has told of mail since ``collect`` last opened the folder: it may not tell again."""
        return self._need().channel.announced

    def idle(self, seconds: float, bell: int, tick: Callable[[], None], *, slice_seconds: float = 30.0) -> Idled:
        """Wait until the server says anything of the folder that was opened last, for so many seconds at most.

        Ends early when the descriptor ``bell`` can be read. ``tick`` is called before each slice of the waiting. What
        the server has said is not looked at: ``collect`` finds out what there is.
        """
        channel = self._need().channel
        with self._asking(Step.IDLE, self.settings.deadlines.login_seconds):
            if not channel.begin_idle():
                return Idled.REFUSED
        with self._asking(Step.IDLE, seconds + self.settings.deadlines.login_seconds):
            outcome = self._listen(channel, seconds, bell, tick, slice_seconds)
        with self._asking(Step.IDLE, self.settings.deadlines.login_seconds):
            channel.end_idle()
        return outcome

    def _listen(
        self, channel: _Channel, seconds: float, bell: int, tick: Callable[[], None], slice_seconds: float
    ) -> Idled:
        poll, end = select.poll(), time.monotonic() + seconds
        poll.register(channel.sock, select.POLLIN)
        poll.register(bell, select.POLLIN)
        ready: set[int] = set()
        while bell not in ready:
            tick()
            if channel.announced or channel.stirs(readable=channel.sock.fileno() in ready):
                return Idled.HEARD
            left = end - time.monotonic()
            if left <= 0:
                return Idled.SILENT
            ready = {descriptor for descriptor, _ in poll.poll(1000 * min(left, slice_seconds))}
        return Idled.RUNG

    def latest(self, folder: str, count: int, *, now: datetime) -> list[Arrival]:
        """Return the newest so many messages of a folder, oldest first, changing nothing."""
        with self._asking(Step.FOLDER, self.settings.deadlines.metadata_seconds):
            state = self._select(folder, readonly=True)
        with self._asking(Step.SEARCH, self.settings.deadlines.metadata_seconds):
            uids = self._uids_after(0, state)[-count:]
        batches = self._batches(folder, state[b"UIDVALIDITY"], uids, now, NONE_FAILED)
        return [arrival for arrivals, _, _ in batches for arrival in arrivals]

    def file(self, folder: str, uid_validity: int, wishes: Sequence[Wish]) -> Filed:
        """Flag or move messages as the settings say; return which are now proven filed.

        A wish is a UID with a flag (``after`` "flag") or a target folder, made where it is missing ("move"). The
        answers of the server prove nothing: filed is what a later SEARCH no longer finds as it was, so a message that
        somebody took away counts too. Repeating a wish is harmless. What cannot be done at all is one ``problem``.
        """
        if not wishes or self.settings.after == "keep":
            return Filed()
        with self._asking(Step.FILE, self.settings.deadlines.body_seconds):
            try:
                state = self._select(folder, readonly=False)
            except imaplib.IMAP4.readonly:
                return Filed(problem=f'folder "{folder}" is read-only for this login: nothing can be filed in it')
            if state[b"UIDVALIDITY"] != uid_validity:
                return Filed(obsolete=tuple(uid for uid, _ in wishes))
            file_as = self._flag if self.settings.after == "flag" else self._move
            outcomes = [file_as(folder, state, what, uids) for what, uids in _by_wish(wishes)]
        return Filed(
            uids=tuple(sorted(uid for outcome in outcomes for uid in outcome.uids)),
            problem=next((outcome.problem for outcome in outcomes if outcome.problem), None),
        )

    def opening(self) -> Iterator[Step]:
        """Connect, step by step, yielding each step that is done. Entering the session runs it through."""
        settings, deadlines = self.settings, self.settings.deadlines
        self._check_settings()
        if isinstance(settings.credential, TokenSource):
            self._token = self._ask_for_token(settings.credential.token)
            yield Step.TOKEN
        with self._asking(Step.NAME, deadlines.login_seconds):
            addresses = look_up(settings.host, settings.port)
        yield Step.NAME
        with self._asking(Step.CONNECT, deadlines.login_seconds):
            self._sock = reach(
                addresses,
                self._lifeline,
                seconds=settings.connect_seconds,
                silent_seconds=settings.read_seconds,
            )
        yield Step.CONNECT
        if settings.tls == "tls":
            with self._asking(Step.TLS, deadlines.login_seconds):
                self._sock = secure(self._sock, self._tls_context(), settings.host)
            yield Step.TLS
        with self._asking(Step.GREETING, deadlines.login_seconds):
            self._client = _Client(self._sock, settings)
        yield Step.GREETING
        if settings.tls == "starttls":
            with self._asking(Step.TLS, deadlines.login_seconds):
                self._start_tls(self._client)
            yield Step.TLS
        with self._asking(Step.LOGIN, deadlines.login_seconds):
            self._log_in(self._client)
            self._client.capabilities()
        self.usable = True
        yield Step.LOGIN

    def leave(self) -> None:
        """Log out if that is still possible, and close. May be called twice."""
        client, self._client = self._client, None
        if client is not None and self.usable:
            with suppress(*_FOREIGN), self._lifeline.deadline(_LOGOUT_SECONDS):
                client.logout()
        self.usable = False
        if client is not None:
            with suppress(*_FOREIGN):
                client.shutdown()
        if self._sock is not None:
            self._sock.close()
        self._token_lifeline.close()
        self._lifeline.close()

    # Opening

    def _check_settings(self) -> None:
        settings = self.settings
        password = settings.credential if isinstance(settings.credential, str) else ""
        if settings.tls == "none" and not is_loopback(settings.host):
            raise self._error(
                Step.SETTINGS,
                f'tls = "none" would send the {"password" if password else "token"} readable to {settings.host}',
                'use tls = "tls" or "starttls"; "none" is for a server on this machine (localhost, 127.0.0.1)',
                permanent=True,
            )
        if any(character in settings.username + password for character in "\r\n\0\1"):
            raise self._error(
                Step.SETTINGS,
                "username or password holds a line break or a NUL",
                "take it out of the file or the variable that it is read from",
                permanent=True,
            )

    def _tls_context(self) -> ssl.SSLContext:
        try:
            return tls_context(self.settings.ca_file)
        except OSError as error:
            raise self._error(
                Step.TLS,
                f"ca_file {self.settings.ca_file} cannot be used: {error.strerror or error}",
                "expected a readable file with certificates in PEM form",
                permanent=True,
            ) from error

    def _start_tls(self, client: _Client) -> None:
        if not client.has_capability("STARTTLS"):
            raise self._error(
                Step.TLS,
                "the server does not offer STARTTLS",
                'use tls = "tls" with its TLS port (993 as a rule)',
                permanent=True,
            )
        client.starttls(self._tls_context())

    def _log_in(self, client: _Client) -> None:
        credential = self.settings.credential
        if client.channel.state != "NONAUTH":
            return
        if isinstance(credential, str):
            self._log_in_by_password(client, credential)
        else:
            self._log_in_by_token(client, credential)

    def _log_in_by_password(self, client: _Client, password: str) -> None:
        username, offered = self.settings.username, client.capabilities()
        try:
            if b"AUTH=PLAIN" in offered:
                client.plain_login(username, password)
                return
            self._check_plain_login(offered, password)
            # imaplib quotes the password and not the user name.
            client.login(_quoted(username), password)
        except LoginError as error:
            words = _refusal(error)
            advice = "tried again later" if _LATER.search(words) else "check username and password"
            raise self._refused_login(words, advice) from error

    def _check_plain_login(self, offered: Sequence[bytes], password: str) -> None:
        if b"LOGINDISABLED" in offered:
            raise self._error(
                Step.LOGIN,
                "the server allows no login with a password on this connection",
                'use tls = "tls" or "starttls"; if it is TLS already, the server wants another kind of login',
                permanent=True,
            )
        if not (self.settings.username + password).isascii():
            raise self._error(
                Step.LOGIN,
                "username or password is not ASCII and the server offers no AUTHENTICATE PLAIN, which could carry it",
                "choose a password in ASCII",
                permanent=True,
            )

    def _refused_login(self, words: str, advice: str) -> MailboxError:
        return self._error(
            Step.LOGIN,
            f'login as "{self.settings.username}" refused: {words}',
            advice,
            permanent=not _LATER.search(words),
        )

    # Tokens

    def _ask_for_token(self, ask: Callable[[Lifeline], Token]) -> Token:
        try:
            return ask(self._token_lifeline)
        except TokenError as error:
            if self._token_lifeline.cut_because == _STOPPED:
                raise self._error(Step.TOKEN, _STOPPED, "nothing is lost") from error
            raise self._error(Step.TOKEN, error.found, error.advice, permanent=error.permanent) from error

    def _log_in_by_token(self, client: _Client, source: TokenSource) -> None:
        """Log in with the token at hand, and with a fresh one where the server refuses that."""
        mechanism = self._token_mechanism(client)
        assert self._token is not None
        refusal = self._offer_token(client, mechanism, self._token)
        if refusal and not _LATER.search(refusal):
            self._token = self._ask_for_token(partial(source.renewed, self._token))
            # Some servers hang up after a refusal: what they said stands then.
            with suppress(imaplib.IMAP4.abort):
                refusal = self._offer_token(client, mechanism, self._token)
        if refusal:
            advice = "tried again later" if _LATER.search(refusal) else source.cure(self._token)
            raise self._refused_login(refusal, advice)

    def _token_mechanism(self, client: _Client) -> str:
        offered = client.capabilities()
        for mechanism in ("OAUTHBEARER", "XOAUTH2"):
            if f"AUTH={mechanism}".encode() in offered:
                return mechanism
        raise self._error(
            Step.LOGIN,
            "the server offers no login with a token on this connection",
            "set a password instead of [mailbox.oauth2], or check host, port and tls",
            permanent=True,
        )

    def _offer_token(self, client: _Client, mechanism: str, token: Token) -> str:
        """Log in and return "", or the words of the refusal."""
        self._sent.add(token.value)
        opening, closing = _token_login(mechanism, self.settings, token.value)
        challenges: list[bytes] = []

        def respond(challenge: bytes) -> str:
            challenges.append(challenge)
            # A second challenge says why the first answer was not taken, and asks for nothing.
            return opening if len(challenges) == 1 else closing

        try:
            client.sasl_login(mechanism, respond)
        except LoginError as error:
            return ": ".join(filter(None, (_refusal(error), _stated(challenges[1:]))))
        return ""

    # Folders and their names

    def _select(self, folder: str, *, readonly: bool) -> dict[bytes, Any]:
        """Open a folder under the first of its spellings that the server knows."""
        client, words = self._need(), ""
        for name in self._spellings(folder):
            state: dict[bytes, Any] | None
            state, refused = _attempt(partial(client.select_folder, name, readonly=readonly))
            words = refused or words
            if state is not None and b"UIDVALIDITY" in state:
                self._names[folder] = name
                return state
            if state is not None:
                raise self._no_uid_validity(folder)
        raise self._no_folder(folder, words)

    def _spellings(self, folder: str) -> Iterator[str]:
        """Yield the names that a folder of the configuration may have on the server, the likeliest first."""
        if folder in self._names:
            yield self._names[folder]
            return
        if folder.upper() == "INBOX":
            yield "INBOX"
            return
        yield folder
        for name in _with_prefix(folder, self._layout()):
            if name != folder:
                yield name

    def _layout(self) -> _Layout:
        """Return delimiter, prefix and names of the folders; asked once a session."""
        if self._layout_found is None:
            self._layout_found = self._find_layout(self._need())
        return self._layout_found

    def _find_layout(self, client: _Client) -> _Layout:
        listed = [(flags, delimiter, str(name)) for flags, delimiter, name in client.list_folders()]
        names = tuple(name for flags, _, name in listed if not {b"\\noselect", b"\\nonexistent"} & _folded(flags))
        delimiter = next((bytes(found).decode() for _, found, _ in listed if found), "")
        if client.has_capability("NAMESPACE"):
            personal = client.namespace().personal or ()
            prefix = personal[0][0] if personal else ""
            return _Layout(prefix=prefix, delimiter=delimiter, names=names)
        # An old Courier: everything but INBOX lies below INBOX.
        below, others = f"INBOX{delimiter}", [name for name in names if name.upper() != "INBOX"]
        nested = bool(delimiter) and bool(others) and all(name.upper().startswith(below) for name in others)
        # Where there is INBOX alone, nothing shows whether other folders lie below it.
        last_resort = below if delimiter and not others else ""
        return _Layout(prefix=below if nested else "", delimiter=delimiter, names=names, last_resort=last_resort)

    def _no_folder(self, folder: str, words: str) -> MailboxError:
        layout = self._layout()
        if set(layout.names) & {folder, *_with_prefix(folder, layout)}:
            later = bool(_LATER.search(words))
            return self._error(
                Step.FOLDER,
                f'folder "{folder}" cannot be opened: {words}',
                "it is tried again" if later else "check the rights of this login",
                permanent=not later,
            )
        near = _near(folder, layout.names)
        return self._error(
            Step.FOLDER,
            f'folder "{folder}" does not exist ({words})',
            f"there are: {', '.join(near)}" if near else "this login sees no folder at all: check its rights",
            permanent=True,
        )

    def _no_uid_validity(self, folder: str) -> MailboxError:
        return self._error(
            Step.FOLDER,
            f'the server states no UIDVALIDITY for folder "{folder}"',
            "such a folder cannot be read without doubling; use another",
            permanent=True,
        )

    def _target(self, folder: str) -> tuple[str | None, str]:
        """Return the name of a target folder on the server, made where it is missing, or None and why not."""
        layout, client, words = self._layout(), self._need(), ""
        for name in (folder, *_with_prefix(folder, layout)):
            known = next((held for held in layout.names if _same_folder(held, name)), None)
            if known is not None:
                return known, ""
        names = _with_prefix(folder, layout)[::-1]
        if layout.last_resort:
            names = _with_prefix(folder, replace(layout, prefix=layout.last_resort))
        for name in names:
            _, words = _attempt(partial(client.create_folder, name))
            # Mail programs show the folders that are subscribed.
            _attempt(partial(client.subscribe_folder, name))
            self._layout_found = None
            if not words or name in self._layout().names:
                return name, ""
        return None, words

    # Collecting

    def _start(self, state: Mapping[bytes, Any], cursor: Position | None, now: datetime) -> Position:
        uid_validity: int = state[b"UIDVALIDITY"]
        if cursor is not None and cursor.uid_validity == uid_validity:
            return cursor
        if cursor is not None or self.settings.initial == "all":
            return Position(uid_validity=uid_validity, last_uid=0)
        return Position(uid_validity=uid_validity, last_uid=self._first_uid(state, now) - 1)

    def _first_uid(self, state: Mapping[bytes, Any], now: datetime) -> int:
        """Return the UID that the first run begins with, by the setting ``initial``."""
        client, initial = self._need(), self.settings.initial
        wanted: list[int] = []
        if isinstance(initial, int):
            # SINCE looks at days in whatever zone the server likes, so one day more is asked for.
            wanted = client.search(["SINCE", (now - timedelta(days=initial + 1)).date()])
        if wanted:
            return min(wanted)
        if b"UIDNEXT" in state:
            return int(state[b"UIDNEXT"])
        return max(client.search(["UID", "1:*"]), default=0) + 1

    def _uids_after(self, last_uid: int, state: Mapping[bytes, Any]) -> list[int]:
        if not state.get(b"EXISTS") or state.get(b"UIDNEXT") == last_uid + 1:
            return []
        # "n:*" holds the last message even where its UID is below n.
        found = self._need().search(["UID", f"{last_uid + 1}:*"])
        return sorted({uid for uid in found if uid > last_uid})

    def _batches(
        self, folder: str, uid_validity: int, uids: Sequence[int], now: datetime, tries: Tries
    ) -> Iterator[tuple[list[Arrival], int, int]]:
        """Yield (arrivals, highest UID dealt with, how many had vanished), in the order of the UIDs."""
        alone = {uid for uid in uids if (uid_validity, uid) in tries}
        for chunk in _portions(uids, alone):
            with self._fetching(uid_validity, chunk, self.settings.deadlines.metadata_seconds):
                listed = self._list(chunk)
            for batch in _by_size(listed):
                with self._fetching(uid_validity, [entry.uid for entry in batch], self._body_seconds(batch)):
                    bodies = self._bodies(batch)
                arrivals = [
                    self._arrival(folder, uid_validity, entry, bodies[entry.uid], now)
                    for entry in batch
                    if entry.uid in bodies
                ]
                yield arrivals, batch[-1].uid, len(batch) - len(arrivals)
            gone = len(chunk) - len(listed)
            if gone:
                yield [], chunk[-1], gone

    @contextmanager
    def _fetching(self, uid_validity: int, uids: Sequence[int], seconds: float) -> Iterator[None]:
        self.in_hand = tuple((uid_validity, uid) for uid in uids)
        with self._asking(Step.FETCH, seconds):
            yield
        self.in_hand = ()

    def _list(self, uids: Sequence[int]) -> list[_Listed]:
        """Return size and date of those messages that are still there."""
        # Never ENVELOPE or BODYSTRUCTURE: servers compute them, and compute them wrongly.
        answer = self._need().fetch(uids, ["RFC822.SIZE", "INTERNALDATE"])
        listed = [
            _Listed(
                uid=uid,
                size=answer[uid][b"RFC822.SIZE"],
                too_large=answer[uid][b"RFC822.SIZE"] > self.settings.max_message_bytes,
                internal_date=_utc(answer[uid].get(b"INTERNALDATE")),
            )
            for uid in uids
            if b"RFC822.SIZE" in answer.get(uid, ())
        ]
        self._check_gone(set(uids) - {entry.uid for entry in listed})
        return listed

    def _body_seconds(self, batch: Sequence[_Listed]) -> float:
        # A large message on a slow line is no reason to give up: 64 KiB a second are enough.
        return self.settings.deadlines.body_seconds + sum(entry.size for entry in batch) / 65536

    def _bodies(self, batch: Sequence[_Listed]) -> dict[int, _Body]:
        """Return the bytes of those messages that are still there; one that is too large is alone in its batch."""
        cut, uids = batch[0].too_large, [entry.uid for entry in batch]
        item = f"BODY.PEEK[]<0.{_HEAD_BYTES}>" if cut else "BODY.PEEK[]"
        answer, words = _attempt(lambda: self._need().fetch(uids, [item]))
        if answer is None and len(batch) == 1:
            return self._head_of_refused(uids[0], words)
        if answer is None:
            return {uid: body for entry in batch for uid, body in self._bodies([entry]).items()}
        bodies = {uid: _Body(raw=raw, cut=cut) for uid in uids if (raw := _section(answer.get(uid, {}))) is not None}
        self._check_gone(set(uids) - bodies.keys())
        return bodies

    def _head_of_refused(self, uid: int, words: str) -> dict[int, _Body]:
        """Return the headers of a message whose body the server refuses, so that it blocks no other one."""
        refused = self._error(
            Step.FETCH, f"the server does not hand out UID {uid}: {words}", "look at that message on the server"
        )
        if _LATER.search(words):
            raise refused
        answer, _ = _attempt(lambda: self._need().fetch([uid], ["BODY.PEEK[HEADER]"]))
        raw = _section((answer or {}).get(uid, {}))
        if raw is not None:
            return {uid: _Body(raw=raw, cut=True)}
        self._check_gone({uid})
        return {}

    def _check_gone(self, uids: set[int]) -> None:
        """Make sure that what was not handed out is gone: the cursor must not pass what the server still lists."""
        if not uids:
            return
        client = self._need()
        client.noop()
        listed = sorted(client.search(["UID", _set_of(sorted(uids))]))
        if listed:
            raise self._error(
                Step.FETCH,
                f"the server lists UID {listed[0]} and does not hand it out",
                "look at that message on the server",
            )

    def _arrival(self, folder: str, uid_validity: int, entry: _Listed, body: _Body, now: datetime) -> Arrival:
        envelope = read_envelope(body.raw)
        return Arrival(
            raw=body.raw,
            place=Place(mailbox=self.settings.name, folder=folder, uid_validity=uid_validity, imap_uid=entry.uid),
            envelope=envelope,
            received_at=receipt(envelope, internal_date=entry.internal_date, now=now),
            # Some servers state a size that is not quite that of what they hand out.
            size=entry.size if body.cut else len(body.raw),
            too_large=body.cut,
        )

    # Filing

    def _flag(self, folder: str, state: Mapping[bytes, Any], flag: str, uids: Sequence[int]) -> Filed:
        if not _takes_flag(state, flag):
            return Filed(problem=f'folder "{folder}" takes no flag "{flag}": use after = "move" or "keep"')
        client = self._need()
        _, words = _attempt(lambda: client.add_flags(uids, [flag], silent=True))
        lacking = _LACKING.get(flag.lower())
        criteria = [lacking] if lacking else ["UNKEYWORD", flag]
        left = set(client.search(["UID", _set_of(uids), *criteria]))
        problem = f'folder "{folder}": the server does not keep the flag "{flag}" ({words or "no error"})'
        return Filed(uids=tuple(uid for uid in uids if uid not in left), problem=problem if left else None)

    def _move(self, folder: str, state: Mapping[bytes, Any], target: str, uids: Sequence[int]) -> Filed:
        client = self._need()
        there = client.search(["UID", _set_of(uids)])
        if not there:
            return Filed(uids=tuple(uids))
        name, words = self._target(target)
        if name is None:
            return Filed(problem=f'folder "{target}" is missing and cannot be made: {words}')
        if _same_folder(name, self._names[folder]):
            return Filed(problem=f'messages of folder "{folder}" cannot be moved to "{target}": it is the same folder')
        if client.has_capability("MOVE"):
            _, words = _attempt(lambda: client.move(there, name))
            criteria: list[str] = []
        else:
            words, criteria = self._copy_and_delete(there, name)
        left = set(client.search(["UID", _set_of(uids), *criteria]))
        if left:
            # The target may have been removed meanwhile: look for it, and make it, the next time.
            self._layout_found = None
        problem = f'messages of folder "{folder}" stay there, not moved to "{target}": {words or "no error"}'
        return Filed(uids=tuple(uid for uid in uids if uid not in left), problem=problem if left else None)

    def _copy_and_delete(self, uids: Sequence[int], name: str) -> tuple[str, list[str]]:
        r"""Move without MOVE; return the server's words of a refusal, and how to search for what is left.

        Those that carry \Deleted were copied before, or deleted by a person: they are not copied again. Without
        UIDPLUS nothing is expunged, for EXPUNGE would take along what others have deleted; \Deleted has to do.
        """
        client = self._need()
        fresh = client.search(["UID", _set_of(uids), "UNDELETED"])
        if fresh:
            _, words = _attempt(lambda: client.copy(fresh, name))
            if words:
                return words, ["UNDELETED"]
            _attempt(lambda: client.add_flags(fresh, [b"\\Deleted"], silent=True))
        if not client.has_capability("UIDPLUS"):
            return "", ["UNDELETED"]
        _, words = _attempt(lambda: client.uid_expunge(client.search(["UID", _set_of(uids), "DELETED"])))
        return words, []

    # Telling

    def describe(self, step: Step, now: datetime) -> Finding:
        """Return a finding on a step of ``opening`` that is done."""
        if step is Step.TLS:
            return self._describe_tls(now)
        if step is Step.TOKEN:
            return self._describe_token()
        return Finding(step=step, ok=True, text=self._mailbox_line(_DONE[step].format(settings=self.settings)))

    def describe_capabilities(self) -> Finding:
        """Return a finding on the extensions that matter here; a warning where moving will be second best."""
        client = self._need()
        offered = [name for name in _CAPABILITIES if client.has_capability(name)]
        absent = [name for name in _CAPABILITIES if name not in offered]
        text = f"offers {', '.join(offered) or 'none'} of {', '.join(_CAPABILITIES)}"
        if self.settings.after == "move" and "MOVE" in absent and "UIDPLUS" in absent:
            advice = "without MOVE and UIDPLUS a message is copied, and the one left behind is only marked as deleted"
            return Finding(step=Step.CAPABILITIES, ok=None, text=self._mailbox_line(f"{text}; {advice}"))
        return Finding(step=Step.CAPABILITIES, ok=True, text=self._mailbox_line(text))

    def describe_folder(self, folder: str) -> Finding:
        """Return a finding on a folder that is read: what is in it, or the names that are near."""
        try:
            with self._asking(Step.FOLDER, self.settings.deadlines.metadata_seconds):
                state = self._select(folder, readonly=True)
                layout = self._layout()
        except MailboxError as error:
            if not self.usable:
                raise
            return Finding(step=Step.FOLDER, ok=False, text=str(error))
        shown = self._names[folder]
        text = (
            f'folder "{folder}"{"" if shown == folder else f" (on the server: {shown})"}: '
            f"{state.get(b'EXISTS', 0)} messages, UIDVALIDITY {state[b'UIDVALIDITY']}, delimiter {layout.delimiter!r}"
        )
        return Finding(step=Step.FOLDER, ok=True, text=self._mailbox_line(text))

    def describe_filing(self) -> Iterator[Finding]:
        """Yield a finding for each folder that messages are filed in, and for each that they are moved to."""
        if self.settings.after == "keep":
            return
        for folder in dict.fromkeys(self.settings.folders):
            with self._asking(Step.FILE, self.settings.deadlines.metadata_seconds):
                finding = self._describe_writing(folder)
            yield finding
        for target in (self.settings.done_folder, self.settings.quarantine_folder):
            if self.settings.after == "move" and target is not None:
                with self._asking(Step.FILE, self.settings.deadlines.metadata_seconds):
                    finding = self._describe_target(target)
                yield finding

    def _describe_token(self) -> Finding:
        source = self.settings.credential
        assert isinstance(source, TokenSource)
        assert self._token is not None
        good, text = source.describe(self._token)
        return Finding(step=Step.TOKEN, ok=good, text=self._mailbox_line(text))

    def _describe_tls(self, now: datetime) -> Finding:
        sock = self._client.socket() if self._client else self._sock
        assert isinstance(sock, ssl.SSLSocket)
        certificate = sock.getpeercert() or {}
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
        days = (ends - now).days
        text = f"{sock.version()}, certificate trusted for {self.settings.host} until {ends:%Y-%m-%d} ({days} days)"
        return Finding(step=Step.TLS, ok=True if days >= _EXPIRY_DAYS else None, text=self._mailbox_line(text))

    def _describe_writing(self, folder: str) -> Finding:
        try:
            state = self._select(folder, readonly=False)
        except imaplib.IMAP4.readonly:
            text = f'folder "{folder}" is read-only for this login; give it the right to write, or use after = "keep"'
            return Finding(step=Step.FILE, ok=False, text=self._mailbox_line(text))
        except MailboxError as error:
            return Finding(step=Step.FILE, ok=False, text=str(error))
        if self.settings.after == "flag" and not _takes_flag(state, self.settings.flag):
            text = f'folder "{folder}" takes no flag "{self.settings.flag}": use after = "move" or "keep"'
            return Finding(step=Step.FILE, ok=False, text=self._mailbox_line(text))
        return Finding(step=Step.FILE, ok=True, text=self._mailbox_line(f'folder "{folder}" can be written to'))

    def _describe_target(self, target: str) -> Finding:
        layout = self._layout()
        wanted = (target, *_with_prefix(target, layout))
        known = [held for held in layout.names if any(_same_folder(held, name) for name in wanted)]
        text = f'folder "{known[0]}" exists' if known else f'folder "{wanted[-1]}" will be made at the first move'
        return Finding(step=Step.FILE, ok=True, text=self._mailbox_line(text))

    def _mailbox_line(self, text: str) -> str:
        return f'mailbox "{self.settings.name}": {text}'

    # Asking, and naming what fails

    def _need(self) -> _Client:
        if self._client is None or not self.usable:
            raise self._error(Step.CONNECT, "the session is over", "open another")
        return self._client

    @contextmanager
    def _asking(self, step: Step, seconds: float) -> Iterator[None]:
        """Run one step under its deadline; what a bad connection or a bad answer raises becomes a MailboxError."""
        try:
            with self._lifeline.deadline(seconds):
                yield
        except _FOREIGN as error:
            failure = self._failure(step, error)
            self.usable = False
            raise failure from error

    def _failure(self, step: Step, error: Exception) -> MailboxError:
        settings = self.settings
        if self._lifeline.cut_because == _STOPPED:
            return self._error(step, _STOPPED, "nothing is lost")
        if self._lifeline.cut_because is not None:
            return self._error(step, f"the server is too slow: {self._lifeline.cut_because}", "tried again later")
        said = self._client.channel.untagged_responses.get("BYE", []) if self._client else []
        if said and isinstance(said[-1], bytes):
            words = _clean(said[-1])
            kind = MailboxFailure.LIMITED if _LIMITED.search(words) else MailboxFailure.ENDED
            return self._error(step, f"the server said BYE: {words}", "it is tried again", kind=kind)
        if step is Step.GREETING and isinstance(error, TimeoutError) and settings.tls != "tls":
            advice = f'if port {settings.port} is for TLS, where a server is silent like this, use tls = "tls"'
            return self._error(step, "connected, and then no greeting", advice)
        trouble = explain(error, host=settings.host, port=settings.port, ca_file=settings.ca_file)
        if trouble is not None:
            return self._error(step, trouble.found, trouble.advice, permanent=trouble.permanent)
        found, advice = _explain_imap(step, error)
        if isinstance(settings.credential, TokenSource) and self._token and _NO_MAILBOX in found:
            advice = settings.credential.cure(self._token)
        return self._error(step, found, advice)

    def _error(
        self, step: Step, found: str, advice: str, *, permanent: bool = False, kind: MailboxFailure | None = None
    ) -> MailboxError:
        settings = self.settings
        hidden = _short(hide(found, self._sent), _LONGEST_FOUND)
        where = f'mailbox "{settings.name}" ({settings.host}:{settings.port})'
        return MailboxError(
            f"{where}: {step}: {hidden}; {advice}",
            step=step,
            permanent=permanent,
            kind=kind or _kind(step, found, permanent),
        )


def connect(settings: MailboxSettings) -> MailboxSession:
    """Return a session for a ``with`` statement, which connects on entering and logs out on leaving.

    Who keeps the session before entering it can end even its connecting by ``close_now``.
    """
    return MailboxSession(settings)


def probe(settings: MailboxSettings, *, now: datetime) -> Iterator[Finding]:
    """Try a mailbox step by step, changing nothing in it; yield a finding for each step, the last one if it fails."""
    session = MailboxSession(settings)
    try:
        for step in session.opening():
            yield session.describe(step, now)
        yield session.describe_capabilities()
        for folder in dict.fromkeys(settings.folders):
            yield session.describe_folder(folder)
        yield from session.describe_filing()
    except MailboxError as error:
        yield Finding(step=error.step, ok=False, text=str(error))
    finally:
        session.leave()


_PERMANENT: Mapping[str, MailboxFailure] = {
    Step.SETTINGS: MailboxFailure.SETTINGS,
    Step.TOKEN: MailboxFailure.REFUSED,
    Step.LOGIN: MailboxFailure.REFUSED,
    Step.FOLDER: MailboxFailure.FOLDER,
}
_CAPABILITIES = ("MOVE", "UIDPLUS", "NAMESPACE", "IDLE")
_DONE = {
    Step.NAME: "host {settings.host} has an address",
    Step.CONNECT: "port {settings.port} answers",
    Step.GREETING: "the server speaks IMAP",
    Step.LOGIN: "logged in as {settings.username}",
}


def _attempt(ask: Callable[[], _T]) -> tuple[_T | None, str]:
    """Return an answer and "", or None and the words with which the server refused; other errors pass through."""
    try:
        return ask(), ""
    except imaplib.IMAP4.error as error:
        if isinstance(error, imaplib.IMAP4.abort | ProtocolError):
            raise
        return None, _words(error)


def _refusal(error: LoginError) -> str:
    """Return the words of a refused login. IMAPClient makes one of every error, a lost connection included."""
    if isinstance(error.__context__, imaplib.IMAP4.abort):
        raise imaplib.IMAP4.abort(str(error.__context__)) from error
    return _words(error)


def _token_login(mechanism: str, settings: MailboxSettings, token: str) -> tuple[str, str]:
    """Return what is said in a login, and what ends one that was refused. Source: RFC 7628 3; Google's XOAUTH2."""
    if mechanism == "XOAUTH2":
        return f"user={settings.username}\1auth=Bearer {token}\1\1", ""
    name = settings.username.replace("=", "=3D").replace(",", "=2C")
    place = f"host={settings.host}\1port={settings.port}"
    return f"n,a={name},\1{place}\1auth=Bearer {token}\1\1", "\1"


def _stated(challenges: Sequence[bytes]) -> str:
    """Return why a token was refused, as the server states it in JSON: status and scope. Source: RFC 7628 3.2.2."""
    try:
        found = json.loads(b"".join(challenges) or b"{}")
    except ValueError:
        return ""
    stated = found if isinstance(found, dict) else {}
    return _clean(", ".join(f"{key} {stated[key]}" for key in ("status", "scope") if stated.get(key))) if stated else ""


def _kind(step: str, found: str, permanent: bool) -> MailboxFailure:
    """Return what kind a failure is; one that no person need mend may be gone the next time."""
    if step in (Step.GREETING, Step.LOGIN) and _LIMITED.search(found):
        return MailboxFailure.LIMITED
    return _PERMANENT.get(step, MailboxFailure.UNREACHABLE) if permanent else MailboxFailure.UNREACHABLE


def _words(error: Exception) -> str:
    """Return what the server said in an error of imaplib, as one line for a person."""
    text = str(error)
    quoted = _BYTES_REPR.search(text)
    return _TOOK.sub("", _clean(quoted.group(2) if quoted else text))


def _clean(text: bytes | str) -> str:
    """Return foreign text as one short line without control characters."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    line = " ".join("".join(character if character.isprintable() else " " for character in words).split())
    return _short(line, _LONGEST_WORDS) or "no reason given"


def _short(line: str, length: int) -> str:
    return f"{line[:length]}…" if len(line) > length else line


def _explain_imap(step: Step, error: Exception) -> tuple[str, str]:
    """Return what was found and what to do for an error that is neither the network's nor a deadline's."""
    text = str(error)
    if isinstance(error, imaplib.IMAP4.abort) and "socket error" in text:
        return "connection lost", "it is tried again"
    if isinstance(error, imaplib.IMAP4.abort | ProtocolError) or not isinstance(error, imaplib.IMAP4.error):
        return f"the answer is not to be understood: {_clean(text)}", "is this the port of an IMAP server?"
    words = _words(error)
    if _NO_MAILBOX in words:
        return f"the server refused: {words}", "this login has no mailbox there: check its name, rights and token"
    return f"the server refused: {words}", "see what it says; it is tried again"


def _section(answer: Mapping[bytes, Any]) -> bytes | None:
    """Return the bytes in an answer to BODY.PEEK, whose key repeats section and origin, or None if there are none."""
    found = next((value for key, value in answer.items() if key.startswith(b"BODY[")), None)
    return found if isinstance(found, bytes) else None


def _utc(internal_date: datetime | None) -> datetime | None:
    try:
        return internal_date.astimezone(UTC) if internal_date is not None and internal_date.tzinfo else None
    except (ValueError, OverflowError):
        # A zone or a year that no calendar has.
        return None


def _by_size(listed: Sequence[_Listed]) -> Iterator[list[_Listed]]:
    """Yield runs of messages of at most 4 MiB together; one that is larger, or too large, comes alone."""
    run: list[_Listed] = []
    total = 0
    for entry in listed:
        if run and (entry.too_large or run[0].too_large or total + entry.size > _BATCH_BYTES):
            yield run
            run, total = [], 0
        run.append(entry)
        total += entry.size
    if run:
        yield run


def _portions(uids: Sequence[int], alone: Collection[int]) -> Iterator[list[int]]:
    """Yield UIDs in portions for one command each; those in ``alone`` have a portion each."""
    portion: list[int] = []
    for uid in uids:
        if portion and (len(portion) == _CHUNK or uid in alone or portion[-1] in alone):
            yield portion
            portion = []
        portion.append(uid)
    if portion:
        yield portion


def _chunks(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(uids), _CHUNK):
        yield uids[first : first + _CHUNK]


def _by_wish(wishes: Iterable[Wish]) -> Iterator[tuple[str, list[int]]]:
    """Yield what is wished with the UIDs it is wished for, in commands of a decent length."""
    grouped: dict[str, set[int]] = {}
    for uid, what in wishes:
        grouped.setdefault(what, set()).add(uid)
    for what, uids in grouped.items():
        for chunk in _chunks(sorted(uids)):
            yield what, list(chunk)


def _set_of(uids: Iterable[int]) -> str:
    return ",".join(str(uid) for uid in uids)


def _folded(flags: Iterable[bytes]) -> set[bytes]:
    return {bytes(flag).lower() for flag in flags}


def _takes_flag(state: Mapping[bytes, Any], flag: str) -> bool:
    """Return whether a folder keeps a flag. Source: RFC 9051 7.1, without PERMANENTFLAGS all can be changed."""
    kept = state.get(b"PERMANENTFLAGS")
    return kept is None or bool({b"\\*", flag.lower().encode()} & _folded(kept))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _with_prefix(folder: str, layout: _Layout) -> list[str]:
    """Return a folder's name in the delimiter of the server, as it stands and below the server's prefix."""
    name = folder.replace("/", layout.delimiter) if layout.delimiter else folder
    if not layout.prefix or name.casefold().startswith(layout.prefix.casefold()):
        return [name]
    return [name, layout.prefix + name]


def _same_folder(one: str, other: str) -> bool:
    return one == other or one.upper() == other.upper() == "INBOX"


def _near(folder: str, names: Sequence[str]) -> list[str]:
    """Return up to five names of folders, the most similar first, each in quotation marks."""
    by_fold = {name.casefold(): name for name in names}
    by_leaf = {re.split(r"[/.]", name)[-1].casefold(): name for name in names}
    leaf = re.split(r"[/.]", folder)[-1].casefold()
    near = [by_fold[found] for found in difflib.get_close_matches(folder.casefold(), by_fold, n=3)]
    near += [by_leaf[found] for found in difflib.get_close_matches(leaf, by_leaf, n=2)]
    return [f'"{name}"' for name in dict.fromkeys(near or sorted(names)[:5])]
