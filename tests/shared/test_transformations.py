"""The real notices beside the checkout say the same whatever became of them on their way.

Each is changed in every eighth way, beginning with another one, so that all ways are gone by some notice; with
MAINTD_TORTURE=1 each goes all ways, which takes some minutes.
"""

import os
from pathlib import Path

import pytest

from tests.shared.test_corpus_reading import CONFIGURED, NOTICES
from tests.transformations import TRANSFORMATIONS, changed_by, read

ONE_OF = 1 if os.environ.get("MAINTD_TORTURE") else 8

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not NOTICES, reason="the notices of ../shared/mail are not beside the checkout"),
]


@pytest.mark.parametrize(
    ("number", "path"), list(enumerate(NOTICES)), ids=[f"{path.parent.name}/{path.stem}" for path in NOTICES]
)
def test_what_happens_to_a_notice_on_its_way_changes_nothing(number: int, path: Path):
    raw = path.read_bytes()

    assert read(raw, CONFIGURED).updates
    assert changed_by(raw, CONFIGURED, sorted(TRANSFORMATIONS)[number % ONE_OF :: ONE_OF]) == {}
