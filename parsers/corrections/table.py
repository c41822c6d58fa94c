"""Which faults of the parser library are put right in which form.

A correction takes what the library found, the notification and its provider, and returns what is right: a few lines,
with the proof in one of our own mails. A test of each tells when the library has mended the fault. Measured with
2.12.0.
"""

from collections.abc import Callable, Mapping, Sequence

from parsers.corrections import gtt
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

Correction = Callable[[Sequence[Result], Notification, Provider], Sequence[Result]]

CORRECTIONS: Mapping[str, tuple[Correction, ...]] = {
    "gtt": (gtt.without_invented_times,),
}


def corrected(form: str, results: Sequence[Result], notification: Notification, provider: Provider) -> Sequence[Result]:
    """Return what the library found in a form, put right."""
    for correct in CORRECTIONS.get(form, ()):
        results = correct(results, notification, provider)
    return results
