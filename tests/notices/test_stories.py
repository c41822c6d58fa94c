"""Stories: the life of an event in several mails, told in any order, with repetitions and with a mail missing.

A maintenance is announced, moved, cancelled, done; an outage reported, updated, with another ETR, restored, with its
reason. Each directory of tests/stories/<carrier>/ and tests/outages/<form>/ is one story; its story.json says, written
by hand from the mails, what the store must hold in the end. The README.md of both has the format.
"""

from collections.abc import Sequence

import pytest

from domain.message import Disposition
from parsers.outage.readers import READERS
from tests.readings import OUTAGES, STORIES
from tests.telling import Shape, Story, by_key, shapes, statuses, story_of, tellings, told

FEWEST_MAILS = 5
FEWEST_CARRIERS = 12

# What of an event a story tells; the rest is the clock's, people's, or stands in the mails as it is.
TOLD_OF_EACH = ("kind", "provider", "id", "generation", "accounts", "status", "start", "end", "circuits")
TOLD_OF_MAINTENANCES = (*TOLD_OF_EACH, "windows", "replaces", "replaced_by", "updates", "history")
TOLD_OF_OUTAGES = (
    *(*TOLD_OF_EACH, "end_inferred", "reported_at", "etr", "cause", "summary"),
    *("updates", "history", "etr_revisions"),
)
# What knows which mails there were; a lost one is missing there, and changes nothing else.
COUNTED = ("updates", "history")

# Stories that are told right and not yet understood: why. A story that is understood must be taken out.
NOT_YET: dict[str, str] = {}

OF_MAINTENANCES = [story_of(path) for path in sorted(STORIES.glob("*/*/story.json"))]
OF_OUTAGES = [story_of(path) for path in sorted(OUTAGES.glob("*/*/story.json"))]
KINDS = ((OF_MAINTENANCES, TOLD_OF_MAINTENANCES), (OF_OUTAGES, TOLD_OF_OUTAGES))
ALL = [*OF_MAINTENANCES, *OF_OUTAGES]
EACH = [pytest.param(story, id=story.name) for story in ALL]
RIGHT = [
    pytest.param(
        story,
        names,
        id=story.name,
        marks=[pytest.mark.xfail(strict=True, reason=NOT_YET[story.name])] if story.name in NOT_YET else [],
    )
    for stories, names in KINDS
    for story in stories
]


# --- what a story must be ---------------------------------------------------------------------------------------


def test_a_dozen_carriers_tell_stories_and_each_of_them_loses_a_mail_and_moves_a_window() -> None:
    carriers = {story.carrier for story in OF_MAINTENANCES}
    moving = {story.carrier for story in OF_MAINTENANCES if any(moves_a_window(event) for event in story.events)}

    assert len(carriers) >= FEWEST_CARRIERS
    assert {story.carrier for story in OF_MAINTENANCES if any(mail.lost for mail in story.mails)} == carriers
    assert moving == carriers


def test_every_form_tells_two_stories() -> None:
    forms = [story.name.partition("/")[0] for story in OF_OUTAGES]

    assert {form: forms.count(form) for form in forms if forms.count(form) < 2} == {}
    assert set(forms) == {reader.form for reader in READERS}


def uncounted(events: Sequence[Shape]) -> list[Shape]:
    return [{name: value for name, value in event.items() if name not in COUNTED} for event in events]


def moves_a_window(event: Shape) -> bool:
    return any({"start", "end"} & {*entry["fields"]} for entry in event["history"] if entry["move"] != "opened")


def test_what_is_not_yet_understood_is_told() -> None:
    assert set(NOT_YET) <= {story.name for story in ALL}


def test_every_mail_is_told_in_the_story_of_its_directory() -> None:
    mails = {mail.path for story in ALL for mail in story.mails}

    assert mails == {*STORIES.glob("**/*.eml"), *OUTAGES.glob("**/*.eml")}


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


@pytest.mark.parametrize(("story", "names"), RIGHT)
def test_a_story_is_understood_mail_by_mail_to_its_end_and_to_the_same_without_its_lost_mail(
    story: Story, names: Sequence[str]
) -> None:
    without_one = [[mail for mail in story.mails if mail is not lost] for lost in story.mails if lost.lost]
    dispositions = {mail.path.name: mail.reading.disposition for mail in story.mails}

    assert list(statuses(story.mails)) == [(mail.path.name, mail.statuses) for mail in story.mails]
    assert shapes(story.mails, names) == sorted(story.events, key=by_key)
    assert dispositions == {
        mail.path.name: Disposition.APPLIED if mail.statuses else Disposition.IRRELEVANT for mail in story.mails
    }
    for mails in without_one:
        assert uncounted(shapes(mails, names)) == uncounted(sorted(story.events, key=by_key))


@pytest.mark.parametrize("story", EACH)
def test_a_story_is_the_same_however_its_mails_arrive(story: Story) -> None:
    in_order = told(story.mails)

    assert [how for how, mails in tellings(story).items() if told(mails) != in_order] == []
