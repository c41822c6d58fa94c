"""A notice says the same whatever became of it on its way: sent on, sent through a list, marked, damaged.

One of our own notices of each shape: tables, lists, plain text, a table in a file, calendars. They share the ways
among them; with MAINTD_TORTURE=1 each goes all ways.
"""

import os
from pathlib import Path

import pytest

from parsers.mime import decode
from parsers.providers import directory
from parsers.sources import choices
from tests.transformations import TRANSFORMATIONS, Transformation, changed_by, combined, read

OWN = Path(__file__).parents[1] / "mail"
CASES = (
    "zayo/three_nights",
    "verizon/rescheduled",
    "telstra/out_of_order_first_in_rescheduled",
    "aws/planned",
    "colt/announced",
    "packetfabric/series_2_confirmed",
)
DIRECTORY = directory()
SHARES = 1 if os.environ.get("MAINTD_TORTURE") else 3


def own(name: str) -> bytes:
    return (OWN / f"{name}.eml").read_bytes()


@pytest.mark.parametrize("number", range(len(CASES)))
def test_what_happens_to_a_notice_on_its_way_changes_nothing(number: int):
    raw = own(CASES[number])

    assert len(read(raw, DIRECTORY).updates) == 1
    assert changed_by(raw, DIRECTORY, sorted(TRANSFORMATIONS)[number % SHARES :: SHARES]) == {}


def test_a_mail_that_is_no_notice_becomes_none():
    raw = own("lumen/survey")

    assert changed_by(raw, DIRECTORY) == {}
    assert not read(raw, DIRECTORY).updates


@pytest.mark.parametrize(("first", "then"), [("google group", "gmail, english"), ("mailman 2", "outlook, english")])
def test_of_a_notice_that_came_under_the_address_of_a_list_and_was_sent_on_nobody_knows_the_carrier(first, then):
    notification = decode(combined(first, then)(own("zayo/three_nights")))

    assert list(choices(notification, DIRECTORY, None)) == []


@pytest.mark.parametrize("name", [name for name in TRANSFORMATIONS if name not in ("lf", "crlf")])
def test_a_transformation_changes_the_mail(name: str):
    transformation: Transformation = TRANSFORMATIONS[name]

    assert any(transformation(own(case)) != own(case) for case in CASES)
