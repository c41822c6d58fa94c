"""Which faults of the parser library are put right in which form.

A correction takes what the library found, the notification and its provider, and returns what is right: a few lines,
with the proof in one of our own mails. A test of each tells when the library has mended the fault. Measured with
2.12.0.
"""

from collections.abc import Callable, Mapping, Sequence

from parsers.corrections import (
    accounts,
    bso,
    crowncastle,
    flag,
    google,
    gtt,
    ids,
    lumen,
    retn,
    sparkle,
    subjects,
    telstra,
    times,
    zayo,
)
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result

Correction = Callable[[Sequence[Result], Notification, Provider], Sequence[Result]]

CORRECTIONS: Mapping[str, tuple[Correction, ...]] = {
    "aws": (ids.of_circuits,),
    "bso": (bso.by_timeslot, bso.started),
    "crowncastle": (crowncastle.completed_on_the_last_day, crowncastle.with_expected_impacts),
    "flag": (flag.by_window,),
    "globalcloudxchange": (subjects.cancelled, flag.by_window),
    "google": (google.as_stated,),
    "gtt": (gtt.without_invented_times, gtt.of_customers, gtt.moved_only_to_new_times),
    "hgc": (times.hgc,),
    "lumen": (lumen.by_window,),
    "momentum": (times.momentum,),
    "netflix": (ids.of_circuits,),
    "retn": (retn.as_stated,),
    "seaborn": (times.seaborn,),
    "sparkle": (sparkle.by_day,),
    "telstra": (telstra.as_stated,),
    "vodafone": (times.vodafone, accounts.vodafone),
    "windstream": (times.windstream, accounts.windstream),
    "zayo": (zayo.with_replaced_ticket,),
}


def corrected(form: str, results: Sequence[Result], notification: Notification, provider: Provider) -> Sequence[Result]:
    """Return what the library found in a form, put right."""
    for correct in CORRECTIONS.get(form, ()):
        results = correct(results, notification, provider)
    return results
