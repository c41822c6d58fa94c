"""Ids, windows and statuses that the library gets wrong are put right, by the text of our own notices.

Where the library is asked alone, a test says when it has mended a fault: then the correction can be deleted.
"""

from pathlib import Path

import pytest
from circuit_maintenance_parser import NotificationData, ProviderError, init_provider
from circuit_maintenance_parser.data import DataPart

from domain.events import StatedWindow, Update
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.mime import decode, read_envelope
from parsers.providers import directory
from parsers.reading import read_message

MAIL = Path(__file__).parents[2] / "mail"
CANCELLED, COMPLETED, CONFIRMED = (
    MaintenanceStatus.CANCELLED,
    MaintenanceStatus.COMPLETED,
    MaintenanceStatus.CONFIRMED,
)
IN_PROCESS, RE_SCHEDULED, TENTATIVE = (
    MaintenanceStatus.IN_PROCESS,
    MaintenanceStatus.RE_SCHEDULED,
    MaintenanceStatus.TENTATIVE,
)


def raw(case: str) -> bytes:
    return (MAIL / f"{case}.eml").read_bytes()


def updates(notice: bytes) -> tuple[Update, ...]:
    return read_message(notice, received_at=read_envelope(notice).date, directory=directory()).updates


def only(notice: bytes) -> Update:
    (update,) = updates(notice)
    return update


def told(update: Update) -> list[tuple[int | None, int, MaintenanceStatus | None, list[str] | None]]:
    """Return the number, the day, the status and the circuits of each window."""
    return [
        (window.number, window.start.day, window.status or update.status, circuits(window))
        for window in update.windows or ()
    ]


def circuits(window: StatedWindow) -> list[str] | None:
    return None if window.circuits is None else [circuit.circuit_id for circuit in window.circuits]


def changed(case: str, *replacements: tuple[str, str]) -> bytes:
    """Return one of our notices as an html mail with other words."""
    notice = raw(case)
    notification, envelope = decode(notice), read_envelope(notice)
    html = notification.of_type("text/html")[0]
    for old, new in replacements:
        assert old in html
        html = html.replace(old, new)
    head = f"From: {envelope.sender}\nSubject: {envelope.subject}\nDate: {envelope.date:%a, %d %b %Y %H:%M:%S +0000}\n"
    return f"{head}Content-Type: text/html; charset=utf-8\n\n{html}".encode()


def library_of(case: str, provider: str | None = None) -> list[tuple[str, str, int]]:
    """Return what the library itself makes of a notice: the id, the status and the number of circuits of each."""
    notification = decode(raw(case))
    parts = [DataPart(text.type, text.text.replace("=", "=3D").encode()) for text in notification.texts]
    headers = {"subject": notification.subject, "date": f"{notification.date:%a, %d %b %Y %H:%M:%S +0000}"}
    parts += [DataPart(f"email-header-{name}", value.encode()) for name, value in headers.items()]
    found = init_provider(provider or case.partition("/")[0]).get_maintenances(NotificationData(data_parts=parts))
    return [(one.maintenance_id, one.status.value, len(one.circuits)) for one in found]


# --- Lumen ------------------------------------------------------------------------------------------------------


def test_each_window_of_a_maintenance_has_its_number_and_its_circuits() -> None:
    update = only(raw("lumen/two_windows"))

    assert told(update) == [(1, 9, CONFIRMED, ["BBXT30011"]), (2, 10, CONFIRMED, ["ETH1000-884120"])]
    assert update.references == ("41880140-1", "41880140-2")


def test_the_library_still_gives_all_circuits_to_each_window() -> None:
    mended = "mended: delete parsers/corrections/lumen.by_window"
    assert library_of("lumen/two_windows") == [("41880140", "CONFIRMED", 2)] * 2, mended


def test_a_start_names_the_maintenance_by_its_window() -> None:
    update = only(raw("lumen/second_window_begun"))

    assert (update.event_id, update.references) == ("41880140", ("41880140-2",))
    assert told(update) == [(2, 10, IN_PROCESS, ["ETH1000-884120"])]


def test_the_library_still_takes_the_number_of_a_window_for_that_of_the_maintenance() -> None:
    mended = "mended: delete parsers/corrections/lumen.by_window"
    assert library_of("lumen/second_window_begun") == [("41880140-2", "IN-PROCESS", 1)], mended


def test_an_alternate_night_is_tentative_and_without_circuits() -> None:
    update = only(raw("lumen/alternate_night"))

    assert update.status is CONFIRMED
    assert told(update) == [(1, 9, CONFIRMED, ["BBXT30011", "BBXT30012"]), (2, 10, TENTATIVE, [])]


def test_the_library_still_takes_an_alternate_night_for_a_night() -> None:
    mended = "mended: delete parsers/corrections/lumen.by_window"
    assert library_of("lumen/alternate_night") == [("41880201", "CONFIRMED", 2)] * 2, mended


def test_a_table_below_the_alternate_night_is_that_of_the_first_night() -> None:
    notice = changed("lumen/alternate_night")
    html = decode(notice).of_type("text/html")[0]
    table = html[html.index('<div class="impactMatrix">') : html.index('<span class="windowHeader">Alternate')]

    update = only(notice.replace(table.encode(), b"").replace(b"<br><br>To open", table.encode() + b"<br><br>To open"))

    assert told(update) == [(1, 9, CONFIRMED, ["BBXT30011", "BBXT30012"]), (2, 10, TENTATIVE, [])]


def test_each_window_has_the_status_of_its_rows_and_the_maintenance_that_of_the_open_one() -> None:
    update = only(raw("lumen/alternate_night_needed"))

    assert (update.event_id, update.status) == ("41880201", RE_SCHEDULED)
    assert sorted(told(update)) == [(1, 9, COMPLETED, ["BBXT30011"]), (2, 10, RE_SCHEDULED, ["BBXT30012"])]


def test_the_library_still_takes_the_status_of_the_last_row_for_all() -> None:
    mended = "mended: delete parsers/corrections/lumen.by_window"
    assert library_of("lumen/alternate_night_needed") == [("41880201-1", "RE-SCHEDULED", 2)] * 2, mended
    assert library_of("lumen/one_row_cancelled") == [("41880377", "CANCELLED", 3)], mended


def test_one_row_that_is_cancelled_cancels_no_window() -> None:
    update = only(raw("lumen/one_row_cancelled"))

    assert told(update) == [(1, 9, CONFIRMED, ["BBXT30011", "BBXT30012"])]


@pytest.mark.parametrize(
    ("status", "listed"), [("Not Completed", ["BBXT30011"]), ("Completed", ["BBXT30011", "BBXT30012"])]
)
def test_two_tables_of_one_window_are_read_together(status: str, listed: list[str]) -> None:
    first = (
        '<span class="windowLabel">41880201-2</span> <br/>',
        '<span class="windowLabel">41880201-1</span> <br/>',
    )
    gmt = [
        (f"2027-03-{day + 1:02} {time} GMT", f"2027-03-{day:02} {time} GMT")
        for day, time in ((9, "06:00"), (9, "12:00"))
    ]

    update = only(changed("lumen/alternate_night_needed", first, *gmt, ("<td>Alternate Night<", f"<td>{status}<")))

    assert told(update) == [(1, 9, COMPLETED, listed)]


def test_all_rows_that_are_cancelled_cancel_the_window() -> None:
    update = only(changed("lumen/one_row_cancelled", ("<td>Scheduled</td>", "<td>Cancelled</td>")))

    assert told(update) == [(1, 9, CANCELLED, ["BBXT30011", "BBXT30012", "BBXT30013"])]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("The scheduled maintenance work has begun.", IN_PROCESS),
        ("The scheduled maintenance window 41880140-2 has ended.", COMPLETED),
        ("Please be advised that this maintenance has been cancelled.", CANCELLED),
        ("This maintenance has been <b>postponed</b> due to weather.", RE_SCHEDULED),
        ("This maintenance is scheduled.", CONFIRMED),
        ("The Order Numbers below have been corrected.", None),
    ],
)
def test_the_newest_line_of_the_updates_is_the_status_where_no_row_has_one(
    line: str, status: MaintenanceStatus | None
) -> None:
    words = (
        "The scheduled maintenance work has begun.",
        f"{line}<br/>2027-03-01 00:00:00 GMT - This maintenance is up.",
    )

    assert told(only(changed("lumen/second_window_begun", words))) == [(2, 10, status, ["ETH1000-884120"])]


def test_the_end_of_one_window_is_not_that_of_another() -> None:
    ended = ("This maintenance is scheduled.", "The scheduled maintenance window 41880140-1 has ended.")

    assert told(only(changed("lumen/two_windows", ended))) == [(1, 9, COMPLETED, ["BBXT30011"])]


def test_a_window_without_a_head_of_its_own_is_the_one_that_is_named() -> None:
    update = only(changed("lumen/second_window_begun", ('"windowLabel">41880140-2<', '"windowLabel"><')))

    assert update.event_id == "41880140"
    assert told(update) == [(2, 10, IN_PROCESS, ["ETH1000-884120"])]


def test_nine_circuits_are_nine() -> None:
    assert len((only(raw("lumen/nine_circuits")).windows or ())[0].circuits or ()) == 9


def test_the_library_still_takes_ten_rows_of_nine_cells_for_nine_of_ten() -> None:
    with pytest.raises(ProviderError):
        pytest.fail(f"mended: delete parsers/handover._with_another_row: {library_of('lumen/nine_circuits')}")


def test_colt_writes_in_lumens_form_too() -> None:
    update = only(raw("colt/in_lumens_form"))

    assert (update.provider, update.event_id, told(update)) == (
        "colt",
        "41770918",
        [(1, 9, CONFIRMED, ["BDLM77120"])],
    )


# --- Telxius ----------------------------------------------------------------------------------------------------


def test_a_backup_window_beside_others_is_tentative_and_without_circuits() -> None:
    update = only(raw("telxius/backup_window"))

    assert (update.event_id, update.status) == ("SWX0047702", CONFIRMED)
    assert told(update) == [
        (None, 13, CONFIRMED, ["CRT-20877"]),
        (None, 14, CONFIRMED, ["CRT-20877"]),
        (None, 15, TENTATIVE, []),
    ]


def test_a_backup_window_that_stands_alone_is_used() -> None:
    assert told(only(raw("telxius/backup_window_started"))) == [(None, 15, IN_PROCESS, ["CRT-20877"])]


def test_all_windows_of_a_cancellation_are_cancelled_the_one_in_reserve_too() -> None:
    assert told(only(raw("telxius/cancelled_with_its_circuits"))) == [
        (None, 8, CANCELLED, ["CRT-20911", "CRT-20912"]),
        (None, 9, CANCELLED, []),
    ]
    assert told(only(raw("telxius/cancelled_in_reserve"))) == [(None, 15, CANCELLED, None)]


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ("", CONFIRMED),
        ("[EXTERNAL]", CONFIRMED),
        ("[UPDATE]", RE_SCHEDULED),
        ("[START]", IN_PROCESS),
        ("[COMPLETED] ", COMPLETED),
        ("[CANCELED] EMERGENCY", CANCELLED),
        ("[EXTERNAL] [CANCELLED] ", CANCELLED),
    ],
)
def test_the_status_is_what_stands_in_brackets_before_the_subject(tag: str, status: MaintenanceStatus) -> None:
    notice = raw("telxius/protection_loss").replace(b"Subject: SCHEDULED", f"Subject: {tag} SCHEDULED".encode())

    assert only(notice).status == status


def test_a_notice_in_plain_text_says_the_same_as_its_page() -> None:
    notice = raw("telxius/scheduled")
    plain = notice.replace(b"text/html", b"text/x-other")
    html = notice.replace(b"text/plain", b"text/x-other")

    assert plain != html
    assert [(told(one), one.circuits) for one in updates(plain)] == [(told(one), one.circuits) for one in updates(html)]
    assert only(plain).windows[0].circuits[0].impact is Impact.OUTAGE


def test_the_library_still_makes_a_maintenance_of_each_window() -> None:
    found = library_of("telxius/backup_window")

    assert [event_id for event_id, *_ in found] == ["SWX0047702", "SWX0047702-2", "SWX0047702-3"], (
        "mended: see parsers/own/telxius.py"
    )
    assert {circuits for *_, circuits in found} == {1}, "mended: see the backup in parsers/own/telxius.py"


def test_the_library_still_confirms_a_cancellation_or_does_not_understand_it() -> None:
    assert {status for _, status, _ in library_of("telxius/cancelled_with_its_circuits")} == {"CONFIRMED"}
    with pytest.raises(ProviderError):
        library_of("telxius/cancelled_in_reserve")


# --- Zayo -------------------------------------------------------------------------------------------------------


def test_a_new_ticket_replaces_the_old_one_that_its_reason_names() -> None:
    new, old = updates(raw("zayo/moved_to_a_new_ticket"))

    assert (new.event_id, new.replaces, new.status) == ("TTN-0008829915", "TTN-0008811790", RE_SCHEDULED)
    assert (old.event_id, old.replaced_by, old.status) == ("TTN-0008811790", "TTN-0008829915", RE_SCHEDULED)


@pytest.mark.parametrize(
    ("old", "new", "replaces"),
    [
        ("This is a reschedule of TTN-0008811790", "See TTN-0008811790", None),
        ("This is a reschedule of TTN-0008811790", "This is a reschedule of TTN-0008829915", None),
        ("Please quote", "Earlier: this is a reschedule of TTN-0008811001. Please quote", "TTN-0008811790"),
        ("Reason for Maintenance:", "Remark:", None),
    ],
)
def test_a_ticket_that_is_named_otherwise_or_elsewhere_is_not_replaced(
    old: str, new: str, replaces: str | None
) -> None:
    notice = changed("zayo/moved_to_a_new_ticket", (old, new))

    assert [update.replaces for update in updates(notice) if not update.replaced_by] == [replaces]


# --- Crown Castle -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "status"), [("first", IN_PROCESS), ("last", COMPLETED)])
def test_several_days_are_completed_on_the_last(day: str, status: MaintenanceStatus) -> None:
    assert only(raw(f"crowncastle/{day}_of_several_days_completed")).status is status


def test_the_library_still_completes_several_days_on_the_first() -> None:
    mended = "mended: delete parsers/corrections/crowncastle.completed_on_the_last_day"
    assert library_of("crowncastle/first_of_several_days_completed") == [("CM20270222031", "COMPLETED", 0)], mended


# --- forms without an id ----------------------------------------------------------------------------------------

MOVED = [
    ("aws/planned_on_one_night", "aws/planned_again_on_another_night"),
    ("netflix/one_night", "netflix/moved_to_another_night"),
]


@pytest.mark.parametrize(("first", "again"), MOVED)
def test_the_same_circuits_are_the_same_maintenance_in_whatever_order_and_night(first: str, again: str) -> None:
    before, after = only(raw(first)), only(raw(again))

    assert before.event_id == after.event_id
    assert before.windows != after.windows


def test_the_id_of_circuits_is_the_same_in_every_process() -> None:
    assert only(raw("aws/planned_on_one_night")).event_id == "circuits-bd5e890f4cc246e7"


def test_other_circuits_are_another_maintenance() -> None:
    assert only(raw("aws/planned")).event_id != only(raw("aws/planned_on_one_night")).event_id


@pytest.mark.parametrize(("first", "again"), MOVED)
def test_the_library_still_gives_each_night_an_id_of_its_own(first: str, again: str) -> None:
    assert library_of(first)[0][0] != library_of(again)[0][0], "mended: delete parsers/corrections/ids.of_circuits"
