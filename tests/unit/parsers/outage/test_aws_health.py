"""Events of AWS Health with other fields than those of the stories."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.vocabulary import OutageStatus
from parsers.outage.aws_health import READER
from parsers.outage.sorting import Sort, sort_of
from parsers.statements import NotUnderstood
from tests.readings import AMAZON
from tests.sheets import circuits_of, notice, outage_of, result_of

CODE = "AWS_DIRECTCONNECT_OPERATIONAL_ISSUE"
ARN = f"arn:aws:health:eu-west-1::event/DIRECTCONNECT/{CODE}/{CODE}_X_1"


def event(**changes: Any) -> str:
    detail = {
        "eventArn": ARN,
        "service": "DIRECTCONNECT",
        "eventTypeCode": CODE,
        "eventTypeCategory": "issue",
        "startTime": "Tue, 09 Mar 2027 04:05:00 GMT",
        "statusCode": "open",
        "eventRegion": "eu-west-1",
        "eventDescription": [{"language": "en_US", "latestDescription": "Connections do not pass traffic."}],
        "affectedEntities": [{"entityValue": "dxcon-fg7a01bq"}],
    }
    return json.dumps({"source": "aws.health", "account": "210044178800", "detail": detail | changes})


def test_an_event_is_read_by_its_own_fields() -> None:
    result = result_of(READER, notice(event()), AMAZON)

    assert result.outage is not None
    assert (result.event_id, result.account) == (f"{CODE}_X_1", "210044178800")
    assert (circuits_of(result), result.summary) == (
        ["dxcon-fg7a01bq"],
        f"{CODE} eu-west-1",
    )
    assert (result.outage.status, result.outage.start) == (None, datetime(2027, 3, 9, 4, 5, tzinfo=UTC))


def test_the_affected_account_is_the_account_and_not_the_one_that_is_told() -> None:
    assert result_of(READER, notice(event(affectedAccount="210044178811")), AMAZON).account == "210044178811"


def test_an_end_counts_once_it_is_closed() -> None:
    end = "2027-03-09T07:40:00Z"

    still_open = outage_of(READER, notice(event(endTime=end)), AMAZON)
    closed = outage_of(READER, notice(event(endTime=end, statusCode="closed")), AMAZON)

    assert (still_open.status, still_open.end) == (None, None)
    assert (closed.status, closed.end) == (OutageStatus.RESOLVED, datetime(2027, 3, 9, 7, 40, tzinfo=UTC))


FOUND = "[4:10 AM GMT] We have identified a router that drops packets."
AGAIN = "[4:52 AM GMT] We are investigating the loss of another router."


@pytest.mark.parametrize(
    ("description", "status"),
    [
        (f"{FOUND}\n\n{AGAIN}", OutageStatus.INVESTIGATING),
        (f"{AGAIN}\n\n{FOUND}", OutageStatus.INVESTIGATING),
        (f"[11:50 PM GMT] We are investigating.\n\n{FOUND}", OutageStatus.IDENTIFIED),
        (f"{FOUND}\n\n[7:58 PM PST] We are investigating.", OutageStatus.IDENTIFIED),
        (f"{FOUND}\n\n[4:52 AM GMT] Work continues.", None),
        # Neither the first nor the last, of one time, and in a zone that nobody knows.
        (f"[3:00 AM GMT] It began.\n{AGAIN}\n{FOUND}", None),
        (f"{FOUND}\n{FOUND}", None),
        (f"{FOUND}\n[4:52 AM QQT] We are investigating.", None),
    ],
)
def test_of_several_entries_the_newest_says_how_far_it_is(description: str, status: OutageStatus | None) -> None:
    text = event(eventDescription=[{"language": "en_US", "latestDescription": description}])

    found = outage_of(READER, notice(text, date="Tue, 09 Mar 2027 04:55:00 +0000"), AMAZON)

    assert found.status is status


def test_a_whole_account_is_no_circuit() -> None:
    entities = [{"entityValue": name} for name in ("210044178800", "AWS_ACCOUNT", "UNKNOWN", "dxvif-ffx8810c")]

    result = result_of(READER, notice(event(affectedEntities=entities)), AMAZON)

    assert circuits_of(result) == ["dxvif-ffx8810c"]


@pytest.mark.parametrize("entities", [[], None, "dxcon-1", [None, 7]])
def test_no_entities_state_no_circuits(entities: object) -> None:
    assert result_of(READER, notice(event(affectedEntities=entities)), AMAZON).circuits is None


def test_an_account_notification_is_nothing_for_us() -> None:
    assert READER.read(notice(event(eventTypeCategory="accountNotification")), AMAZON).results == ()


@pytest.mark.parametrize("changes", [{"eventTypeCategory": "scheduledChange"}, {"eventArn": "arn:aws:s3:::bucket"}])
def test_planned_work_and_what_has_no_id_are_not_read(changes: dict[str, str]) -> None:
    with pytest.raises(NotUnderstood, match="no issue"):
        READER.read(notice(event(**changes)), AMAZON)


@pytest.mark.parametrize(
    "text",
    [
        "Alarm of ours.",
        '{"source": "aws.health"',
        '{"source": "aws.health", "detail": []}',
        '{"source": "aws.ec2", "detail": {"eventTypeCategory": "issue"}, "note": "aws.health"}',
        '{"source": "aws.health", "detail":' + "[" * 100_000,
        "[" * 50 + '"aws.health"',
    ],
)
def test_any_other_text_is_another_form(text: str) -> None:
    with pytest.raises(NotUnderstood):
        READER.read(notice(text), AMAZON)


def test_the_category_of_an_event_says_what_its_mail_is_about() -> None:
    subject = "AWS Notification Message"
    change = notice(event(eventTypeCategory="scheduledChange"), subject=subject)

    assert (sort_of(notice(event(), subject=subject)), sort_of(change)) == (Sort.OUTAGE, Sort.MAINTENANCE)
