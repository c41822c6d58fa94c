"""Whose circuits these are, and what became of the work: put right by the text of our own notices.

Where the library is asked alone, a test says when it has mended a fault: then the correction can be deleted.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from circuit_maintenance_parser import NotificationData, ProviderError, init_provider
from circuit_maintenance_parser.data import DataPart
from circuit_maintenance_parser.output import Maintenance

from domain.events import Update
from domain.vocabulary import Impact, MaintenanceStatus
from parsers.mime import decode, read_envelope
from parsers.providers import directory
from parsers.reading import read_message

TESTS = Path(__file__).parents[2]
NEWER_TELSTRA = "stories/telstra/announced_again_in_the_newer_form/02_announced_in_the_newer_form"
CANCELLED_EQUINIX = "stories/equinix/cancelled_and_a_forward_comes_last/05_cancelled"


def raw(case: str) -> bytes:
    return (TESTS / f"{case}.eml").read_bytes()


def updates(case: str) -> list[Update]:
    notice = raw(case)
    return list(read_message(notice, received_at=read_envelope(notice).date, directory=directory()).updates)


def owned(case: str) -> dict[str | None, list[str]]:
    """Return the circuits of each account."""
    return {
        update.account: [circuit.circuit_id for window in update.windows or () for circuit in window.circuits or ()]
        for update in updates(case)
    }


def statuses(case: str) -> list[MaintenanceStatus | None]:
    return [update.status for update in updates(case)]


def impacts(case: str) -> dict[str, Impact | None]:
    """Return what each circuit is said to suffer."""
    (update,) = updates(case)
    return {circuit.circuit_id: circuit.impact for window in update.windows or () for circuit in window.circuits or ()}


def library_of(case: str) -> Maintenance:
    """Return what the library itself makes of a notice."""
    notification = decode(raw(case))
    parts = [
        DataPart(text.type, text.text.encode("ascii", "xmlcharrefreplace").replace(b"=", b"=3D"))
        for text in notification.texts
    ]
    headers = {"subject": notification.subject, "date": f"{notification.date:%a, %d %b %Y %H:%M:%S +0000}"}
    parts += [DataPart(f"email-header-{name}", value.encode()) for name, value in headers.items()]
    (found,) = init_provider(case.split("/")[1]).get_maintenances(NotificationData(data_parts=parts))
    return found


# --- GTT --------------------------------------------------------------------------------------------------------


def test_a_column_of_customers_says_whose_a_circuit_is() -> None:
    assert owned("mail/gtt/two_customers") == {
        "Ridgeline Hosting LLC": ["730115-4410206"],
        "Ridgeline Media GmbH": ["730188-4410311"],
    }


def test_the_number_of_an_order_is_no_account() -> None:
    assert owned("mail/gtt/new_in_the_west_end") == {None: ["730115-4419310", "730115-4419311"]}


@pytest.mark.parametrize(
    ("case", "account"),
    [
        ("mail/gtt/two_customers", "Ridgeline Media GmbH"),
        ("mail/gtt/update_of_the_same_time", "PO # RDG-VIE-FRA-2"),
    ],
)
def test_the_library_still_takes_the_third_column_of_the_last_row_for_the_account(case: str, account: str) -> None:
    assert library_of(case).account == account, "mended: delete parsers/corrections/gtt.of_customers"


def test_an_update_is_a_new_date_only_where_a_time_is_struck_out() -> None:
    assert statuses("mail/gtt/update_of_the_same_time") == [None]
    assert statuses("mail/gtt/update_with_a_new_time") == [MaintenanceStatus.RE_SCHEDULED]


def test_the_library_still_takes_every_update_for_a_new_date() -> None:
    mended = "mended: delete parsers/corrections/gtt.moved_only_to_new_times"
    assert library_of("mail/gtt/update_of_the_same_time").status.value == "RE-SCHEDULED", mended


def test_a_street_with_an_end_in_its_name_is_no_end() -> None:
    (update,) = updates("mail/gtt/new_in_the_west_end")

    assert [(window.start.hour, window.end.hour) for window in update.windows or ()] == [(22, 4)]


def test_the_library_still_takes_a_street_for_the_end() -> None:
    # Mended where it raises nothing: delete parsers.handover._without_names.
    with pytest.raises(ProviderError):
        library_of("mail/gtt/new_in_the_west_end")


# --- Telstra ----------------------------------------------------------------------------------------------------


def test_the_newer_form_names_the_customer_and_the_work_as_they_are() -> None:
    (update,) = updates(NEWER_TELSTRA)

    assert update.account == "Northlight Media"
    assert update.summary == "Work on a repeater. Traffic is moved to the other fibre pair for the time of the work"


def test_the_library_still_spoils_the_customer_and_the_work() -> None:
    mended = "mended: delete the account and the summary of parsers/corrections/telstra"
    found = library_of(NEWER_TELSTRA)

    assert found.account == "rthlight media", mended
    assert "\n" in found.summary, mended


def test_what_was_unsuccessful_was_done_unless_it_is_called_off() -> None:
    assert statuses("mail/telstra/unsuccessful") == [MaintenanceStatus.COMPLETED]
    assert statuses("mail/telstra/unsuccessful_and_called_off") == [MaintenanceStatus.CANCELLED]


def test_the_library_still_takes_what_was_unsuccessful_for_cancelled() -> None:
    mended = "mended: delete the status of parsers/corrections/telstra"
    assert library_of("mail/telstra/unsuccessful").status.value == "CANCELLED", mended


def test_the_head_of_a_notice_says_its_status_and_not_its_details() -> None:
    assert statuses("mail/telstra/withdrawn_and_scheduled_anew") == [MaintenanceStatus.CANCELLED]


def test_the_library_still_takes_any_word_of_a_notice_for_its_status() -> None:
    mended = "mended: delete the status of parsers/corrections/telstra"
    assert library_of("mail/telstra/withdrawn_and_scheduled_anew").status.value == "CONFIRMED", mended


# --- Vodafone and Windstream ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("mail/vodafone/two_customers", {"RIDGELINE": ["X0204417A"], "RIDGELINE MEDIA": ["X0204418A"]}),
        (
            "mail/windstream/two_customers",
            {"Ridgeline Hosting LLC": ["WS/KQGS/204417/ /WXN /"], "Ridgeline Media Inc": ["WS/KQGS/204418/ /WXN /"]},
        ),
    ],
)
def test_each_row_of_a_table_says_whose_its_circuit_is(case: str, expected: dict[str | None, list[str]]) -> None:
    assert owned(case) == expected


@pytest.mark.parametrize(
    ("case", "account"),
    [("mail/vodafone/two_customers", "RIDGELINE MEDIA"), ("mail/windstream/two_customers", "Ridgeline Media Inc")],
)
def test_the_library_still_gives_all_circuits_to_the_account_of_the_last_row(case: str, account: str) -> None:
    found = library_of(case)

    mended = f"mended: delete parsers/corrections/accounts.{case.split('/')[1]}"
    assert (found.account, len(found.circuits)) == (account, 2), mended


# --- RETN -------------------------------------------------------------------------------------------------------


def test_each_group_of_services_has_its_impact_and_a_heading_is_no_circuit() -> None:
    assert impacts("mail/retn/two_kinds_of_services") == {
        "WLP-204417-1.PL.WAW.LIM-DE.BER.IPB-100G": Impact.OUTAGE,
        "WLP-204417-2.PL.WAW.LIM-DE.BER.IPB-10G": Impact.REDUCED_REDUNDANCY,
    }


def test_the_library_still_takes_the_heading_of_a_group_for_a_circuit() -> None:
    named = [circuit.circuit_id for circuit in library_of("mail/retn/two_kinds_of_services").circuits]
    assert [name for name in named if name.endswith(":")], "mended: delete the circuits of parsers/corrections/retn"


def test_an_unknown_kind_of_services_states_no_impact() -> None:
    notice = raw("mail/retn/two_kinds_of_services").replace(b"50 ms flaps are possible", b"loss of protection")
    (update,) = read_message(notice, received_at=read_envelope(notice).date, directory=directory()).updates

    assert [circuit.impact for window in update.windows or () for circuit in window.circuits or ()] == [
        Impact.OUTAGE,
        None,
    ]


def test_an_update_says_what_it_says_of_the_work() -> None:
    assert statuses("mail/retn/update_days_before") == [None]
    assert statuses("mail/retn/update_at_the_start") == [MaintenanceStatus.IN_PROCESS]
    assert statuses("mail/retn/resolved_after_a_cancellation") == [MaintenanceStatus.CANCELLED]


def test_the_library_still_takes_every_update_for_work_in_process_and_every_end_for_a_completion() -> None:
    mended = "mended: delete the status of parsers/corrections/retn"

    assert library_of("mail/retn/update_days_before").status.value == "IN-PROCESS", mended
    assert library_of("mail/retn/resolved_after_a_cancellation").status.value == "COMPLETED", mended


# --- Global Cloud Xchange and Crown Castle ----------------------------------------------------------------------


def test_a_notice_of_a_cancellation_is_one() -> None:
    assert statuses("mail/globalcloudxchange/cancelled") == [MaintenanceStatus.CANCELLED]


def test_the_library_still_takes_every_notice_for_confirmed() -> None:
    mended = "mended: see parsers/corrections/subjects.py"
    assert library_of("mail/globalcloudxchange/cancelled").status.value == "CONFIRMED", mended


def test_each_window_of_a_table_is_one_and_a_backup_is_tentative_and_without_circuits() -> None:
    (update,) = updates("mail/globalcloudxchange/two_windows_and_a_backup")

    assert [(window.start.day, window.status, len(window.circuits or ())) for window in update.windows or ()] == [
        (22, None, 2),
        (23, MaintenanceStatus.TENTATIVE, 0),
        (29, None, 2),
    ]


def test_the_library_still_makes_one_window_of_all() -> None:
    found = library_of("mail/globalcloudxchange/two_windows_and_a_backup")

    days = (datetime.fromtimestamp(found.start, UTC).day, datetime.fromtimestamp(found.end, UTC).day)
    assert days == (22, 30), "mended: delete flag.by_window for globalcloudxchange"


def test_what_is_not_expected_is_no_outage() -> None:
    assert impacts("mail/crowncastle/none_expected") == {"331907-WAVE-CCF": None, "331911-ETHR-CCF": Impact.NO_IMPACT}


def test_the_library_still_takes_what_is_not_expected_for_an_outage() -> None:
    mended = "mended: delete parsers/corrections/crowncastle.with_expected_impacts"
    named = {one.circuit_id: one.impact.value for one in library_of("mail/crowncastle/none_expected").circuits}
    assert named == {"331907-WAVE-CCF": "OUTAGE", "331911-ETHR-CCF": "OUTAGE"}, mended


# --- Equinix, which a reader of our own reads -------------------------------------------------------------------


def test_a_cancellation_of_scheduled_work_is_one() -> None:
    assert statuses(CANCELLED_EQUINIX) == [MaintenanceStatus.CANCELLED]


def test_each_row_says_whose_its_circuit_is() -> None:
    assert owned("mail/equinix/two_accounts") == {"140077": ["20655018-A"], "140981": ["20655019-A"]}


def test_the_library_still_takes_cancelled_work_for_scheduled_and_the_last_account_for_all() -> None:
    found = library_of("mail/equinix/two_accounts")

    assert found.status.value == "CONFIRMED"
    assert (found.account, len(found.circuits)) == ("140981", 2)
