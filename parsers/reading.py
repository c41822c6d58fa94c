"""Reading one message: decode it, find out who wrote it, let their reader read it, keep what can be true.

This runs inside a worker: it loads the parser library. Whatever the bytes are, the answer is a ``Reading``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.message import Disposition, Envelope, Reading, Reason
from domain.plausibility import judge
from parsers.forwarding import forwards_in
from parsers.maintenance import (
    READER_PREFIX,
    READER_VERSION,
    Notice,
    NotUnderstood,
    Statement,
    read,
    readers_of,
)
from parsers.mime import MalformedMessage, Notification, decode, read_envelope
from parsers.providers import Directory, Provider

DETAIL_CHARACTERS = 500


def read_message(
    raw: bytes, *, received_at: datetime, directory: Directory, provider: str | None = None, unverified: bool = True
) -> Reading:
    """Return what a message says, or why it says nothing.

    ``provider`` is the name of the one to read it as, whoever sent it. ``unverified`` goes into each update.
    """
    envelope = read_envelope(raw)
    try:
        notification = decode(raw)
    except MalformedMessage as problem:
        return _quarantined(Reason.MALFORMED, str(problem))
    forced = directory.get(provider) if provider else None
    if provider and not forced:
        return _quarantined(Reason.UNKNOWN_PROVIDER, f"there is no provider named {provider}: see maintd providers")
    if envelope.sender_problem and not forced:
        return _quarantined(Reason.UNTRUSTED, envelope.sender_problem)
    readings = (
        _read_notices(sources, envelope, received_at, unverified)
        for sources in _choices(notification, directory, forced)
        if any(source.provider for source in sources)
    )
    return _most_telling(readings) or _of_unknown_provider(notification)


def _most_telling(readings: Iterator[Reading]) -> Reading | None:
    """Return the first reading that gives updates, else the first that a person must see, else the first."""
    silent = []
    for reading in readings:
        if reading.updates:
            return reading
        silent.append(reading)
    quarantined = (reading for reading in silent if reading.disposition is Disposition.QUARANTINED)
    return next(quarantined, silent[0] if silent else None)


# Who wrote it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A notice in a message, and its provider where its sender is one's.

    ``date`` is its own, or ``date_inferred`` that of the mail that forwards it.
    """

    notification: Notification
    provider: Provider | None
    date: datetime | None
    date_inferred: bool = False
    forwarded: bool = False


def _choices(notification: Notification, directory: Directory, forced: Provider | None) -> Iterator[list[_Source]]:
    """Yield the ways to understand a message, the likeliest first: each the notices that are in it.

    A provider's mail is its notice; otherwise those attached to it are, otherwise the one that was forwarded in its
    body. Where a person says whose it is, and they did not send it themselves, what is forwarded comes first.
    """
    sender = directory.identify(notification.sender) if notification.sender else None
    whose = forced or sender
    if whose and whose is not sender:
        yield _forwarded(notification, directory, only=whose)
    if whose:
        yield [_Source(notification=notification, provider=whose, date=notification.date)]
    yield _attached(notification, directory, otherwise=whose)
    if not whose:
        yield _forwarded(notification, directory, only=None)


def _attached(notification: Notification, directory: Directory, otherwise: Provider | None) -> list[_Source]:
    """Return the notices attached to a message as mails, however deep; one of an unknown sender among them too."""
    sources = []
    for inner in notification.attached:
        provider = (directory.identify(inner.sender) if inner.sender else None) or otherwise
        deeper = [] if provider else _attached(inner, directory, otherwise)
        sources += deeper or [_dated(inner, provider, inner.date, notification)]
    return sources


def _forwarded(notification: Notification, directory: Directory, only: Provider | None) -> list[_Source]:
    """Return the notice that was forwarded in the body: the outermost one whose sender is a provider's."""
    for forward in forwards_in(notification):
        provider = directory.identify(forward.sender)
        if provider and only in (None, provider):
            inner = replace(notification, subject=forward.subject, other_subject=notification.subject)
            return [_dated(inner, provider, forward.date, notification)]
    return []


def _dated(inner: Notification, provider: Provider | None, date: datetime | None, outer: Notification) -> _Source:
    """Return a forwarded notice with its own date, or with that of the mail that forwards it."""
    dated = date or outer.date
    return _Source(
        notification=replace(inner, date=dated),
        provider=provider,
        date=dated,
        date_inferred=date is None,
        forwarded=True,
    )


# What it says


def _read_notices(sources: Sequence[_Source], envelope: Envelope, received_at: datetime, unverified: bool) -> Reading:
    """Return the reading of the notices of a message, at least one of which is a provider's."""
    statements, failures = [], []
    for source in sources:
        try:
            statements.append(_state(source, envelope, received_at, unverified))
        except NotUnderstood as problem:
            failures.append(str(problem))
    judged = judge([update for statement in statements for update in statement.updates], received_at)
    refused = [*(line for statement in statements for line in statement.refused), *judged.refused]
    whose = next(source.provider for source in sources if source.provider)
    left_out = [problem for source in sources for problem in source.notification.problems]
    disposition, reason = _disposition(updates=bool(judged.updates), refused=bool(refused), failed=bool(failures))
    warnings = [*(line for statement in statements for line in statement.warnings), *judged.warnings]
    return Reading(
        provider=whose.name,
        reader=f"{READER_PREFIX}{whose.reader}" if whose.reader else None,
        reader_version=READER_VERSION,
        updates=judged.updates,
        disposition=disposition,
        reason=reason,
        detail=_detail([*failures, *refused, *left_out]) if reason else "",
        warnings=(*warnings, *left_out),
    )


def _state(source: _Source, envelope: Envelope, received_at: datetime, unverified: bool) -> Statement:
    if not source.provider:
        raise NotUnderstood(f"an attached mail of {source.notification.sender or 'no one sender'} is of no provider")
    notice = Notice(
        date=source.date,
        date_inferred=source.date_inferred,
        received_at=received_at,
        forwarded=source.forwarded,
        source=envelope.message_id or envelope.body_digest,
        body_digest=envelope.body_digest,
        unverified=unverified,
    )
    return read(source.notification, source.provider, notice)


def _disposition(*, updates: bool, refused: bool, failed: bool) -> tuple[Disposition, Reason | None]:
    if updates and (refused or failed):
        return Disposition.QUARANTINED, Reason.PARTIAL
    if updates:
        return Disposition.APPLIED, None
    if refused:
        return Disposition.QUARANTINED, Reason.INVALID
    if failed:
        return Disposition.QUARANTINED, Reason.UNPARSED
    return Disposition.IRRELEVANT, None


def _of_unknown_provider(notification: Notification) -> Reading:
    """Return that nobody knows the sender, with the readers that would have understood the message."""
    senders = dict.fromkeys(
        sender
        for sender in (
            notification.sender,
            *(inner.sender for inner in notification.attached),
            *(forward.sender for forward in forwards_in(notification)),
        )
        if sender
    )
    readers = dict.fromkeys(reader for tried in (notification, *notification.attached) for reader in readers_of(tried))
    words = f"no provider has the sender {', forwarding '.join(senders)}; "
    if not readers:
        return _quarantined(Reason.UNKNOWN_PROVIDER, words + "no reader understands it")
    command = f"maintd quarantine assign MESSAGE {next(iter(readers)) if len(readers) == 1 else 'PROVIDER'}"
    return _quarantined(Reason.UNKNOWN_PROVIDER, f"{words}understood by: {', '.join(readers)}; then: {command}")


def _quarantined(reason: Reason, detail: str) -> Reading:
    return Reading(
        provider=None,
        reader=None,
        reader_version=READER_VERSION,
        updates=(),
        disposition=Disposition.QUARANTINED,
        reason=reason,
        detail=_detail([detail]),
    )


def _detail(lines: Sequence[str]) -> str:
    """Return lines as one, for a person."""
    text = "; ".join(lines)
    return text if len(text) <= DETAIL_CHARACTERS else text[: DETAIL_CHARACTERS - 1] + "…"
