"""Reading one message: decode it, find out who wrote it, let their reader read it, keep what can be true.

This runs inside a worker: it loads the parser library. Whatever the bytes are, the answer is a ``Reading``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from domain.errors import MaintdError
from domain.events import Update
from domain.message import PLAIN_TERMS, Disposition, Envelope, Reading, Reason, Terms, Trial
from domain.plausibility import Judgement, judge
from parsers.asking import Adviser
from parsers.authenticity import Untrusted, verified
from parsers.forms import BCOP
from parsers.forwarding import forwards_in
from parsers.keys import Signed
from parsers.lines import readable_text_of
from parsers.maintenance import READER_VERSION
from parsers.mime import MalformedMessage, Notification, decode, read_envelope
from parsers.newcomers import joined_by_newcomers
from parsers.outage.pages import advice_for
from parsers.own import bcop
from parsers.proposals import accepted, declined, may_see, propose, proposed
from parsers.providers import Directory, Provider
from parsers.readers import readers_of
from parsers.sources import Source, choices, page_in
from parsers.statements import Notice, NotUnderstood, Statement, state
from parsers.template import PatternStopped
from parsers.understanding import Ambiguous, Said, understand

DETAIL_CHARACTERS = 500

# Of an unknown sender's mail, how many of those attached to it are tried with every reader.
MOST_TRIED = 5


def read_message(
    raw: bytes,
    *,
    received_at: datetime,
    directory: Directory,
    terms: Terms = PLAIN_TERMS,
    adviser: Adviser | None = None,
) -> Reading:
    """Return what a message says, or why it says nothing, on the given terms.

    ``adviser`` is asked what a known provider's mail says that none of its readers understands; None: nobody is.
    """
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
        return _quarantined(Reason.UNTRUSTED, f"{envelope.sender_problem}: only a person can say whose it is")
    if reading := accepted(terms, forced, received_at):
        return replace(reading, text=_text(reading, notification))
    known = directory if forced else joined_by_newcomers(directory, notification, terms)
    signed = Signed(raw=raw, received_at=received_at, keys=terms.keys)
    message = _Message(notification, envelope, received_at, known, terms, signed)
    readings = (
        _read_notices(sources, message)
        for sources in choices(notification, known, forced)
        if any(source.providers for source in sources)
    )
    try:
        reading = _most_telling(readings) or _of_unknown_provider(message)
    except PatternStopped as problem:
        reading = replace(_quarantined(Reason.PARSER_TIMEOUT, str(problem)), provider=problem.provider)
    reading = replace(reading, trials=tuple(dict.fromkeys(message.trials)), text=_text(reading, notification))
    reading = replace(reading, wanted=tuple(sorted(signed.wanted)))
    # Of a newcomer nobody has said yet that its mails concern us.
    if reading.reason is not Reason.UNPARSED or not directory.get(reading.provider or ""):
        return reading
    return _with_proposal(reading, message, forced, adviser)


@dataclass(frozen=True, slots=True)
class _Message:
    """The message that is read, and what holds for all the notices in it; ``trials`` grow as readers are asked."""

    notification: Notification
    envelope: Envelope
    received_at: datetime
    directory: Directory
    terms: Terms
    signed: Signed
    trials: list[Trial] = field(default_factory=list)


def _most_telling(readings: Iterator[Reading]) -> Reading | None:
    """Return the first reading that gives updates, else the first that a person must see, else the first.

    That something was understood, and may not be applied, tells more than that another notice was not understood.
    """
    silent = []
    for reading in readings:
        if reading.updates:
            return reading
        silent.append(reading)
    return min(silent, key=_silence) if silent else None


def _silence(reading: Reading) -> int:
    """Return how little a reading without updates tells: of equal ones the first counts."""
    if reading.disposition is not Disposition.QUARANTINED:
        return 2
    return 1 if reading.reason is Reason.UNPARSED else 0


# What it says


@dataclass(slots=True)
class _Gathered:
    """What the notices of a message say together, and why some of them say nothing."""

    said: Said | None = None
    statements: list[Statement] = field(default_factory=list)
    failures: dict[type[MaintdError], list[str]] = field(default_factory=dict)

    @property
    def updates(self) -> list[Update]:
        return [update for statement in self.statements for update in statement.updates]

    def lines(self) -> list[str]:
        """Return why notices say nothing, one line for each."""
        return [line for lines in self.failures.values() for line in lines]


def _read_notices(sources: Sequence[Source], message: _Message) -> Reading:
    """Return the reading of the notices of a message, at least one of which is a provider's."""
    gathered = _Gathered()
    for source in sources:
        try:
            _gather(source, message, gathered)
        except (NotUnderstood, Untrusted, Ambiguous) as problem:
            gathered.failures.setdefault(type(problem), []).append(str(problem))
    judged = _judged(gathered.updates, message)
    refused = [*(line for statement in gathered.statements for line in statement.refused), *judged.refused]
    left_out = [problem for source in sources for problem in source.notification.problems]
    disposition, reason = _disposition(gathered, judged, refused=refused, left_out=left_out, message=message)
    warnings = [*(line for statement in gathered.statements for line in statement.warnings), *judged.warnings]
    said = gathered.said
    whose = said.provider if said else next(source.providers[0] for source in sources if source.providers)
    return Reading(
        provider=whose.name,
        reader=said.reader.label if said else None,
        reader_version=said.reader.version if said else "",
        updates=judged.updates,
        disposition=disposition,
        reason=reason,
        detail=_detail([*gathered.lines(), *refused, *left_out]) if reason else "",
        warnings=(*warnings, *([] if reason else refused), *left_out),
    )


def _gather(source: Source, message: _Message, gathered: _Gathered) -> None:
    """Add what one notice states. Raises ``NotUnderstood``, ``Ambiguous`` and ``Untrusted``."""
    if not source.providers:
        raise NotUnderstood(f"an attached mail of {source.notification.sender or 'no one sender'} is of no provider")
    said = understand(source, message.directory, message.terms, message.trials)
    gathered.said = said
    if not said.findings.results:
        return
    notice = _notice(source, said.provider, message)
    gathered.statements.append(
        state(said.findings, said.provider, notice, reader=said.reader.label, version=said.reader.version)
    )


def _notice(source: Source, provider: Provider, message: _Message) -> Notice:
    """Return what every update of a notice has from its mail. Raises ``Untrusted``."""
    proven = verified(source, provider, message.notification, message.directory, message.terms, message.signed)
    return Notice(
        date=source.date,
        date_inferred=source.date_inferred,
        received_at=message.received_at,
        forwarded=source.forwarded,
        source=message.envelope.message_id or message.envelope.body_digest,
        body_digest=message.envelope.body_digest,
        unverified=not proven,
    )


def _judged(updates: Sequence[Update], message: _Message) -> Judgement:
    """Return the updates that can be true; where a person says that they are, all that name their event."""
    return judge(updates, message.received_at, accepted=message.terms.decision.accepted)


def _disposition(
    gathered: _Gathered, judged: Judgement, *, refused: Sequence[str], left_out: Sequence[str], message: _Message
) -> tuple[Disposition, Reason | None]:
    if judged.updates:
        whole = message.terms.decision.accepted or not (refused or gathered.failures)
        return (Disposition.APPLIED, None) if whole else (Disposition.QUARANTINED, Reason.PARTIAL)
    if Untrusted in gathered.failures:
        return Disposition.QUARANTINED, Reason.UNTRUSTED
    if Ambiguous in gathered.failures:
        return Disposition.QUARANTINED, Reason.AMBIGUOUS
    if refused:
        return Disposition.QUARANTINED, Reason.INVALID
    # Of a notice that was not seen whole nobody can say that it is nothing for us.
    if gathered.failures or left_out:
        return Disposition.QUARANTINED, Reason.UNPARSED
    return Disposition.IRRELEVANT, None


def _with_proposal(reading: Reading, message: _Message, forced: Provider | None, adviser: Adviser | None) -> Reading:
    """Return a mail that no reader understands with what a model reads in it, for a person to accept.

    What it has read before stands: it is asked again only where that was forgotten. It is shown no mail that does not
    prove whose it is where that is asked, and none of which a person has said how it is to be read.
    """
    decision = message.terms.decision
    held = message.terms.proposal
    if held and all(update.provider == reading.provider for update in held):
        return proposed(reading, held)
    if adviser is None or decision.accepted or decision.reader or not may_see(adviser, reading.provider or ""):
        return reading
    ways = choices(message.notification, message.directory, forced)
    sources = next(found for found in ways if any(source.providers for source in found))
    try:
        if len(sources) != 1 or len(sources[0].providers) != 1:
            raise NotUnderstood("it is asked of one notice of one provider alone")
        [source], [provider] = sources, sources[0].providers
        return propose(reading, source.notification, provider, _notice(source, provider, message), adviser)
    except MaintdError as problem:
        return declined(reading, adviser, str(problem))


def _of_unknown_provider(message: _Message) -> Reading:
    """Return that nobody knows the sender, with the readers that would have understood the message."""
    notification = message.notification
    if page := page_in(notification):
        return _quarantined(Reason.UNKNOWN_PROVIDER, advice_for(page, message.directory))
    senders = dict.fromkeys(
        sender
        for sender in (
            notification.sender,
            *(inner.sender for inner in notification.attached),
            *(forward.sender for forward in forwards_in(notification)),
        )
        if sender
    )
    readers = dict.fromkeys(
        reader
        for tried in (notification, *notification.attached[:MOST_TRIED])
        for reader in _readers_of(tried, message)
    )
    words = f"no provider has the sender {', forwarding '.join(senders)}; "
    if not readers:
        return _quarantined(Reason.UNKNOWN_PROVIDER, words + "no reader understands it")
    only = next(iter(readers))
    command = f"maintd quarantine assign MESSAGE {only if len(readers) == 1 and only != BCOP else 'PROVIDER'}"
    return _quarantined(Reason.UNKNOWN_PROVIDER, f"{words}understood by: {', '.join(readers)}; then: {command}")


def _readers_of(notification: Notification, message: _Message) -> list[str]:
    """Return the readers that understand a notification, whoever wrote it."""
    found = []
    if bcop.calendars_of(notification):
        try:
            bcop.read(notification, Provider(name=""))
            found.append(BCOP)
        except NotUnderstood as problem:
            message.trials.append(Trial(provider="", reader=BCOP, outcome=str(problem)))
    texts = tuple(map(bcop.without_calendar, notification.texts))
    found += readers_of(replace(notification, texts=texts))
    message.trials.extend(Trial(provider="", reader=reader, outcome="understands it") for reader in found)
    return found


def _text(reading: Reading, notification: Notification) -> str:
    """Return what a message says to a person, where it states something."""
    return readable_text_of(notification) if reading.updates else ""


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
