"""Reading one message: decode it, find out who wrote it, let their reader read it, keep what can be true.

This runs inside a worker: it loads the parser library. Whatever the bytes are, the answer is a ``Reading``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.message import PLAIN_TERMS, Disposition, Envelope, Reading, Reason, Terms, Trial
from domain.plausibility import judge
from parsers.forwarding import forwards_in
from parsers.maintenance import READER_VERSION, readers_of
from parsers.mime import MalformedMessage, Notification, decode, read_envelope
from parsers.providers import Directory, Provider
from parsers.readers import Reader, reader_of
from parsers.sources import Source, choices
from parsers.statements import Findings, Notice, NotUnderstood, Statement, state

DETAIL_CHARACTERS = 500


def read_message(raw: bytes, *, received_at: datetime, directory: Directory, terms: Terms = PLAIN_TERMS) -> Reading:
    """Return what a message says, or why it says nothing, on the given terms."""
    envelope = read_envelope(raw)
    try:
        notification = decode(raw)
    except MalformedMessage as problem:
        return _quarantined(Reason.MALFORMED, str(problem))
    named = terms.decision.provider
    forced = directory.get(named) if named else None
    if named and not forced:
        return _quarantined(Reason.UNKNOWN_PROVIDER, f"there is no provider named {named}: see maintd providers")
    if envelope.sender_problem and not forced:
        return _quarantined(Reason.UNTRUSTED, envelope.sender_problem)
    readings = (
        _read_notices(sources, envelope, received_at, terms)
        for sources in choices(notification, directory, forced)
        if any(source.providers for source in sources)
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


# What it says


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a notice says, read as one provider's: its findings by the first reader that finds something."""

    provider: Provider
    reader: Reader | None
    findings: Findings


def _read_notices(sources: Sequence[Source], envelope: Envelope, received_at: datetime, terms: Terms) -> Reading:
    """Return the reading of the notices of a message, at least one of which is a provider's."""
    statements: list[Statement] = []
    failures: list[str] = []
    trials: list[Trial] = []
    said = None
    for source in sources:
        try:
            said, statement = _state(source, envelope, received_at, terms, trials)
            statements.append(statement)
        except NotUnderstood as problem:
            failures.append(str(problem))
    judged = judge([update for statement in statements for update in statement.updates], received_at)
    refused = [*(line for statement in statements for line in statement.refused), *judged.refused]
    whose = said.provider if said else next(source.providers[0] for source in sources if source.providers)
    left_out = [problem for source in sources for problem in source.notification.problems]
    disposition, reason = _disposition(updates=bool(judged.updates), refused=bool(refused), failed=bool(failures))
    warnings = [*(line for statement in statements for line in statement.warnings), *judged.warnings]
    return Reading(
        provider=whose.name,
        reader=said.reader.label if said and said.reader else None,
        reader_version=said.reader.version if said and said.reader else "",
        updates=judged.updates,
        disposition=disposition,
        reason=reason,
        detail=_detail([*failures, *refused, *left_out]) if reason else "",
        warnings=(*warnings, *left_out),
        trials=tuple(trials),
    )


def _state(
    source: Source, envelope: Envelope, received_at: datetime, terms: Terms, trials: list[Trial]
) -> tuple[_Said, Statement]:
    """Return what a notice states, and who says it. Raises ``NotUnderstood``."""
    if not source.providers:
        raise NotUnderstood(f"an attached mail of {source.notification.sender or 'no one sender'} is of no provider")
    said = _understood(source, terms, trials)
    notice = Notice(
        date=source.date,
        date_inferred=source.date_inferred,
        received_at=received_at,
        forwarded=source.forwarded,
        source=envelope.message_id or envelope.body_digest,
        body_digest=envelope.body_digest,
        unverified=True,
    )
    if said.reader is None:
        return said, Statement()
    return said, state(said.findings, said.provider, notice, reader=said.reader.label, version=said.reader.version)


def _understood(source: Source, terms: Terms, trials: list[Trial]) -> _Said:
    """Return what the readers of the providers find: the first of each, of several providers the one that finds.

    Where no reader finds anything, but one says that there is nothing for us, that is what is said.
    """
    found: list[_Said] = []
    silent: list[_Said] = []
    failures: list[str] = []
    for provider in source.providers:
        try:
            said = _read_as(provider, source.notification, terms, trials)
        except NotUnderstood as problem:
            failures.append(str(problem))
            continue
        (found if said.findings.results else silent).append(said)
    if found:
        return found[0]
    if failures or not silent:
        raise NotUnderstood("; ".join(failures))
    return silent[0]


def _read_as(provider: Provider, notification: Notification, terms: Terms, trials: list[Trial]) -> _Said:
    """Return what the readers of one provider find: what the first of them finds that finds something."""
    failures: list[str] = []
    silent = None
    forms = (terms.decision.reader,) if terms.decision.reader else _forms(provider, notification)
    for form in forms:
        try:
            reader = reader_of(form)
            findings = reader.read(notification, provider)
        except NotUnderstood as problem:
            trials.append(Trial(provider=provider.name, reader=form, outcome=str(problem)))
            failures.append(str(problem))
            continue
        found = f"found {len(findings.results)}" if findings.results else "says that it is nothing for us"
        trials.append(Trial(provider=provider.name, reader=form, outcome=found))
        if findings.results:
            return _Said(provider=provider, reader=reader, findings=findings)
        silent = silent or _Said(provider=provider, reader=reader, findings=findings)
    if failures:
        raise NotUnderstood(f"provider {provider.name}: {'; '.join(failures)}")
    if silent is None:
        raise NotUnderstood(f"provider {provider.name} has no reader: set one in the configuration")
    return silent


def _forms(provider: Provider, notification: Notification) -> tuple[str, ...]:
    """Return the forms in which a provider may have written a notification, the likeliest first."""
    return provider.readers


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
