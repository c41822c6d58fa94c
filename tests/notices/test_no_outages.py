"""What is no outage is taken for none: letters of twelve kinds, and notices of planned work that their reader misses.

Each is read as it comes, where nobody reads maintenances and everybody all forms of outages; some are shown to every
reader of outages in spite of what they are sorted as.
"""

from collections import Counter
from pathlib import Path

import pytest

from parsers.mime import Notification, decode
from parsers.outage.sorting import Sort, sort_of
from parsers.providers import directory
from parsers.sources import choices
from tests.deaf import (
    deaf_to_maintenances,
    lies_ahead,
    outages_in_spite_of_the_sort,
    outages_read,
    own_maintenances,
)
from tests.drifts import DRIFTS, nothing_says_that_it_is_planned
from tests.readings import MAIL, reading_of
from tests.transformations import taken_apart

NO_OUTAGES = Path(__file__).parents[1] / "no_outages"
LETTERS = sorted(NO_OUTAGES.glob("*/*.eml"))
MAINTENANCES = own_maintenances()
# Each of these comes in one new form, each time another one; tests/shared has all mails in all forms.
DRIFTING = [path for path in MAINTENANCES if path.is_relative_to(MAIL) or path.name[:2] in ("01", "06")]

OF_PLANNED_WORK = frozenset({"maintenance_announced", "maintenance_done", "emergency_maintenance"})
KINDS = OF_PLANNED_WORK | {
    *("invoice", "price_change", "marketing", "survey", "bounce", "out_of_office", "portal_password", "order"),
    "calendar_invitation",
}

DEAF = deaf_to_maintenances(directory())


def case_of(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.parent.name}/{path.stem}"


def with_attached(notification: Notification) -> list[Notification]:
    return [notification, *(one for inner in notification.attached for one in with_attached(inner))]


def test_there_are_five_letters_of_each_kind() -> None:
    assert Counter(path.parent.name for path in LETTERS) == dict.fromkeys(KINDS, 5)


def test_the_letters_come_from_known_providers_but_those_about_our_own_mails() -> None:
    unknown = {case_of(path) for path in LETTERS if not DEAF.identify(decode(path.read_bytes()).sender or "")}

    assert unknown == {"no_outages/bounce/2_of_our_own_forward", "no_outages/out_of_office/2_vacation_of_a_colleague"}


@pytest.mark.parametrize("path", LETTERS, ids=case_of)
def test_a_letter_is_no_outage(path: Path) -> None:
    raw = path.read_bytes()

    assert [update for update in reading_of(path).updates if update.outage] == []
    assert outages_read(raw, DEAF) == []


@pytest.mark.parametrize("path", [path for path in LETTERS if path.parent.name not in OF_PLANNED_WORK], ids=case_of)
def test_a_letter_is_sorted_as_something_else_and_changes_nothing(path: Path) -> None:
    sorts = {sort_of(one) for one in with_attached(decode(path.read_bytes()))}

    assert Sort.OUTAGE not in sorts
    assert reading_of(path).updates == ()


@pytest.mark.parametrize("path", MAINTENANCES, ids=case_of)
def test_planned_work_is_no_outage_where_its_own_reader_misses_it(path: Path) -> None:
    raw = path.read_bytes()
    sources = [source for sources in choices(decode(raw), DEAF, None) for source in sources]

    assert Sort.OUTAGE not in {sort_of(source.notification) for source in sources}
    assert outages_read(raw, DEAF) == []


@pytest.mark.parametrize(("number", "path"), list(enumerate(DRIFTING)), ids=map(case_of, DRIFTING))
def test_planned_work_in_a_new_form_is_no_outage(number: int, path: Path) -> None:
    drift = sorted(DRIFTS)[number % len(DRIFTS)]

    assert outages_read(DRIFTS[drift](path.read_bytes()), DEAF) == [], drift


@pytest.mark.parametrize("path", DRIFTING, ids=case_of)
def test_what_lies_ahead_is_no_outage_though_no_word_says_that_it_is_planned(path: Path) -> None:
    found = outages_read(nothing_says_that_it_is_planned(path.read_bytes()), DEAF)

    assert found == [] or not lies_ahead(path)


@pytest.mark.parametrize("path", MAINTENANCES[:: len(DRIFTS)], ids=case_of)
def test_planned_work_is_no_outage_to_any_reader_in_spite_of_its_sort(path: Path) -> None:
    assert outages_in_spite_of_the_sort(path.read_bytes(), DEAF) == []


@pytest.mark.parametrize("name", DRIFTS)
def test_a_new_form_differs_from_the_old_one_and_keeps_what_is_attached(name: str) -> None:
    old = {path: taken_apart(path.read_bytes()) for path in MAINTENANCES[::10]}
    new = {path: taken_apart(DRIFTS[name](path.read_bytes())) for path in old}

    changed = [path for path in old if (old[path].subject, old[path].text, old[path].html) != said(new[path])]

    assert len(changed) > len(old) / 2
    assert [path for path in old if len(new[path].others) != len(old[path].others)] == []


def said(notice) -> tuple[str, str, str]:
    return notice.subject, notice.text, notice.html
