"""The Global NOC at Indiana University, which runs Internet2 and other research networks: a sheet of labels.

``Ticket No.`` is the number of the ticket and that of its network ("5217:144"), and ``Subject`` begins with what it is
about: "Outage", "Brief Outage", each with "Resolved" once it is over, or a maintenance, which is not read here.
``End Time`` stands there once it is known, ``Affected`` names what is down. The form has no label for cause and
estimate: they are read from ``Description`` where a sentence says them, an estimate from a line of its own too.

Sources: the notices as these reports repeat them: docs.globalnoc.iu.edu/i2network/support/weekly-reports/
internet2-ip-weekly-reports/20150531.html, noc.net.internet2.edu/i2network/support/weekly-reports/
internet2-al2s-weekly-reports/internet2-al2s-weekly-reports/20140710.html and 20140721.html beside it.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from domain.events import StatedCircuit, StatedOutage
from domain.vocabulary import OutageStatus
from parsers.forms import DateOrder
from parsers.lines import one_line
from parsers.mime import Notification
from parsers.outage.sheets import ETR_LABEL, cause_in, course_in, etr_in, etr_on, sheet_of
from parsers.outage.times import Moments, moments_of
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

_LABEL = re.compile(
    rf"^(Ticket No|Subject|Source Of Impact|Affected|Start Time|End Time|Description|{ETR_LABEL})\.?\s?:\s?",
    re.IGNORECASE | re.MULTILINE,
)
_TICKET = re.compile(r"(\d{1,8})(?::\d{1,6})?")
_ABOUT = re.compile(
    r"(?:updated?\b[ :-]{0,5})?(?:brief |intermittent )?outage\b(?P<resolved> resolved\b)?[ -]{0,5}(?P<what>.*)",
    re.IGNORECASE,
)
# "Backbones ATLA-CHIC and ATLA-JCSN" are "Backbone ATLA-CHIC" and "Backbone ATLA-JCSN".
_SEVERAL = re.compile(r"(?P<kind>(?:\w{1,20} ){0,3}?\w{1,20})s (?P<names>\S.{0,500})")
_BETWEEN = re.compile(r"\s?[,;\n]\s?(?:and\s)?|\sand\s")
_CLOCKS_DIFFER = timedelta(minutes=10)


def read(notification: Notification, provider: Provider) -> Findings:
    """Return the outage that a notice is about. Raises ``NotUnderstood`` for every other form, and for planned work."""
    sheet = sheet_of(notification, _LABEL)
    ticket = _TICKET.match(sheet.get("ticket no", ""))
    if not ticket or "source of impact" not in sheet:
        raise NotUnderstood("reader globalnoc: no ticket number, or no source of impact")
    about = _ABOUT.match(one_line(sheet.get("subject", "")) or notification.subject)
    if not about:
        raise NotUnderstood("reader globalnoc: its subject names no outage")
    outage = _outage(sheet, about, moments_of(notification, provider, order=DateOrder.MONTH_BY_NAME, zone="UTC"))
    result = Result(
        event_id=ticket[0],
        references=(ticket[1],) if ticket[1] != ticket[0] else (),
        circuits=_circuits(sheet.get("affected", "")) or None,
        summary=about["what"] or None,
        outage=outage,
    )
    return Findings(results=(result,), matched=tuple((label, one_line(value)) for label, value in sheet.items()))


def _outage(sheet: Mapping[str, str], about: re.Match[str], moments: Moments) -> StatedOutage:
    prose = sheet.get("description", "")
    start = one_line(sheet.get("start time", ""))
    end = _end(one_line(sheet.get("end time", "")), moments)
    over = bool(about["resolved"] or end)
    return StatedOutage(
        status=OutageStatus.RESOLVED if over else course_in(prose),
        start=moments.instant(start) if start else None,
        end=end,
        etr=None if over else etr_on(sheet, moments) or etr_in(prose, moments),
        cause=cause_in(prose),
        zone=moments.zone_in(start),
    )


def _end(text: str, moments: Moments) -> datetime | None:
    """Return when it ended, None where that is still to come, or no time stands there."""
    try:
        end = moments.instant(text, latest=True)
    except NotUnderstood:
        return None
    return end if end <= moments.date + _CLOCKS_DIFFER else None


def _circuits(affected: str) -> tuple[StatedCircuit, ...]:
    names = [name.strip(" .") for name in _BETWEEN.split(affected.strip())]
    if len(names) > 1 and (several := _SEVERAL.fullmatch(names[0])):
        names = [several["names"], *names[1:]]
        names = [f"{several['kind']} {name}" for name in names]
    return tuple(StatedCircuit(circuit_id=name) for name in dict.fromkeys(names) if name)


READER = Reader(form="globalnoc", label="maintd/globalnoc", version="1", read=read)
