"""Status as two tables: how an event gets from one status to the next, and where the clock stands relative to it."""

from datetime import datetime, timedelta

from domain.events import Event
from domain.vocabulary import Kind, MaintenanceStatus, Move, OutageStatus, Phase

UNKNOWN = MaintenanceStatus.UNKNOWN
TENTATIVE = MaintenanceStatus.TENTATIVE
CONFIRMED = MaintenanceStatus.CONFIRMED
RE_SCHEDULED = MaintenanceStatus.RE_SCHEDULED
IN_PROCESS = MaintenanceStatus.IN_PROCESS
COMPLETED = MaintenanceStatus.COMPLETED
CANCELLED = MaintenanceStatus.CANCELLED

REPORTED = OutageStatus.REPORTED
INVESTIGATING = OutageStatus.INVESTIGATING
IDENTIFIED = OutageStatus.IDENTIFIED
MONITORING = OutageStatus.MONITORING
RESOLVED = OutageStatus.RESOLVED

PLANNED = frozenset({UNKNOWN, TENTATIVE, CONFIRMED, RE_SCHEDULED})
CLOSED = frozenset({COMPLETED, CANCELLED})

# From the least to the most advanced of the statuses that leave a window open.
OPEN = (UNKNOWN, TENTATIVE, RE_SCHEDULED, CONFIRMED, IN_PROCESS)

# A provider's mail that moves an event so is applied, and a person may want to know.
SURPRISING = frozenset({Move.REVERTED, Move.REOPENED, Move.PARTLY_CANCELLED, Move.RESCHEDULED_WITHOUT_WINDOW})

# How long after its end a maintenance without its completion is overdue.
OVERDUE_FOR = timedelta(hours=24)

# An open outage of which nobody has said anything for so long is stale.
STALE_AFTER = timedelta(days=7)

_COLUMNS = (TENTATIVE, CONFIRMED, RE_SCHEDULED, IN_PROCESS, COMPLETED, CANCELLED)
_OPENED, _REPEATED, _ADVANCED, _REVERTED = Move.OPENED, Move.REPEATED, Move.ADVANCED, Move.REVERTED
_CLOSED, _LATE, _REOPENED = Move.CLOSED, Move.LATE, Move.REOPENED

# Row: the status held. Column: the status stated. Cell: the name of the move.
# fmt: off
_ROWS: dict[MaintenanceStatus | None, tuple[Move, ...]] = {
    #              TENTATIVE  CONFIRMED  RE-SCHED.  IN-PROCESS COMPLETED  CANCELLED
    None:         (_OPENED,   _OPENED,   _OPENED,   _OPENED,   _LATE,     _LATE),
    UNKNOWN:      (_ADVANCED, _ADVANCED, _ADVANCED, _ADVANCED, _CLOSED,   _CLOSED),
    TENTATIVE:    (_REPEATED, _ADVANCED, _ADVANCED, _ADVANCED, _CLOSED,   _CLOSED),
    CONFIRMED:    (_REVERTED, _REPEATED, _ADVANCED, _ADVANCED, _CLOSED,   _CLOSED),
    RE_SCHEDULED: (_REVERTED, _ADVANCED, _REPEATED, _ADVANCED, _CLOSED,   _CLOSED),
    IN_PROCESS:   (_REVERTED, _REVERTED, _REVERTED, _REPEATED, _CLOSED,   _CLOSED),
    COMPLETED:    (_REOPENED, _REOPENED, _REOPENED, _REOPENED, _REPEATED, _REVERTED),
    CANCELLED:    (_REOPENED, _REOPENED, _REOPENED, _REOPENED, _REVERTED, _REPEATED),
}
# fmt: on
MAINTENANCE_MOVES = {
    (held, stated): move for held, row in _ROWS.items() for stated, move in zip(_COLUMNS, row, strict=True)
}


_OUTAGE_COLUMNS = (REPORTED, INVESTIGATING, IDENTIFIED, MONITORING, RESOLVED)

# fmt: off
_OUTAGE_ROWS: dict[OutageStatus | None, tuple[Move, ...]] = {
    #              REPORTED   INVESTIG.  IDENTIFIED MONITORING RESOLVED
    None:          (_OPENED,   _OPENED,   _OPENED,   _OPENED,   _LATE),
    REPORTED:      (_REPEATED, _ADVANCED, _ADVANCED, _ADVANCED, _CLOSED),
    INVESTIGATING: (_REVERTED, _REPEATED, _ADVANCED, _ADVANCED, _CLOSED),
    IDENTIFIED:    (_REVERTED, _REVERTED, _REPEATED, _ADVANCED, _CLOSED),
    MONITORING:    (_REVERTED, _REVERTED, _REVERTED, _REPEATED, _CLOSED),
    RESOLVED:      (_REOPENED, _REOPENED, _REOPENED, _REOPENED, _REPEATED),
}
# fmt: on
OUTAGE_MOVES = {
    (held, stated): move
    for held, row in _OUTAGE_ROWS.items()
    for stated, move in zip(_OUTAGE_COLUMNS, row, strict=True)
}

# What a person may say next of an outage: any step forward, and back to the search where the cause was not the cause.
# From RESOLVED only reopening it leads out.
PEOPLE_MAY: dict[OutageStatus, tuple[OutageStatus, ...]] = {
    REPORTED: (INVESTIGATING, IDENTIFIED, MONITORING, RESOLVED),
    INVESTIGATING: (IDENTIFIED, MONITORING, RESOLVED),
    IDENTIFIED: (INVESTIGATING, MONITORING, RESOLVED),
    MONITORING: (INVESTIGATING, RESOLVED),
    RESOLVED: (),
}


def outage_move_of(held: OutageStatus | None, stated: OutageStatus | None) -> Move:
    """Return how a stated status moves that of an outage. ``held`` None: first contact; ``stated`` None: not stated."""
    if stated is None:
        return Move.OPENED if held is None else Move.REPEATED
    return OUTAGE_MOVES[held, stated]


def move_of(held: MaintenanceStatus | None, stated: MaintenanceStatus | None) -> Move:
    """Return how a stated status moves a held one. ``held`` None: first contact; ``stated`` None: not stated."""
    if stated is None or stated is UNKNOWN:
        return Move.OPENED if held is None else Move.REPEATED
    return MAINTENANCE_MOVES[held, stated]


def phase_of(event: Event, now: datetime, *, sends_completions: bool = False) -> Phase:
    """Return where the clock stands relative to an event.

    ``sends_completions`` says that the provider is known to tell when its work is done: without that word an event is
    overdue for a day after its end.
    """
    if event.kind is Kind.OUTAGE:
        return _phase_of_outage(event, now)
    return _phase_of_maintenance(event, now, sends_completions=sends_completions)


def _phase_of_maintenance(event: Event, now: datetime, *, sends_completions: bool) -> Phase:
    # What is re-scheduled under another id goes on there; a window that stays open after the end is an alternate one.
    if event.status in CLOSED or (event.replaced_by and event.status is RE_SCHEDULED):
        return Phase.PAST
    open_windows = [window for window in event.windows if not window.withdrawn and window.status not in CLOSED]
    if any(window.start <= now < window.end for window in open_windows):
        return Phase.ACTIVE
    if any(now < window.start for window in open_windows):
        return Phase.UPCOMING
    if not event.windows:
        # Planned work whose windows nobody stated is ahead until somebody says that it is over.
        return Phase.PAST if event.status in CLOSED else Phase.UPCOMING
    if sends_completions and any(now < window.end + OVERDUE_FOR for window in open_windows):
        return Phase.OVERDUE
    return Phase.PAST


def _phase_of_outage(event: Event, now: datetime) -> Phase:
    if event.status is RESOLVED:
        return Phase.PAST
    return Phase.STALE if now - event.stamp > STALE_AFTER else Phase.ACTIVE
