"""Mails of AWS Health Aware in other words than those of the stories."""

import pytest

from domain.vocabulary import OutageStatus
from parsers.outage.aws_health_aware import READER
from parsers.statements import NotUnderstood
from tests.readings import AMAZON
from tests.sheets import changed, circuits_of, outage_of, result_of

NEW = "aws-health-aware/power_in_frankfurt/01_new"
RESOLVED = "aws-health-aware/power_in_frankfurt/04_resolved"
RESOURCES = "dxcon-fh83b1aa\ndxcon-fgd07712<br>"


@pytest.mark.parametrize(
    "code", ["AWS_DIRECTCONNECT_MAINTENANCE_SCHEDULED", "AWS_EC2_PLANNED_LIFECYCLE_EVENT", "AWS_BILLING_NOTIFICATION"]
)
def test_a_type_of_event_that_is_no_issue_is_not_read(code: str) -> None:
    with pytest.raises(NotUnderstood, match="no ARN of an issue"):
        READER.read(changed(NEW, ("AWS_DIRECTCONNECT_OPERATIONAL_ISSUE", code)), AMAZON)


@pytest.mark.parametrize("words", ["All resources\nin region", "All services related resources in region", ""])
def test_all_resources_are_no_circuit(words: str) -> None:
    assert result_of(READER, changed(NEW, (RESOURCES, f"{words}<br>")), AMAZON).circuits is None


def test_each_resource_is_a_circuit() -> None:
    assert circuits_of(result_of(READER, changed(NEW), AMAZON)) == ["dxcon-fh83b1aa", "dxcon-fgd07712"]


def test_of_several_accounts_none_is_the_one() -> None:
    notification = changed(NEW, ("210044178800<br>", "210044178800\n210044178811<br>"))

    assert result_of(READER, notification, AMAZON).account is None


def test_an_end_of_what_is_open_is_none() -> None:
    still_open = outage_of(READER, changed(RESOLVED, ("</b> closed", "</b> open")), AMAZON)

    assert (still_open.status, still_open.end) == (None, None)


def test_a_description_cannot_close_an_event() -> None:
    text = "We are investigating connectivity issues of AWS Direct Connect at one location in Frankfurt."

    outage = outage_of(READER, changed(NEW, (text, "[RESOLVED] A fix has been implemented.")), AMAZON)

    assert outage.status is OutageStatus.MONITORING
