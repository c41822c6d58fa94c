"""What a template may say: the groups of its patterns, the words for a status, and how a pattern is compiled.

Apart from ``parsers.template``, which reads by them: the configuration is checked without loading any reader.
"""

import re
import warnings
from collections.abc import Mapping

from domain.vocabulary import Kind, MaintenanceStatus, OutageStatus

FLAGS = re.MULTILINE | re.IGNORECASE

ID_GROUPS: Mapping[Kind, str] = {Kind.OUTAGE: "ticket", Kind.MAINTENANCE: "maintenance_id"}
_COMMON = ("status", "start", "end", "date", "zone", "circuit", "impact", "account", "summary")
GROUPS: Mapping[Kind, tuple[str, ...]] = {
    Kind.OUTAGE: (ID_GROUPS[Kind.OUTAGE], *_COMMON, "reported_at", "etr", "cause"),
    Kind.MAINTENANCE: (ID_GROUPS[Kind.MAINTENANCE], *_COMMON),
}
OUTAGE_STATUSES = tuple(OutageStatus)
# UNKNOWN is not the provider's word.
MAINTENANCE_STATUSES = tuple(status for status in MaintenanceStatus if status is not MaintenanceStatus.UNKNOWN)
STATUSES: Mapping[Kind, tuple[OutageStatus, ...] | tuple[MaintenanceStatus, ...]] = {
    Kind.OUTAGE: OUTAGE_STATUSES,
    Kind.MAINTENANCE: MAINTENANCE_STATUSES,
}
# What tells of an event, of which a template must find more than its id. An impact is that of a circuit.
TELLING_GROUPS: Mapping[Kind, tuple[str, ...]] = {
    Kind.OUTAGE: ("status", "start", "end", "etr", "cause", "circuit", "reported_at"),
    Kind.MAINTENANCE: ("status", "start", "circuit"),
}


def word_key(word: str) -> str:
    """Return a word of a provider in the form in which words are compared: without case, white space collapsed."""
    return " ".join(word.split()).casefold()


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern of a template, compiled. Raises ``re.error`` and its like."""
    with warnings.catch_warnings():
        # Of what a later Python may understand otherwise.
        warnings.simplefilter("ignore")
        return re.compile(pattern, FLAGS)
