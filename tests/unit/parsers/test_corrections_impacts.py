"""What happens to a circuit and how long it takes, where the library knows one word of it.

Where the library is asked alone, a test says when it has mended a fault: then the correction can be deleted.
"""

import warnings
from pathlib import Path

import pytest
from circuit_maintenance_parser import ProviderError, init_provider
from circuit_maintenance_parser.data import DataPart, NotificationData
from circuit_maintenance_parser.parsers.netflix import TextParserNetflix1

from domain.vocabulary import Impact
from parsers.corrections.impacts import impact_of
from parsers.mime import decode, read_envelope
from parsers.providers import directory
from parsers.reading import read_message

MAIL = Path(__file__).parents[2] / "mail"

DEGRADED, NO_IMPACT, OUTAGE, REDUCED_REDUNDANCY = (
    Impact.DEGRADED,
    Impact.NO_IMPACT,
    Impact.OUTAGE,
    Impact.REDUCED_REDUNDANCY,
)


def raw(case: str, *changes: tuple[bytes, bytes]) -> bytes:
    notice = (MAIL / f"{case}.eml").read_bytes()
    for old, new in changes:
        assert old in notice
        notice = notice.replace(old, new)
    return notice


def impacts(notice: bytes) -> dict[str, Impact | None]:
    (update,) = read_message(notice, received_at=read_envelope(notice).date, directory=directory()).updates
    return {circuit.circuit_id: circuit.impact for window in update.windows or () for circuit in window.circuits or ()}


def minutes(notice: bytes) -> int:
    (update,) = read_message(notice, received_at=read_envelope(notice).date, directory=directory()).updates
    (window,) = update.windows or ()
    return int((window.end - window.start).total_seconds()) // 60


def library_of(notice: bytes, form: str) -> dict[str, str]:
    """Return the impacts that the library alone finds. Raises ``ProviderError``."""
    notification = decode(notice)
    parts = [DataPart(text.type, text.text.replace("=", "=3D").encode()) for text in notification.texts]
    headers = {"subject": notification.subject, "date": f"{notification.date:%a, %d %b %Y %H:%M:%S +0000}"}
    parts += [DataPart(f"email-header-{name}", value.encode()) for name, value in headers.items()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (found,) = init_provider(form).get_maintenances(NotificationData(data_parts=parts))
    return {circuit.circuit_id: circuit.impact.value for circuit in found.circuits}


def test_a_circuit_whose_protection_switches_is_not_left_out():
    assert impacts(raw("cirion/protection_switches")) == {"BUE-RIDGE-91": REDUCED_REDUNDANCY, "BUE-RIDGE-92": OUTAGE}


def test_the_library_still_leaves_out_what_is_no_outage():
    assert library_of(raw("cirion/protection_switches"), "cirion") == {"BUE-RIDGE-92": "OUTAGE"}, (
        "mended: see parsers/corrections/impacts.cirion"
    )


def test_no_impact_is_none():
    assert impacts(raw("vodafone/no_impact")) == {"X0204431A": NO_IMPACT, "X0204432A": REDUCED_REDUNDANCY}


def test_the_library_still_takes_no_impact_for_a_degradation():
    assert set(library_of(raw("vodafone/no_impact"), "vodafone").values()) == {"DEGRADED"}, (
        "mended: see parsers/corrections/impacts.vodafone"
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((), REDUCED_REDUNDANCY),
        (((b"At Risk", b"Outage"),), OUTAGE),
        (((b"At Risk", b"Service moves"),), NO_IMPACT),
        (((b"At Risk", b"Service moves"), (b"<td>NO</td>", b"<td>YES</td>")), None),
    ],
)
def test_what_is_listed_or_said_of_the_service_is_the_impact(
    changes: tuple[tuple[bytes, bytes], ...], expected: Impact | None
):
    assert set(impacts(raw("windstream/without_an_outage", *changes)).values()) == {expected}


def test_the_library_still_wants_an_outage():
    with pytest.raises(ProviderError):
        library_of(raw("windstream/without_an_outage"), "windstream")
    assert library_of(raw("windstream/without_an_outage", (b"At Risk", b"Outage")), "windstream")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((), 60),
        (((b"half an hour of", b"2 hours of"),), 60),
        (((b"approximately 1 hour.", b"approximately 1 hour 30 minutes."),), 90),
        (((b"approximately 1 hour.", b"approximately 2 hours and 5 minutes."),), 125),
        (((b"approximately 1 hour.", b"approximately 45 minutes."),), 45),
    ],
)
def test_the_expected_downtime_is_the_length(changes: tuple[tuple[bytes, bytes], ...], expected: int):
    assert minutes(raw("netflix/an_hour", *changes)) == expected


def test_the_library_still_does_not_know_an_hour():
    (text,) = decode(raw("netflix/an_hour")).of_type("text/plain")
    (found, *_) = TextParserNetflix1().parse(text.encode(), "text/plain")
    # Its own check, which we do without, refuses such a window.
    assert found["start"] == found["end"]
    assert library_of(raw("netflix/an_hour", (b"1 hour.", b"2 hours.")), "netflix")


@pytest.mark.parametrize(
    ("words", "impact"),
    [
        ("Outage", OUTAGE),
        ("LOSS OF SERVICE", OUTAGE),
        ("No loss of service", NO_IMPACT),
        ("No Service Impact", NO_IMPACT),
        ("None Expected", NO_IMPACT),
        ("At risk of an outage", REDUCED_REDUNDANCY),
        ("Loss of resilience", REDUCED_REDUNDANCY),
        ("Degraded service", DEGRADED),
        ("See below", None),
        ("", None),
    ],
)
def test_words_state_an_impact_or_none(words: str, impact: Impact | None):
    assert impact_of(words) is impact
