"""The real notices beside the checkout say the same whatever became of them on their way."""

from pathlib import Path

import pytest

from tests.shared.test_corpus_reading import CONFIGURED, NOTICES
from tests.transformations import changed_by, read

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not NOTICES, reason="the notices of ../shared/mail are not beside the checkout"),
]


@pytest.mark.parametrize("path", NOTICES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_happens_to_a_notice_on_its_way_changes_nothing(path: Path):
    raw = path.read_bytes()

    assert read(raw, CONFIGURED).updates
    assert changed_by(raw, CONFIGURED) == {}
