"""What became of the work stands in the subject or in the headline, where the library fills the status in."""

import re
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from circuit_maintenance_parser import init_provider
from circuit_maintenance_parser.data import DataPart, NotificationData

from domain.vocabulary import MaintenanceStatus
from parsers.corrections import subjects
from parsers.corrections.table import CORRECTIONS
from parsers.handover import candidates
from parsers.mime import Notification, decode, read_envelope
from parsers.providers import directory
from parsers.reading import read_message

MAIL = Path(__file__).parents[2] / "mail"
CANCELLED, COMPLETED, CONFIRMED, RE_SCHEDULED = (
    MaintenanceStatus.CANCELLED,
    MaintenanceStatus.COMPLETED,
    MaintenanceStatus.CONFIRMED,
    MaintenanceStatus.RE_SCHEDULED,
)
# Where a word is put into the subject of a notice of each form, so that the form is still understood.
SUBJECTS = {
    "apple/planned": (b"Net Maintenance Notice", b"Cancelled: Net Maintenance Notice"),
    "aquacomms/planned": (b"Planned Outage Work", b"Cancelled Planned Outage Work"),
    "att/planned_with_spreadsheet": (b"Summary of Planned Maintenance", b"Cancellation of Planned Maintenance"),
    "colt/announced": (b"RIDGELINE HOSTING GMBH, 720114", b"RIDGELINE HOSTING GMBH, 720114 - CANCELLED"),
    "flag/two_windows_and_backups": (b"Planned Work | Scheduled", b"Planned Work Notice | Cancelled"),
    "hgc/emergency_table": (b"HGC Maintenance Work Notification", b"HGC Maintenance Work Cancellation"),
    "megaport/reminder": (b"Planned maintenance reminder", b"Planned maintenance cancelled"),
    "momentum/planned": (b"Planned Network Maintenance", b"Canceled Network Maintenance"),
    "netflix/scheduled": (b"- Scheduled Maintenance -", b"- Cancelled Maintenance -"),
    "seaborn/scheduled": (b"SCHEDULED MAINTENANCE", b"CANCELLED MAINTENANCE"),
    "sparkle/two_days": (b"Maintenance Notification", b"Maintenance Cancellation"),
    "tata/first_reminder": (b"First Reminder", b"Cancelled"),
    "turkcell/planned": (b"Planned Maintenance Notification", b"Planned Maintenance Cancellation"),
    "vodafone/planned": (b"Planned Works", b"Cancellation of Planned Works"),
}


def raw(case: str) -> bytes:
    return (MAIL / f"{case}.eml").read_bytes()


def statuses(notice: bytes) -> set[MaintenanceStatus | None]:
    reading = read_message(notice, received_at=read_envelope(notice).date, directory=directory())
    return {
        status
        for update in reading.updates
        for status in (update.status, *(window.status or update.status for window in update.windows or ()))
    }


def library_statuses(notice: bytes, form: str) -> set[str]:
    """Return the statuses that the library alone finds."""
    parts = next(iter(candidates(decode(notice), form)))
    data = NotificationData(data_parts=[DataPart(kind, parts[kind]) for kind in sorted(parts)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {found.status.value for found in init_provider(form).get_maintenances(data)}


def called(subject: str) -> Notification:
    return replace(decode(b"\n"), subject=subject)


def cancelled(case: str) -> bytes:
    """Return a notice whose subject says that the work is cancelled."""
    notice, (old, new) = raw(case), SUBJECTS[case]
    subject = re.search(rb"^Subject:[^\n]*(?:\n[ \t][^\n]*)*", notice, re.MULTILINE)[0]
    assert old in subject
    return notice.replace(subject, subject.replace(old, new))


@pytest.mark.parametrize("case", SUBJECTS)
def test_a_cancellation_in_the_subject_is_one_with_all_its_windows(case: str):
    assert CONFIRMED in statuses(raw(case))
    assert statuses(cancelled(case)) == {CANCELLED}


@pytest.mark.parametrize("case", [case for case in SUBJECTS if not case.startswith("turkcell/")])
def test_the_library_still_confirms_what_is_cancelled(case: str):
    form = case.partition("/")[0]
    if form == "att":
        pytest.importorskip("pandas")

    assert library_statuses(cancelled(case), form) == {"CONFIRMED"}, "mended: see parsers/corrections/subjects.py"


@pytest.mark.parametrize(
    ("case", "status"),
    [
        ("aquacomms/cancelled", CANCELLED),
        ("megaport/cancelled_in_its_headline", CANCELLED),
        ("megaport/postponed", RE_SCHEDULED),
        ("momentum/completed", COMPLETED),
    ],
)
def test_the_library_alone_confirms_each_of_these(case: str, status: MaintenanceStatus):
    assert statuses(raw(case)) == {status}
    assert library_statuses(raw(case), case.partition("/")[0]) == {"CONFIRMED"}


@pytest.mark.parametrize(
    ("subject", "status"),
    [
        ("CANCELED: work 4711", CANCELLED),
        ("[Cancelled]_4711", CANCELLED),
        ("Cancelation of rescheduled work", CANCELLED),
        ("Work 4711 cancelled and re-scheduled", RE_SCHEDULED),
        ("Re-scheduled: work 4711", RE_SCHEDULED),
        ("Postponement of work", RE_SCHEDULED),
        ("Completion of rescheduled work", COMPLETED),
        ("Planned work", None),
        ("Scheduled work", None),
        ("Non-cancelled services", None),
        ("Work not cancelled", None),
        ("Work has not been completed", None),
        ("Work to be completed by Friday", None),
        ("Expected completion 5 May", None),
        ("Uncancelled work", None),
        ("Not cancelled but postponed", RE_SCHEDULED),
        ("", None),
    ],
)
def test_what_a_subject_says_of_the_work_is_a_closed_list(subject: str, status: MaintenanceStatus | None):
    assert subjects.status_of(called(subject)) is status


def test_what_a_form_itself_states_is_not_touched():
    notice = raw("verizon/rescheduled").replace(b"Subject: Verizon Scheduled", b"Subject: Cancelled? Verizon Scheduled")

    assert b"Cancelled?" in notice
    assert statuses(notice) == {RE_SCHEDULED}


def test_every_form_that_fills_a_status_in_is_put_right():
    corrected = {form for form, corrections in CORRECTIONS.items() if subjects.as_told in corrections}

    assert {case.partition("/")[0] for case in SUBJECTS} - {"turkcell"} | {"globalcloudxchange", "verizon"} == corrected
