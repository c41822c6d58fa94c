"""Stories: the life of a maintenance in several mails, told in any order, with repetitions and with a mail missing.

Each directory of tests/stories/<carrier>/ is one story; its story.json says, written by hand from the mails, what the
store must hold in the end. tests/stories/README.md has the format.
"""

from collections.abc import Sequence

import pytest

from domain.message import Disposition
from tests.readings import STORIES
from tests.telling import Shape, Story, by_key, shapes, statuses, story_of, tellings, told

FEWEST_MAILS = 5
FEWEST_CARRIERS = 12

# What of an event a story tells; the rest is the clock's, people's, or stands in the mails as it is.
TOLD = (
    "kind",
    "provider",
    "id",
    "generation",
    "accounts",
    "status",
    "start",
    "end",
    "windows",
    "circuits",
    "replaces",
    "replaced_by",
    "updates",
    "history",
)
# What knows how many mails there were; a lost one is missing there, and changes nothing else.
COUNTED = ("updates", "history")

# Stories that are told right and not yet understood: why. A story that is understood must be taken out.
NOT_YET: dict[str, str] = {}


ALL = [story_of(path) for path in sorted(STORIES.glob("*/*/story.json"))]
EACH = [pytest.param(story, id=story.name) for story in ALL]
RIGHT = [
    pytest.param(
        story,
        id=story.name,
        marks=[pytest.mark.xfail(strict=True, reason=NOT_YET[story.name])] if story.name in NOT_YET else [],
    )
    for story in ALL
]


# --- what a story must be ---------------------------------------------------------------------------------------


def test_a_dozen_carriers_tell_stories_and_each_of_them_loses_a_mail_and_moves_a_window() -> None:
    carriers = {story.carrier for story in ALL}

    assert len(carriers) >= FEWEST_CARRIERS
    assert {story.carrier for story in ALL if any(mail.lost for mail in story.mails)} == carriers
    assert {story.carrier for story in ALL if any(moves_a_window(event) for event in story.events)} == carriers


def uncounted(events: Sequence[Shape]) -> list[Shape]:
    return [{name: value for name, value in event.items() if name not in COUNTED} for event in events]


def moves_a_window(event: Shape) -> bool:
    return any({"start", "end"} & {*entry["fields"]} for entry in event["history"] if entry["move"] != "opened")


def test_what_is_not_yet_understood_is_told() -> None:
    assert set(NOT_YET) <= {story.name for story in ALL}


def test_every_mail_is_told_in_the_story_of_its_directory() -> None:
    mails = {mail.path for story in ALL for mail in story.mails}

    assert mails == set(STORIES.glob("**/*.eml"))


@pytest.mark.parametrize("story", EACH)
def test_a_story_has_five_or_more_messages_told_in_the_order_of_their_stamps(story: Story) -> None:
    stamps = [(mail.reading.updates[0].stamp, mail.path.name) for mail in story.mails if mail.reading.updates]

    assert len({mail.envelope.identity for mail in story.mails}) == len(story.mails) >= FEWEST_MAILS
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("story", EACH)
def test_the_mails_of_a_story_arrive_in_the_order_of_their_receipts(story: Story) -> None:
    receipts = [mail.received_at for mail in story.arrival]

    assert receipts == sorted(receipts)


# --- the laws ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("story", RIGHT)
def test_a_story_is_understood_mail_by_mail_to_its_end_and_to_the_same_without_its_lost_mail(story: Story) -> None:
    without_one = [[mail for mail in story.mails if mail is not lost] for lost in story.mails if lost.lost]
    dispositions = {mail.path.name: mail.reading.disposition for mail in story.mails}

    assert list(statuses(story.mails)) == [(mail.path.name, mail.statuses) for mail in story.mails]
    assert shapes(story.mails, TOLD) == sorted(story.events, key=by_key)
    assert dispositions == {
        mail.path.name: Disposition.APPLIED if mail.statuses else Disposition.IRRELEVANT for mail in story.mails
    }
    for mails in without_one:
        assert uncounted(shapes(mails, TOLD)) == uncounted(sorted(story.events, key=by_key))


@pytest.mark.parametrize("story", EACH)
def test_a_story_is_the_same_however_its_mails_arrive(story: Story) -> None:
    in_order = told(story.mails)
    assert [how for how, mails in tellings(story).items() if told(mails) != in_order] == []
