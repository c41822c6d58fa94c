"""What every reader gives, and how it becomes updates: results with one id and account are one update.

A reader turns a notification into results: one for each window, or for the event where no window is stated. What it
does not find in the text it leaves None.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from domain.errors import MaintdError
from domain.events import StatedCircuit, StatedOutage, StatedWindow, Update, circuit_key_of, id_key_of
from domain.plausibility import stamp_of
from domain.vocabulary import Kind, MaintenanceStatus
from parsers.mime import Notification
from parsers.providers import Provider

_PLACEHOLDER_ACCOUNTS = frozenset(
    {
        "",
        "-",
        "_",
        "none",
        "n/a",
        "unknown",
        "not available",
        "not found",
        "customer info unavailable",
        "cogent customer",
    }
)


class NotUnderstood(MaintdError):
    """Say that a reader does not understand a notification, in one line.

    ``matched`` is what it did find, as in ``Findings``.
    """

    def __init__(self, text: str, *, matched: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(text)
        self.matched = matched


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a notice says of one window of an event, or of the event where ``start`` and ``end`` are None.

    ``outage``: what it says of an outage, whose ticket is ``event_id``; then it states no ``status``, window or number.
    ``circuits`` None: not stated; empty: stated to be without. ``nameless``: a circuit without an id was left out.
    ``number`` is the window's own. ``fault``: why nothing of it can be used, empty where it can. ``doubt``: what a
    person should know of it, empty for nothing.
    """

    event_id: str
    account: str | None = None
    status: MaintenanceStatus | None = None
    start: datetime | None = None
    end: datetime | None = None
    circuits: tuple[StatedCircuit, ...] | None = None
    nameless: bool = False
    summary: str | None = None
    organizer: str | None = None
    stated_stamp: datetime | None = None
    sequence: int | None = None
    ical_uid: str | None = None
    number: int | None = None
    references: tuple[str, ...] = ()
    replaces: str | None = None
    outage: StatedOutage | None = None
    fault: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a reader finds in a notification; no results: understood, and nothing for us.

    ``stated_provider`` is whom the notice itself names as its provider, None where it names none. ``matched`` is what
    a person may want to see of how it was read: the name of a field, and the words in which it was found.
    """

    results: tuple[Result, ...] = ()
    warnings: tuple[str, ...] = ()
    stated_provider: str | None = None
    matched: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What turns a notification in one form into findings; ``label`` and ``version`` stand in every update.

    ``read`` raises ``NotUnderstood``. A new version says that stored mails are worth another reading.
    """

    form: str
    label: str
    version: str
    read: Callable[[Notification, Provider], Findings]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What stands in every update of a notice, whatever its form.

    ``date`` is the notice's own Date, None where it cannot be read; ``date_inferred`` says that it is that of the mail
    which forwards it. ``forwarded``: somebody sent the notice on. ``source`` and ``body_digest`` are those of the
    message that came.
    """

    date: datetime | None
    date_inferred: bool
    received_at: datetime
    forwarded: bool
    source: str
    body_digest: str
    unverified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a notice says: its updates, and what of it cannot be used, one line for each."""

    updates: tuple[Update, ...] = ()
    refused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def state(findings: Findings, provider: Provider, notice: Notice, *, reader: str, version: str) -> Statement:
    """Return the results as updates: those with one id and account are one, with several windows.

    ``reader`` and ``version`` stand in each update. An update that replaces another event comes with one for that.
    """
    groups: dict[tuple[Kind, str, str | None], list[Result]] = {}
    refused = []
    for found in findings.results:
        result = replace(found, account=_account(found.account))
        if result.fault:
            refused.append(f"{result.event_id}: {result.fault}")
        else:
            kind = Kind.OUTAGE if result.outage else Kind.MAINTENANCE
            groups.setdefault((kind, id_key_of(result.event_id), result.account), []).append(result)
    updates = [
        replace(_update(group, provider, notice), reader=reader, reader_version=version) for group in groups.values()
    ]
    used = [result for group in groups.values() for result in group]
    doubts = dict.fromkeys(f"{result.event_id}: {result.doubt}" for result in used if result.doubt)
    nameless = ["a circuit without an id was left out"] if any(result.nameless for result in used) else []
    return Statement(
        updates=(*updates, *_replaced(updates)),
        refused=tuple(refused),
        warnings=(*findings.warnings, *doubts, *nameless),
    )


def joined(circuits: Sequence[StatedCircuit]) -> tuple[StatedCircuit, ...]:
    """Return each circuit once, with the worst impact that is stated of it."""
    once: dict[str, StatedCircuit] = {}
    for circuit in circuits:
        key = circuit_key_of(circuit.circuit_id)
        held = once.setdefault(key, circuit)
        if circuit.impact and (held.impact is None or circuit.impact.severity > held.impact.severity):
            once[key] = replace(held, impact=circuit.impact)
    return tuple(once.values())


def _account(stated: str | None) -> str | None:
    return None if stated is None or stated.strip().lower() in _PLACEHOLDER_ACCOUNTS else stated.strip()


def _update(group: Sequence[Result], provider: Provider, notice: Notice) -> Update:
    first = group[0]
    # A window without circuits, an alternate night say, does not speak for the event.
    speaking = [result for result in group if result.circuits != ()] or group
    status = next((result.status for result in speaking if result.status), None)
    uids = {result.ical_uid for result in group}
    stamp, stamp_inferred = stamp_of(notice.date or first.stated_stamp, notice.received_at, forwarded=notice.forwarded)
    references = dict.fromkeys(reference for result in group for reference in result.references)
    return Update(
        kind=Kind.OUTAGE if first.outage else Kind.MAINTENANCE,
        provider=provider.name,
        event_id=first.event_id,
        stamp=stamp,
        stamp_inferred=stamp_inferred or notice.date_inferred,
        source=notice.source,
        body_digest=notice.body_digest,
        reader="",
        reader_version="",
        # SEQUENCE counts within one UID: of several it says nothing.
        sequence=first.sequence if len(uids) == 1 else None,
        ical_uid=first.ical_uid if len(uids) == 1 else None,
        account=first.account,
        status=status,
        windows=_windows(group, status) or None,
        circuits=_joined([result for result in group if result.start is None]),
        summary=next((result.summary for result in group if result.summary), None),
        organizer=next((result.organizer for result in group if result.organizer), None),
        references=tuple(references),
        replaces=next((result.replaces for result in group if result.replaces), None),
        outage=_outage(group),
        unverified=notice.unverified,
    )


def _outage(group: Sequence[Result]) -> StatedOutage | None:
    """Return what is said of an outage, for each field by the first of the results that states it."""
    stated = [result.outage for result in group if result.outage]
    if not stated:
        return None
    names = [one.name for one in fields(StatedOutage)]
    values = {
        name: next((value for one in stated if (value := getattr(one, name)) is not None), None) for name in names
    }
    return StatedOutage(**values)


def _replaced(updates: Sequence[Update]) -> list[Update]:
    """Return for each update that replaces another event what it says of that one: by which it is replaced."""
    return [
        replace(
            update,
            event_id=update.replaces,
            status=MaintenanceStatus.RE_SCHEDULED,
            windows=None,
            circuits=None,
            summary=None,
            organizer=None,
            ical_uid=None,
            sequence=None,
            account=None,
            references=(),
            replaces=None,
            replaced_by=update.event_id,
        )
        for update in updates
        if update.replaces and id_key_of(update.replaces) != id_key_of(update.event_id)
    ]


def _windows(group: Sequence[Result], status: MaintenanceStatus | None) -> tuple[StatedWindow, ...]:
    """Return the windows of a group in the order of the notice; what is said twice of one window is joined."""
    spans: dict[tuple[datetime, datetime, str | None], list[Result]] = {}
    for result in group:
        if result.start and result.end:
            spans.setdefault((result.start, result.end, result.ical_uid), []).append(result)
    return tuple(
        StatedWindow(
            start=start,
            end=end,
            status=said[-1].status if said[-1].status is not status else None,
            circuits=_joined(said),
            ical_uid=ical_uid,
            number=next((result.number for result in said if result.number), None),
        )
        for (start, end, ical_uid), said in spans.items()
    )


def _joined(results: Sequence[Result]) -> tuple[StatedCircuit, ...] | None:
    """Return the circuits of several results together; None where none of them states any."""
    stated = [result.circuits for result in results if result.circuits is not None]
    return joined([circuit for circuits in stated for circuit in circuits]) if stated else None
