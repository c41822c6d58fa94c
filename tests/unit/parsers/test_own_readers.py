"""The readers of our own: what they refuse, and what is not in a mail beside its .json."""

import io
import re
from datetime import UTC, datetime, time
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pytest

from domain.fold import fold
from domain.lifecycle import phase_of
from domain.message import Disposition, Reading, Reason
from domain.vocabulary import Impact, MaintenanceStatus, Phase
from parsers import maintenance
from parsers.cities import zone_of_city
from parsers.mime import SPREADSHEET, decode, read_envelope
from parsers.providers import Provider, directory
from parsers.readers import OWN_READERS, readers_of
from parsers.reading import read_message
from parsers.statements import NotUnderstood, Reader

MAIL = Path(__file__).parents[2] / "mail"

KPN_HEADINGS = (
    "Aankondiging",
    "Astrid/IDA",
    "V/G/A-nummer | V/G/A number",
    "Startdatum | Start date",
    "Starttijd | Start time",
    "Einddatum | End date",
    "Eindtijd | End time",
    "Onderbrekingsduur | Downtime",
)
KPN_ROW = ("Wijziging", "CT1", "A204417", "31-10-2027", "02:15", "31-10-2027", "02:45", "x")


def read(raw: bytes) -> Reading:
    return read_message(raw, received_at=read_envelope(raw).date, directory=directory())


def changed(case: str, *replacements: tuple[bytes, bytes]) -> bytes:
    raw = (MAIL / f"{case}.eml").read_bytes()
    for old, new in replacements:
        assert old in raw, old
        raw = raw.replace(old, new)
    return raw


def kpn(*rows: tuple[object, ...], headings: tuple[str, ...] = KPN_HEADINGS, content: bytes = b"") -> bytes:
    book = openpyxl.Workbook()
    for row in (headings, *rows):
        book.active.append(row)
    sheet = io.BytesIO()
    book.save(sheet)
    message = EmailMessage()
    message["From"] = "gwc-noreply@kpn.com"
    message["Subject"] = "Aankondiging geplande werkzaamheden KPN"
    message["Date"] = "Fri, 01 Oct 2027 08:00:00 +0000"
    message.set_content("De werkzaamheden staan in de bijlage.")
    kind, _, subtype = SPREADSHEET.partition("/")
    message.add_attachment(content or sheet.getvalue(), maintype=kind, subtype=subtype, filename="Trans_1.xlsx")
    return message.as_bytes()


# The zones of cities.


@pytest.mark.parametrize(
    ("city", "place", "zone"),
    [
        ("Portland", "ME", "America/New_York"),
        ("Portland", "OR", "America/Los_Angeles"),
        ("Athens", "GA", "America/New_York"),
        ("Athens", "Greece", "Europe/Athens"),
        ("Paris", "TX", "America/Chicago"),
        ("Melbourne", "FL", "America/New_York"),
        ("PENSACOLA", "fl", "America/Chicago"),
        ("El Paso", "TX", "America/Denver"),
        ("Coeur d’Alene", "ID", "America/Los_Angeles"),
        ("Cambridge", "MA", "America/New_York"),
        ("Phoenix", "AZ", "America/Phoenix"),
        ("Springfield", "XX", None),
        ("Atlantis", "Ocean", None),
    ],
)
def test_a_city_is_in_the_zone_of_its_state(city, place, zone):
    assert zone_of_city(city, place) == zone


# Cogent.


@pytest.mark.parametrize(
    ("subject", "status"),
    [
        (b"3/9/2027 Fiber Provider Maintenance", MaintenanceStatus.CONFIRMED),
        (b"Cancellation 3/9/2027 Fiber Provider Maintenance", MaintenanceStatus.CANCELLED),
        (b"Completed 3/9/2027 Fiber Provider Maintenance", MaintenanceStatus.COMPLETED),
        (b"Rescheduled 3/9/2027 Fiber Provider Maintenance", MaintenanceStatus.RE_SCHEDULED),
        (b"3/9/2027 Fiber Provider Emergency Maintenance", MaintenanceStatus.CONFIRMED),
    ],
)
def test_the_status_of_cogent_stands_in_the_subject(subject, status):
    raw = changed("cogent/planned", (b"Subject: 3/9/2027 Fiber Provider Maintenance", b"Subject: " + subject))

    assert [update.status for update in read(raw).updates] == [status]


def test_cogent_without_a_city_that_is_known_is_not_guessed():
    raw = changed("cogent/local_time_in_portland_maine", (b"Portland, ME", b"Portland, QQ"))

    reading = read(raw)

    assert reading.updates == ()
    assert "no zone is stated" in reading.detail


def test_what_is_no_notice_of_cogent_is_not_understood():
    raw = changed("cogent/planned", (b"Work order number", b"Work order"))

    assert (read(raw).disposition, read(raw).updates) == (Disposition.QUARANTINED, ())


# SummitIG.


@pytest.mark.parametrize(
    ("word", "status"),
    [
        (b"Restored", MaintenanceStatus.COMPLETED),
        (b"Splicing", MaintenanceStatus.IN_PROCESS),
        (b"Under review", None),
    ],
)
def test_a_status_of_summitig_that_is_not_known_is_not_stated(word, status):
    raw = changed("summitig/scheduled", (b">Scheduled<", b">" + word + b"<"))

    assert [update.status for update in read(raw).updates] == [status]


def test_an_event_of_summitig_that_is_no_maintenance_is_not_understood():
    reading = read(changed("summitig/scheduled", (b">Maintenance<", b">Outage<")))

    assert reading.updates == ()
    assert "an event of type Outage" in reading.detail


# Equinix.


def test_what_equinix_writes_beside_maintenances_of_its_network_is_nothing_for_us():
    raw = changed("equinix/completed", (b"Network Maintenance", b"IBX Notice"))

    assert read(raw).disposition is Disposition.IRRELEVANT


def test_an_impact_of_equinix_in_other_words_is_not_stated():
    updates = read(changed("equinix/impact_in_other_words")).updates

    windows = [window for update in updates for window in update.windows or ()]
    assert [circuit.impact for window in windows for circuit in window.circuits or ()] == [None, None]


# Hawaiki.


def test_the_window_that_hawaiki_keeps_in_reserve_is_tentative_and_without_circuits():
    (update,) = read(changed("hawaiki/announced")).updates

    assert [(window.status, window.circuits == ()) for window in update.windows or ()] == [
        (None, False),
        (MaintenanceStatus.TENTATIVE, True),
    ]


def test_a_mail_of_hawaiki_without_window_and_status_is_not_understood():
    raw = changed("hawaiki/completed", (b"has been completed", b"goes on"))

    assert read(raw).updates == ()


# KPN.


def test_the_times_of_kpn_are_those_of_amsterdam_the_start_the_earlier_and_the_end_the_later():
    (update,) = read(kpn(KPN_ROW)).updates

    (window,) = update.windows or ()
    assert (update.status, f"{window.start:%d %H:%M}", f"{window.end:%d %H:%M}") == (
        MaintenanceStatus.RE_SCHEDULED,
        "31 00:15",
        "31 01:45",
    )
    assert [circuit.impact for circuit in window.circuits or ()] == [None]


def test_cells_of_kpn_that_are_dates_and_numbers_are_read_as_such():
    day = datetime(2027, 10, 5)  # noqa: DTZ001 -- a spreadsheet has no zones
    (update,) = read(kpn(("Aankondiging", "CT2", 204417, day, time(1, 0), day, time(5, 0), 240.0))).updates

    (window,) = update.windows or ()
    assert (f"{window.start:%m-%d %H:%M}", f"{window.end:%m-%d %H:%M}") == ("10-04 23:00", "10-05 03:00")
    assert [(circuit.circuit_id, circuit.impact) for circuit in window.circuits or ()] == [("204417", Impact.OUTAGE)]


def test_a_short_row_of_kpn_is_left_out():
    assert len(read(kpn(KPN_ROW, ("Aankondiging", "CT3"))).updates) == 1


@pytest.mark.parametrize(
    "raw",
    [
        kpn(KPN_ROW, headings=("Something", "else")),
        kpn(),
        kpn(content=b"PK\x03\x04 no archive"),
        kpn(content=b"no spreadsheet"),
    ],
)
def test_a_file_that_is_no_spreadsheet_of_kpn_is_not_understood(raw):
    assert (read(raw).disposition, read(raw).updates) == (Disposition.QUARANTINED, ())


# --- mails of unknown senders -----------------------------------------------------------------------------------

OF_EACH_OWN_READER = {
    "cogent": "cogent/planned",
    "equinix": "equinix/local_new_year",
    "hawaiki": "hawaiki/announced",
    "kpn": "kpn/announced",
    "summitig": "summitig/scheduled",
    "telxius": "telxius/scheduled",
    "turkcell": "turkcell/planned",
}


def of_nobody(case: str) -> bytes:
    """Return a notice from a sender whom nobody knows."""
    return re.sub(
        rb"^From:[^\n]*(?:\n[ \t][^\n]*)*", b"From: noc@nobody.example", changed(case), count=1, flags=re.MULTILINE
    )


def finds_something(reader: Reader, path: Path) -> bool:
    try:
        return bool(reader.read(decode(path.read_bytes()), Provider(name="")).results)
    except NotUnderstood:
        return False


def test_every_reader_of_our_own_has_a_notice_here():
    assert set(OF_EACH_OWN_READER) == {reader.form for reader in OWN_READERS} - {"bcop"}


@pytest.mark.parametrize(("form", "case"), OF_EACH_OWN_READER.items())
def test_a_notice_of_an_unknown_sender_is_told_the_form_of_our_own_reader_and_no_other(form: str, case: str):
    reading = read(of_nobody(case))

    assert reading.reason is Reason.UNKNOWN_PROVIDER
    assert f"understood by: {form}; then: maintd quarantine assign MESSAGE {form}" in reading.detail
    assert [trial.reader for trial in reading.trials] == [form]


@pytest.mark.parametrize("reader", [one for one in OWN_READERS if one.form != "bcop"], ids=lambda one: one.form)
def test_a_reader_of_our_own_understands_no_form_but_its_own(reader: Reader):
    understood = {path.parent.name for path in MAIL.glob("*/*.eml") if finds_something(reader, path)}

    assert understood == {reader.form}


def test_no_form_is_asked_for_twice():
    found = readers_of(decode(changed("cogent/planned")))

    assert found == ["cogent"]
    assert "cogent" not in maintenance.readers_of(decode(changed("cogent/planned")), without={"cogent"})


def test_a_large_notice_of_an_unknown_sender_is_tried_with_no_reader():
    large = changed("turkcell/planned", (b"</div>\n</div>\n", b"</div>\n</div>\n" + b"<p></p>\n" * 2000))

    assert readers_of(decode(large)) == []


# --- Hawaiki: the window in reserve -----------------------------------------------------------------------------


def told_at_the_end(words: bytes) -> tuple[MaintenanceStatus | None, list[MaintenanceStatus | None]]:
    """Return the status of the event and of its windows, when a second mail repeats both windows and says more."""
    announced = changed("hawaiki/announced")
    greeting = b"Dear valued Hawaiki customer,"
    last = changed("hawaiki/announced", (greeting, greeting + b" " + words))
    last = re.sub(rb"(?m)^Date:.*$", b"Date: Mon, 05 Apr 2027 23:40:00 +0000", last)
    (event,) = fold([*read(announced).updates, *read(last).updates])
    return event.status, [window.status for window in event.windows]


def test_a_completion_without_windows_ends_the_event_and_the_reserve_does_not_open_it():
    (event,) = fold([*read(changed("hawaiki/announced")).updates, *read(changed("hawaiki/completed")).updates])

    assert event.status is MaintenanceStatus.COMPLETED
    assert phase_of(event, datetime(2027, 4, 6, 12, tzinfo=UTC)) is Phase.PAST


@pytest.mark.parametrize(
    ("words", "status", "reserve"),
    [
        (b"The maintenance has been completed.", MaintenanceStatus.COMPLETED, MaintenanceStatus.TENTATIVE),
        (
            b"The maintenance has been completed, and the contingency window is not needed.",
            MaintenanceStatus.COMPLETED,
            MaintenanceStatus.CANCELLED,
        ),
    ],
)
def test_a_reserve_that_is_not_needed_is_cancelled(words: bytes, status: MaintenanceStatus, reserve: MaintenanceStatus):
    assert told_at_the_end(words) == (status, [status, reserve])


def test_a_cancellation_reaches_the_window_in_reserve():
    cancelled = MaintenanceStatus.CANCELLED

    assert told_at_the_end(b"The maintenance has been cancelled.") == (cancelled, [cancelled, cancelled])
    (update,) = read(changed("hawaiki/cancelled")).updates
    assert {window.status or update.status for window in update.windows or ()} == {cancelled}
