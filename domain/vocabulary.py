"""The carriers' words as closed sets."""

from enum import StrEnum


class Kind(StrEnum):
    """What an event is: planned work, or an unplanned loss."""

    MAINTENANCE = "maintenance"
    OUTAGE = "outage"


class MaintenanceStatus(StrEnum):
    """What the provider says of planned work.

    UNKNOWN is ours: first contact by an update that states no status.
    Source: BCOP maintnote 3.6.6, and circuit-maintenance-parser's ``Status`` without NO-CHANGE, which states nothing.
    """

    UNKNOWN = "UNKNOWN"
    TENTATIVE = "TENTATIVE"
    CONFIRMED = "CONFIRMED"
    RE_SCHEDULED = "RE-SCHEDULED"
    IN_PROCESS = "IN-PROCESS"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class OutageStatus(StrEnum):
    """How far the provider is with an unplanned loss. Source: the outages of the NetBox plugin netbox-notices."""

    REPORTED = "REPORTED"
    INVESTIGATING = "INVESTIGATING"
    IDENTIFIED = "IDENTIFIED"
    MONITORING = "MONITORING"
    RESOLVED = "RESOLVED"


class Impact(StrEnum):
    """The effect on a circuit, from none to total. Source: BCOP maintnote 3.6.5."""

    NO_IMPACT = "NO-IMPACT"
    REDUCED_REDUNDANCY = "REDUCED-REDUNDANCY"
    DEGRADED = "DEGRADED"
    OUTAGE = "OUTAGE"

    @property
    def severity(self) -> int:
        """Return 0 for no impact up to 3 for an outage."""
        return _SEVERITIES[self]


_SEVERITIES = {impact: severity for severity, impact in enumerate(Impact)}


class Phase(StrEnum):
    """Where the clock stands relative to an event; computed, never stored."""

    UPCOMING = "upcoming"
    ACTIVE = "active"
    OVERDUE = "overdue"
    STALE = "stale"
    PAST = "past"


class Move(StrEnum):
    """How an event came from the status held before to the one after an update."""

    OPENED = "opened"
    REPEATED = "repeated"
    ADVANCED = "advanced"
    REVERTED = "reverted"
    CLOSED = "closed"
    LATE = "late"
    REOPENED = "reopened"
    PARTLY_CANCELLED = "partly_cancelled"
    RESCHEDULED_WITHOUT_WINDOW = "rescheduled_without_window"
    REPLACED = "replaced"
    CORRECTED = "corrected"


class EtrMove(StrEnum):
    """What became of an estimated time of restoration."""

    SET = "set"
    EXTENDED = "extended"
    SHORTENED = "shortened"
    WITHDRAWN = "withdrawn"
