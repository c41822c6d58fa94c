"""Stories of outages: reported, updated, with another ETR, restored, with its reason; told in any order.

Each directory of tests/outages/<form>/ is one story; its story.json says, written by hand from the mails, what the
store must hold in the end. tests/outages/README.md has the format.
"""

import pytest

from domain.message import Disposition
from parsers.outage.readers import READERS
from tests.readings import OUTAGES
from tests.telling import Shape, Story, by_key, shapes, statuses, story_of, tellings, told

FEWEST_MAILS = 5

TOLD = (
    "kind",
    "provider",
    "id",
    "generation",
    "accounts",
    "status",
    "start",
    "end",
    "end_inferred",
    "reported_at",
    "etr",
    "cause",
    "summary",
    "circuits",
    "updates",
    "history",
    "etr_revisions",
)
# What knows which mails there were; a lost one is missing there, and changes nothing else.
COUNTED = ("updates", "history")

# Stories that are told right and not yet understood: why. A story that is understood must be taken out.
NOT_YET: dict[str, str] = {}

ALL = [story_of(path) for path in sorted(OUTAGES.glob("*/*/story.json"))]
EACH = [pytest.param(story, id=story.name) for story in ALL]
RIGHT = [
    pytest.param(
        story,
        id=story.name,
        marks=[pytest.mark.xfail(strict=True, reason=NOT_YET[story.name])] if story.name in NOT_YET else [],
    )
    for story in ALL
]


def uncounted(events: list[Shape]) -> list[Shape]:
    return [{name: value for name, value in event.items() if name not in COUNTED} for event in events]


def test_every_form_tells_two_stories() -> None:
    forms = [story.name.partition("/")[0] for story in ALL]

    assert {form: forms.count(form) for form in forms if forms.count(form) < 2} == {}
    assert set(forms) == {reader.form for reader in READERS}


def test_what_is_not_yet_understood_is_told() -> None:
    assert set(NOT_YET) <= {story.name for story in ALL}


def test_every_mail_is_told_in_the_story_of_its_directory() -> None:
    mails = {mail.path for story in ALL for mail in story.mails}

    assert mails == set(OUTAGES.glob("**/*.eml"))


@pytest.mark.parametrize("story", EACH)
def test_a_story_has_five_or_more_messages_told_in_the_order_of_their_stamps(story: Story) -> None:
    stamps = [(mail.reading.updates[0].stamp, mail.path.name) for mail in story.mails if mail.reading.updates]

    assert len({mail.envelope.identity for mail in story.mails}) == len(story.mails) >= FEWEST_MAILS
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("story", EACH)
def test_the_mails_of_a_story_arrive_in_the_order_of_their_receipts(story: Story) -> None:
    receipts = [mail.received_at for mail in story.arrival]

    assert receipts == sorted(receipts)


@pytest.mark.parametrize("story", RIGHT)
def test_a_story_is_understood_mail_by_mail_to_its_end_and_to_the_same_without_its_lost_mail(story: Story) -> None:
    without_one = [[mail for mail in story.mails if mail is not lost] for lost in story.mails if lost.lost]
    dispositions = {mail.path.name: mail.reading.disposition for mail in story.mails}

    assert list(statuses(story.mails)) == [(mail.path.name, mail.statuses) for mail in story.mails]
    assert shapes(story.mails, TOLD) == sorted(story.events, key=by_key)
    assert dispositions == {mail.path.name: Disposition.APPLIED for mail in story.mails if mail.statuses} | {
        mail.path.name: mail.reading.disposition for mail in story.mails if not mail.statuses
    }
    for mails in without_one:
        assert uncounted(shapes(mails, TOLD)) == uncounted(sorted(story.events, key=by_key))


@pytest.mark.parametrize("story", EACH)
def test_a_story_is_the_same_however_its_mails_arrive(story: Story) -> None:
    in_order = told(story.mails)

    assert [how for how, mails in tellings(story).items() if told(mails) != in_order] == []
