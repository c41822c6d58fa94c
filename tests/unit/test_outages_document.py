"""docs/outages.md is what the code gives: each reader, each word, and the carriers for which no form is public."""

import difflib
import re
import tomllib

import pytest

from ingestor import config
from parsers.outage.readers import EVERYBODYS, READERS
from parsers.outage.words import Means
from parsers.providers import PROVIDERS
from tests.gate.outages_document import DOCUMENT, FORMS, LABELS, NONE_FOUND, OUTAGES, document, fields_of, labels

HELD = DOCUMENT.read_text(encoding="utf-8")
OWN = {form for provider in PROVIDERS for form in provider.outage_readers}


def test_the_document_is_what_the_code_gives():
    changes = difflib.unified_diff(HELD.splitlines(), document(HELD).splitlines(), "held", "made", n=0, lineterm="")

    if lines := list(changes):
        pytest.fail("\n".join((*lines, "docs/outages.md is not what the code gives: run make docs")), pytrace=False)


def test_a_document_without_the_marks_of_a_table_is_refused():
    with pytest.raises(SystemExit, match="no marks for the tables estimates, labels"):
        document(HELD.replace("make docs`: estimates", "").replace("make docs`: labels", ""))


def test_every_reader_has_a_source_and_mails_of_ours():
    assert FORMS.keys() == {reader.form for reader in READERS}
    for form, known in FORMS.items():
        assert known.sources, form
        assert {"ticket", "status"} <= set(fields_of(form)), form


def test_every_reader_is_that_of_a_provider_or_of_everybody():
    assert OWN | {reader.form for reader in EVERYBODYS} == FORMS.keys()
    assert {"lumen-repair", "equinix-incident", "aws-health", "aws-health-aware"} == OWN


def test_the_carriers_for_which_no_form_was_found_are_providers_without_a_reader():
    assert NONE_FOUND.keys() <= {provider.name for provider in PROVIDERS if not provider.outage_readers}


def test_there_are_labels_of_every_meaning():
    assert LABELS.keys() == {*Means, None}


def test_a_label_that_is_read_as_something_else_stops_the_writing(monkeypatch):
    monkeypatch.setitem(LABELS, Means.ETR, ("ETR", "Next Update"))

    with pytest.raises(SystemExit, match="Next Update: not read as ETR"):
        labels()


def test_what_the_document_links_to_is_there():
    for target in re.findall(r"\]\(([^)#:]+)", HELD):
        assert (DOCUMENT.parent / target).exists(), target


@pytest.mark.parametrize("number", range(len(re.findall(r"^```toml$", HELD, re.MULTILINE))))
def test_what_the_document_configures_can_be_configured(number, tmp_path):
    text = re.findall(r"^```toml\n(.*?)^```$", HELD, re.MULTILINE | re.DOTALL)[number]
    path = tmp_path / "config.toml"
    path.write_text('[database]\nurl = "sqlite:///maintd.db"\n\n' + text, encoding="utf-8")

    assert config.load(path).providers[0].name == tomllib.loads(text)["provider"][0]["name"]


def test_the_mails_of_a_form_stand_under_its_name():
    assert {path.name for path in OUTAGES.iterdir() if path.is_dir()} == FORMS.keys()
