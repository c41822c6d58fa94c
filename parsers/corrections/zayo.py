"""Zayo's new tickets for old ones: the library does not say which ticket a notice moves.

Source: zayo9.eml in the test data of circuit-maintenance-parser, tests/mail/zayo/moved_to_a_new_ticket.eml.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from domain.events import id_key_of
from parsers.lines import lines_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

_REASON = re.compile(r"Reason for Maintenance:(.{0,4000}?)(?:Expected Impact:|Circuit\(s\) Affected)")
_REPLACED = re.compile(r"\bresched(?:ule|uling) of (?:ticket )?(TTN-\d{4,12})\b", re.IGNORECASE)


def with_replaced_ticket(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results with the other ticket that is moved to theirs, by their reason or the subject."""
    reason = _REASON.search(" ".join(lines_of(notification)))
    replaced = _REPLACED.search(f"{notification.subject} {reason[1] if reason else ''}")
    if not replaced:
        return results
    return [
        result if id_key_of(result.event_id) == id_key_of(replaced[1]) else replace(result, replaces=replaced[1])
        for result in results
    ]
