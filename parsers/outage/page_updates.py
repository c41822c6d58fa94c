"""What the text of an update on a status page states with labels: times of the loss, an estimate, the cause."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.events import StatedOutage
from domain.vocabulary import OutageStatus
from parsers.lines import going_on
from parsers.outage.pages import bare
from parsers.outage.times import Moments
from parsers.outage.words import Means, meaning_of
from parsers.statements import NotUnderstood

_STATED = re.compile(r"(?P<label>[a-z][a-z /-]{1,40}?)[*_]{0,3}\s?:\s?(?P<value>.{0,1000})", re.IGNORECASE)
_FIELDS: Mapping[str, str] = {
    **dict.fromkeys(("root cause", "cause", "reason for outage", "rfo"), "cause"),
    **dict.fromkeys(("start", "start time", "started", "started at", "incident start"), "start"),
    **dict.fromkeys(("end", "end time", "ended at", "resolved at", "restored at", "incident end"), "end"),
    **dict.fromkeys(("etr", "ettr", "estimated time of restoration", "estimated time to restore"), "etr"),
    **dict.fromkeys(("estimated time of repair", "estimated time to repair", "estimated resolution"), "etr"),
    **dict.fromkeys(("estimated time to resolution", "estimated time of resolution"), "etr"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an update says of an outage; what of its times cannot be read; and in which words it says each field."""

    outage: StatedOutage
    warnings: tuple[str, ...]
    matched: tuple[tuple[str, str], ...]


def told_by(
    message: Sequence[str], status: OutageStatus | None, moments: Moments, *, reported: str = "", posted: str = ""
) -> Told:
    """Return what an update says with its text, the lines of ``message``, and its status.

    ``posted`` is when it was posted, which names the zone, ``reported`` the same of the first one: then that is when
    the loss was reported, and its start where the text states no other. Only of what is resolved an end is read.
    """
    words = dict(_fields(message))
    warnings: list[str] = []
    reported_at = _instant(reported, moments, warnings)
    outage = StatedOutage(
        status=status,
        start=_instant(words.get("start", ""), moments, warnings) or reported_at,
        end=_instant(words.get("end", ""), moments, warnings, latest=True) if status is OutageStatus.RESOLVED else None,
        reported_at=reported_at,
        etr=moments.etr(words["etr"]) if "etr" in words else None,
        cause=words.get("cause"),
        zone=moments.zone_in(posted or reported) if posted or reported else None,
    )
    seen = {"start": reported, "reported_at": reported, **words}
    matched = tuple((name, text) for name, text in seen.items() if text and getattr(outage, name) is not None)
    return Told(outage=outage, warnings=tuple(warnings), matched=matched)


def _instant(text: str, moments: Moments, warnings: list[str], *, latest: bool = False) -> datetime | None:
    if not text:
        return None
    try:
        return moments.instant(text, latest=latest)
    except NotUnderstood as problem:
        warnings.append(str(problem))
        return None


def _fields(message: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what is stated with a label, the last first, so that of several the first one counts."""
    lines = [bare(line) for line in message]
    for number in range(len(lines) - 1, -1, -1):
        stated = _STATED.fullmatch(lines[number])
        label = (stated["label"] if stated else lines[number]).strip().lower()
        # An estimate is as often called the newest one.
        name = _FIELDS.get(label) or ("etr" if meaning_of(label) is Means.ETR else None)
        if name is None:
            continue
        whole = _STATED.fullmatch(going_on(lines, number)) if stated and name == "cause" else stated
        following = going_on(lines, number + 1) if number + 1 < len(lines) else ""
        value = (bare(whole["value"]) if whole else "") or following
        if value:
            yield name, value
