"""Reader of the mails of Cachet about incidents, as its versions 2.4 and 2.5 write them in English.

The first mail of an incident names neither its name nor its status, and no mail its components.
Source: https://github.com/cachethq/cachet, branch 2.5, resources/lang/en/notifications.php and cachet.php,
resources/views/notifications/incident.
"""

import re
from collections.abc import Mapping, Sequence

from domain.vocabulary import OutageStatus
from parsers.mime import Notification
from parsers.outage.labels import newest_text
from parsers.outage.page_updates import told_by
from parsers.outage.pages import bare, incidents_in, ways
from parsers.outage.times import moments_of
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader, Result

_STATUSES: Mapping[str, OutageStatus] = {
    "investigating": OutageStatus.INVESTIGATING,
    "identified": OutageStatus.IDENTIFIED,
    "watching": OutageStatus.MONITORING,
    "fixed": OutageStatus.RESOLVED,
}
_HEAD = re.compile(
    r"a new incident was reported at \S.{0,200}\."
    rf"|(?P<name>\S.{{0,250}}) was updated to (?P<status>{'|'.join(_STATUSES)})",
    re.IGNORECASE,
)
_BELOW = re.compile(r"view(?:$|\s?:)|thanks,", re.IGNORECASE)


def _read(notification: Notification, provider: Provider) -> Findings:
    newest = newest_text(notification)
    head, message = _update(newest)
    ids = incidents_in(newest, apart_from=message)
    if not ids:
        raise NotUnderstood("reader cachet: it links to no incident")
    status = _STATUSES.get((head["status"] or "").lower())
    told = told_by(message, status, moments_of(notification, provider))
    found = Result(event_id=ids[0], summary=head["name"], outage=told.outage)
    named = [("status", head["status"]), ("summary", head["name"])] if head["status"] else []
    return Findings(results=(found,), warnings=told.warnings, matched=(("ticket", ids[0]), *named, *told.matched))


def _update(newest: Notification) -> tuple[re.Match[str], Sequence[str]]:
    """Return the headline of a mail, and the lines of the message below it."""
    for lines in ways(newest):
        for number, line in enumerate(lines):
            if head := _HEAD.fullmatch(bare(line)):
                below = lines[number + 1 :]
                end = next((place for place, one in enumerate(below) if _BELOW.match(bare(one))), len(below))
                return head, below[:end]
    raise NotUnderstood("reader cachet: no update of an incident stands in it")


READER = Reader(form="cachet", label="maintd/cachet", version="1", read=_read)
