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
    impacts,
    lumen,
    netflix,
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
    "apple": (subjects.as_told,),
    "aquacomms": (subjects.as_told,),
    "att": (subjects.as_told,),
    "aws": (ids.of_circuits,),
    "bso": (bso.by_timeslot, bso.started),
    "cirion": (impacts.cirion,),
    "colt": (subjects.as_told,),
    "crowncastle": (crowncastle.completed_on_the_last_day, crowncastle.with_expected_impacts),
    "flag": (flag.by_window, subjects.as_told),
    "globalcloudxchange": (flag.by_window, subjects.as_told),
    "google": (google.as_stated,),
    "gtt": (gtt.without_invented_times, gtt.of_customers, gtt.moved_only_to_new_times),
    "hgc": (times.hgc, subjects.as_told),
    "lumen": (lumen.by_window,),
    "megaport": (subjects.as_told,),
    "momentum": (times.momentum, subjects.as_told),
    "netflix": (netflix.with_its_downtime, ids.of_circuits, subjects.as_told),
    "retn": (retn.as_stated,),
    "seaborn": (times.seaborn, subjects.as_told),
    "sparkle": (sparkle.by_day, subjects.as_told),
    "tata": (subjects.as_told,),
    "telstra": (telstra.as_stated,),
    "verizon": (subjects.as_told,),
    "vodafone": (times.vodafone, impacts.vodafone, accounts.vodafone, subjects.as_told),
    "windstream": (times.windstream, impacts.windstream, accounts.windstream),
    "zayo": (zayo.with_replaced_ticket,),
}


def corrected(form: str, results: Sequence[Result], notification: Notification, provider: Provider) -> Sequence[Result]:
    """Return what the library found in a form, put right."""
    for correct in CORRECTIONS.get(form, ()):
        results = correct(results, notification, provider)
    return results
