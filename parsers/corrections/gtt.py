"""GTT's cancellations, which state no times: the library writes the first second of 1970 for them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

_FIRST_SECOND = datetime(1970, 1, 1, tzinfo=UTC)


def without_invented_times(results: Sequence[Result], _: Notification, __: Provider) -> Sequence[Result]:
    """Return the results without times that were not stated."""
    invented = (_FIRST_SECOND, _FIRST_SECOND + timedelta(seconds=1))
    return [
        replace(result, start=None, end=None) if (result.start, result.end) == invented else result
        for result in results
    ]
