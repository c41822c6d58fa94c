"""The ids of forms that state none: the library's changes with each window, and so a moved night was another event."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from domain.events import circuit_key_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

_DIGITS = 16


def of_circuits(results: Sequence[Result], _: Notification, __: Provider) -> Sequence[Result]:
    """Return each result under the digest of its circuits, whatever its window and account; one without as it is."""
    return [replace(result, event_id=_digest(result)) if result.circuits else result for result in results]


def _digest(result: Result) -> str:
    keys = sorted({circuit_key_of(circuit.circuit_id) for circuit in result.circuits or ()})
    return "circuits-" + hashlib.sha256("\n".join(keys).encode()).hexdigest()[:_DIGITS]
