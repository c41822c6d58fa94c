"""The real notices beside the checkout are of planned work: nobody takes one for an outage, in whatever form it comes.

Their own readers are switched off, and everybody has all the readers of outages. With MAINTD_TORTURE=1 each of our own
notices goes through all the new forms too, of which each takes one in tests/notices/test_no_outages.py.
"""

import os
from pathlib import Path

import pytest

from parsers.providers import directory
from tests.deaf import (
    deaf_to_maintenances,
    lies_ahead,
    outages_in_spite_of_the_sort,
    outages_read,
    own_maintenances,
)
from tests.drifts import DRIFTS, nothing_says_that_it_is_planned
from tests.shared.test_corpus_reading import CONFIGURED, NOTICES

TORTURE = bool(os.environ.get("MAINTD_TORTURE"))
OWN = own_maintenances() if TORTURE else []

DEAF = deaf_to_maintenances(CONFIGURED)
DEAF_TO_OURS = deaf_to_maintenances(directory())

pytestmark = pytest.mark.shared


def case_of(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.parent.name}/{path.stem}"


@pytest.mark.skipif(not NOTICES, reason="the notices of ../shared/mail are not beside the checkout")
@pytest.mark.parametrize("path", NOTICES, ids=case_of)
def test_planned_work_is_no_outage_where_its_own_reader_misses_it(path: Path) -> None:
    assert outages_in_spite_of_the_sort(path.read_bytes(), DEAF) == []


@pytest.mark.skipif(not NOTICES, reason="the notices of ../shared/mail are not beside the checkout")
@pytest.mark.parametrize("path", NOTICES, ids=case_of)
def test_planned_work_in_any_new_form_is_no_outage(path: Path) -> None:
    raw = path.read_bytes()

    assert {name: found for name, drift in DRIFTS.items() if (found := outages_read(drift(raw), DEAF))} == {}


@pytest.mark.skipif(not TORTURE, reason="MAINTD_TORTURE is not set: our own notices take one new form each")
@pytest.mark.parametrize("path", OWN, ids=case_of)
def test_our_own_planned_work_in_any_new_form_is_no_outage(path: Path) -> None:
    raw = path.read_bytes()

    assert outages_in_spite_of_the_sort(raw, DEAF_TO_OURS) == []
    assert {name: found for name, drift in DRIFTS.items() if (found := outages_read(drift(raw), DEAF_TO_OURS))} == {}
    assert outages_read(nothing_says_that_it_is_planned(raw), DEAF_TO_OURS) == [] or not lies_ahead(path)
