"""Netflix's end: the library adds up the hours and minutes of any line, that of the draining too.

Proof: tests/mail/netflix/an_hour.eml.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from parsers.lines import plain_lines_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

_DOWNTIME = re.compile(
    r"expected downtime\b[^.\d]{0,60}"
    r"(?:(?P<hours>\d{1,2}) hours?\b)?(?:,? (?:and )?)?(?:(?P<minutes>\d{1,4}) minutes?\b)?",
    re.IGNORECASE,
)


def with_its_downtime(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results with the end that the expected downtime makes; as they are where none is stated."""
    stated = _DOWNTIME.search(" ".join(plain_lines_of(notification)))
    length = timedelta(hours=int(stated["hours"] or 0), minutes=int(stated["minutes"] or 0)) if stated else None
    if not length:
        return results
    return [replace(result, end=result.start + length if result.start else result.end) for result in results]
