"""Why calendars are read by a reader of our own: what the library makes of them, in our own mails.

One that fails says that the library has mended it: then the fault goes out of parsers/forms.py.
"""

from pathlib import Path

import pytest
from circuit_maintenance_parser import NotificationData, ProviderError, init_provider
from circuit_maintenance_parser.output import Impact, Maintenance

from parsers.mime import decode

MAIL = Path(__file__).parents[2] / "mail"


def library_of(case: str) -> list[Maintenance]:
    """Return what the library itself makes of the calendar of a mail."""
    (calendar,) = decode((MAIL / f"{case}.eml").read_bytes()).of_type("text/calendar")
    return list(init_provider("genericprovider").get_maintenances(NotificationData.init_from_raw("ical", calendar)))


def test_of_two_maintenance_ids_the_library_makes_one_text():
    assert {"HF-2027-0040", "TIDE-77120"}.isdisjoint(
        one.maintenance_id for one in library_of("bcop/two_nights_in_local_time")
    )


def test_the_library_does_not_read_the_impact_of_a_single_object():
    impacts = {circuit.impact for one in library_of("bcop/two_nights_in_local_time") for circuit in one.circuits}

    assert impacts == {Impact("OUTAGE")}


def test_the_library_fails_on_a_cancellation_as_icalendar_says_it_and_on_a_status_in_small_letters():
    with pytest.raises(ProviderError, match="At least one circuit"):
        library_of("bcop/cancelled_by_method")
    with pytest.raises(ProviderError, match="is not a valid Status"):
        library_of("bcop/whole_day")
