"""docs/providers.md is what the code gives, and every line of it is proved by a mail of ours."""

import difflib

import pytest

from parsers.corrections.table import CORRECTIONS
from parsers.forms import BCOP, BY_NAME, FORMS, Form
from parsers.providers import PROVIDERS, Provider
from tests.gate.providers_document import ANYBODY, DOCUMENT, ROOT, document, mail_of, places_of, split_fault


def test_the_document_is_what_the_code_gives():
    held = DOCUMENT.read_text(encoding="utf-8")

    changes = difflib.unified_diff(held.splitlines(), document(held).splitlines(), "held", "made", n=0, lineterm="")

    if lines := list(changes):
        pytest.fail("\n".join((*lines, "docs/providers.md is not what the code gives: run make docs")), pytrace=False)


@pytest.mark.parametrize("provider", [ANYBODY, *PROVIDERS], ids=lambda provider: provider.name)
def test_every_provider_has_a_mail_of_ours(provider: Provider):
    assert mail_of(provider), f"no mail of {provider.name} in tests/mail/{provider.name}, nor a story"


def test_a_provider_without_a_mail_of_ours_is_noticed():
    assert mail_of(Provider(name="new", readers=("zayo",))) is None


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_what_a_form_is_known_from_is_there(form: Form):
    assert (ROOT / form.known_from).is_file() or form.known_from.startswith("RFC ")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_known_fault_says_what_is_done_about_it(form: Form):
    assert [fault for fault in form.faults if not all(split_fault(fault)) or not fault.endswith(".")] == []
    assert places_of(form) or not form.faults, f"{form.name} has faults, and no reader, correction or hand-over of ours"


@pytest.mark.parametrize("form", CORRECTIONS)
def test_every_form_that_is_corrected_names_the_fault(form: str):
    assert BY_NAME[form].faults, f"{form} has a correction, and no fault in parsers/forms.py"


def test_every_form_is_that_of_a_provider():
    assert {form.name for form in FORMS} - {name for one in PROVIDERS for name in one.readers} == {BCOP}
