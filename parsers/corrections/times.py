"""Times that the library reads wrongly, read again from the text: it drops every zone but UTC without a word.

"17:00 HKT" is 17:00 in UTC to it. Proof: tests/mail/momentum/in_central_time.eml,
tests/mail/hgc/half_past_the_hour.eml, tests/mail/seaborn/schedule_in_brazil.eml,
tests/mail/vodafone/in_british_summer_time.eml, tests/mail/windstream/over_the_end_of_summer_time.eml.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from parsers.clock import Clock, clock_of
from parsers.lines import lines_of, values_after
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

# The labels of the start and of the end.
_LABELS: Mapping[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    form: (re.compile(start, re.IGNORECASE), re.compile(end, re.IGNORECASE))
    for form, start, end in (
        ("hgc", r"maintenance window start date (?:&|and) time\b", r"maintenance window end date (?:&|and) time\b"),
        ("momentum", r"maintenance start date/time\b", r"maintenance finish date/time\b"),
        ("seaborn", r"start date/time\b", r"finish date/time\b"),
        ("windstream", r"event start date (?:&|and) time\b", r"event end date (?:&|and) time\b"),
    )
}
# The label of a line that holds both, and what stands between them.
_SPANS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "seaborn": (re.compile(r"schedule\b[\s:]*(?:\((?P<zone>[^)]{1,40})\))?", re.IGNORECASE), " - "),
    "vodafone": (re.compile(r"(?:new )?scheduled start\b[^:]{0,60}", re.IGNORECASE), " to "),
}
_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?(?:\s*[ap]\.?m\b\.?)?", re.IGNORECASE)


def read_again(
    form: str, results: Sequence[Result], notification: Notification, provider: Provider
) -> Sequence[Result]:
    """Return the one result with the times that stand in the text; as it is where no label of the form is found.

    Raises ``NotUnderstood`` where a time has a zone that is not known.
    """
    if len(results) != 1:
        return results
    window = _window(form, lines_of(notification), clock_of(form, provider))
    return [replace(results[0], start=window[0], end=window[1])] if window else results


def hgc(results: Sequence[Result], notification: Notification, provider: Provider) -> Sequence[Result]:
    """Return the result with its minutes and its zone."""
    return read_again("hgc", results, notification, provider)


def momentum(results: Sequence[Result], notification: Notification, provider: Provider) -> Sequence[Result]:
    """Return the result in the zone that is stated."""
    return read_again("momentum", results, notification, provider)


def seaborn(results: Sequence[Result], notification: Notification, provider: Provider) -> Sequence[Result]:
    """Return the result in the zone that is stated, in the label of one of the forms."""
    return read_again("seaborn", results, notification, provider)


def vodafone(results: Sequence[Result], notification: Notification, provider: Provider) -> Sequence[Result]:
    """Return the result in the zone that is stated."""
    return read_again("vodafone", results, notification, provider)


def windstream(results: Sequence[Result], notification: Notification, provider: Provider) -> Sequence[Result]:
    """Return the result by the clock on the wall."""
    return read_again("windstream", results, notification, provider)


def _window(form: str, lines: Sequence[str], clock: Clock) -> tuple[datetime, datetime] | None:
    if form in _SPANS:
        label, between = _SPANS[form]
        for number, line in enumerate(lines):
            found = label.match(line)
            value = next(values_after(lines[number : number + 3], label), "") if found else ""
            if found and between in value and _TIME.search(value):
                return span_of(clock, value, between, zone=found.groupdict().get("zone") or "")
    if form not in _LABELS:
        return None
    start, end = (next(values_after(lines, label), "") for label in _LABELS[form])
    return (clock.instant(start), clock.instant(end, latest=True)) if start and end else None


def span_of(clock: Clock, text: str, between: str, *, zone: str = "") -> tuple[datetime, datetime]:
    """Return start and end of a text that holds both; a zone that only the end states is that of the start too."""
    start, _, end = text.partition(between)
    behind_start, behind_end = (
        part[found.end() :].strip() if (found := _TIME.search(part)) else "" for part in (start, end)
    )
    zone = zone or behind_end
    return (
        clock.instant(start if behind_start else f"{start} {zone}"),
        clock.instant(end if behind_end else f"{end} {zone}", latest=True),
    )
