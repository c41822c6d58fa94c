"""A message: the bytes as received, where they were seen, and what became of them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from domain.events import Update


class Disposition(StrEnum):
    """What became of a message. Nothing is ever dropped."""

    RECEIVED = "received"
    APPLIED = "applied"
    IRRELEVANT = "irrelevant"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class Reason(StrEnum):
    """Why a message is in quarantine: a closed list, explained in docs/quarantine.md."""

    UNKNOWN_PROVIDER = "unknown_provider"
    UNPARSED = "unparsed"
    AMBIGUOUS = "ambiguous"
    PARTIAL = "partial"
    INVALID = "invalid"
    UNTRUSTED = "untrusted"
    PROPOSAL = "proposal"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    PARSER_CRASHED = "parser_crashed"
    PARSER_TIMEOUT = "parser_timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The headers that the ledger keeps, read without decoding the body.

    ``sender`` is the one address of a single From header, lower case; None where there is none or more than one, and
    ``sender_problem`` says which. ``date`` is the Date header, ``received_at`` the date of the topmost Received header.
    Header texts are decoded, cut to 998 characters, and free of control characters. ``evidence`` is the digest of the
    headers that say who sent it and what that is worth: they differ where one mail comes by two ways. ``header_size``
    is where the body begins.
    """

    message_id: str | None
    body_digest: str
    identity: str
    from_header: str
    sender: str | None
    sender_problem: str | None
    subject: str
    date: datetime | None
    received_at: datetime | None
    evidence: str = ""
    # Not what was said, but where: line ends change it.
    header_size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a message was seen. ``uid_validity`` and ``imap_uid`` are None for what was imported from a file."""

    mailbox: str
    folder: str
    uid_validity: int | None = None
    imap_uid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message as it comes in at the door, before it is in the ledger.

    ``received_at`` is the receipt (see ``receipt``); ``size`` the octets on the server; ``too_large`` that ``raw`` is
    only the beginning of the message.
    """

    raw: bytes
    place: Place
    envelope: Envelope
    received_at: datetime
    size: int
    too_large: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person said of one message; a fact, which every later reading of it heeds.

    ``provider`` and ``reader``: read it as this, whoever sent it and however it looks. ``released``: it is what it says
    that it is, although nothing proves it. ``accepted``: what was read is right, although it could not be applied by
    itself.
    """

    provider: str | None = None
    reader: str | None = None
    released: bool = False
    accepted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a message is read: what a person decided, and what its mailbox asks of a mail.

    ``authserv_id`` is the name under which our own mail server writes Authentication-Results, None where it does not.
    ``trusted_forwarders`` are the addresses, or ``@domain``, whose forwards count; None: everybody's, or nobody's where
    proof is asked for. ``proposal`` is what a model read in the message before, and what the decision accepts.
    ``verify_dkim``: its DKIM signatures count as we find them. ``trusted_arc_sealers`` are the domains whose word
    counts of how a message was when they received it. ``keys`` are the signers' keys that are known, by their names in
    the DNS: empty where it has none, None where it did not answer.
    """

    decision: Decision = Decision()
    proposal: tuple[Update, ...] = ()
    authserv_id: str | None = None
    trusted_forwarders: tuple[str, ...] | None = None
    verify_dkim: bool = False
    trusted_arc_sealers: tuple[str, ...] = ()
    keys: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def asks_proof(self) -> bool:
        """Say whether a mail must prove whose it is."""
        return bool(self.authserv_id or self.verify_dkim or self.trusted_arc_sealers)


# Nothing decided, nothing asked.
PLAIN_TERMS = Terms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Another copy of a message, that came with other evidence: where it was seen, and its headers."""

    mailbox: str
    headers: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of the ledger, with its bytes, as ``process`` needs it. ``mailbox`` is where it was seen first.

    ``proposal`` is what a model read in it, for a person to accept. ``keys`` are those of its signers as in ``Terms``.
    """

    id: int
    raw: bytes
    envelope: Envelope
    received_at: datetime
    attempts: int
    disposition: Disposition
    mailbox: str = ""
    decision: Decision = Decision()
    copies: tuple[Copy, ...] = ()
    proposal: tuple[Update, ...] = ()
    keys: Mapping[str, str | None] = field(default_factory=dict)


def terms_of(message: Message, asked: Mapping[str, Terms]) -> Terms:
    """Return on what terms a message is read: what was decided of it, and what the mailbox that saw it first asks.

    ``asked`` is by the name of the mailbox; one that is not there asks nothing. For a key for which the DNS did not
    answer it may be asked again.
    """
    held = asked.get(message.mailbox, PLAIN_TERMS)
    keys = {name: key for name, key in message.keys.items() if key is not None}
    return replace(held, decision=message.decision, proposal=message.proposal, keys=keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How a reader came to a field: the words in which it was found, and the value of them, empty where they have none.

    A field that may stand more than once in a notice, a circuit say, has a match for each.
    """

    field: str
    words: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one reader made of a notice, for one provider; ``outcome`` is one line for a person.

    ``matched`` is what it found, field by field, also where it was not enough; empty for a reader that does not say.
    """

    provider: str
    reader: str
    outcome: str
    matched: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What reading a message gave: its updates, or why there are none.

    ``reader`` is None where no reader was asked. ``reason`` is set exactly if ``disposition`` is QUARANTINED; with
    PARTIAL there are updates as well. ``detail`` is one line for a person; ``trials`` say which readers were asked.
    ``proposal`` is what a model read: with PROPOSAL nothing of it is applied, with APPLIED a person has accepted it.
    ``text`` is what the message says to a person, of at most 64,000 characters; empty where there are no updates.
    ``wanted`` are names of signers' keys that were not known and could have proven it; ``keys`` those known by now.
    """

    provider: str | None
    reader: str | None
    reader_version: str
    updates: tuple[Update, ...]
    disposition: Disposition
    reason: Reason | None = None
    detail: str = ""
    warnings: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()
    proposal: tuple[Update, ...] = ()
    text: str = ""
    wanted: tuple[str, ...] = ()
    keys: Mapping[str, str | None] = field(default_factory=dict)
    # How long the worker took for it, None where no worker gave it: not what was read.
    seconds: float | None = field(default=None, compare=False)


def identity_of(*, message_id: str | None, body_digest: str, date: str, from_header: str, subject: str) -> str:
    """Return what makes two sightings one message: a SHA-256 in hexadecimal.

    Message-ID and body digest; without a Message-ID the Date, From and Subject headers as they stand, and the body.
    """
    parts = ("id", message_id) if message_id else ("headers", date, from_header, subject)
    return hashlib.sha256("\0".join((*parts, body_digest)).encode("utf-8", "surrogateescape")).hexdigest()


def receipt(envelope: Envelope, *, internal_date: datetime | None, now: datetime) -> datetime:
    """Return when a message was received: its topmost Received header, else INTERNALDATE, else Date, else ``now``."""
    return envelope.received_at or internal_date or envelope.date or now
