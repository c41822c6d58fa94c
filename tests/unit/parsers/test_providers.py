"""The table of providers, and how a sender is found in it."""

import pickle

import pytest
from circuit_maintenance_parser import SUPPORTED_ORGANIZER_EMAILS, SUPPORTED_PROVIDER_NAMES

from parsers.forms import FORMS
from parsers.providers import PROVIDERS, Provider, directory


def name_of(sender: str, *extra: Provider, **assignments: str) -> str | None:
    found = directory(extra, {key.replace("_at_", "@"): name for key, name in assignments.items()}).identify(sender)
    return " or ".join(provider.name for provider in found) or None


def test_every_provider_of_the_installed_library_is_in_the_table():
    known = {name for provider in PROVIDERS for name in (provider.name, *provider.aliases)}

    assert set(SUPPORTED_PROVIDER_NAMES) - {"genericprovider"} <= known
    assert {form.name for form in FORMS} >= set(SUPPORTED_PROVIDER_NAMES) - {"telia", "genericprovider"}
    assert {reader for provider in PROVIDERS for reader in provider.readers} <= {form.name for form in FORMS}


def test_every_default_organizer_of_the_library_is_a_senders_but_those_that_are_wrong():
    identify = directory().identify
    unknown = {sender for sender in SUPPORTED_ORGANIZER_EMAILS if not identify(sender.removeprefix("mailto:"))}

    assert unknown == {"unknown"}


def test_the_table_is_in_order_and_one_address_alone_is_shared():
    senders = [sender for provider in PROVIDERS for sender in provider.senders]

    assert [provider.name for provider in PROVIDERS] == sorted(provider.name for provider in PROVIDERS)
    assert {sender for sender in senders if senders.count(sender) > 1} == {"inoc@superonline.net"}
    assert all(sender == sender.lower() and "@" in sender for sender in senders)


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("mr@zayo.com", "zayo"),
        ("MR@Zayo.com", "zayo"),
        ("x@mail.zayo.com", "zayo"),
        ("Cogent-NoReply@cogentco.com", "cogent"),
        ("no-reply@equinix.com", "equinix"),
        ("maintenance@eunetworks.com", "eunetworks"),
        ("Do-Not-Reply@tatacommunications.com", "tata"),
        ("cdnetops@saasmail.netflix.com", "netflix"),
        ("health@aws.com", "aws"),
        ("inoc@superonline.net", "seaborn or turkcell"),
        ("gsoc-planned-event@pccwglobal.com", "pccw"),
        ("x@notzayo.com", None),
        ("zayo.com@evil.net", None),
        ("someone@google.com", None),
        ("unknown", None),
        ("", None),
    ],
)
def test_a_sender_is_its_providers_or_nobodys(sender, name):
    assert name_of(sender) == name


def test_the_address_wins_over_the_domain_and_the_domain_over_the_one_above_it():
    extra = (
        Provider(name="above", senders=("@net.example",)),
        Provider(name="domain", senders=("@noc.net.example",)),
        Provider(name="address", senders=("A@noc.net.example",)),
    )

    assert name_of("a@noc.net.example", *extra) == "address"
    assert name_of("b@noc.net.example", *extra) == "domain"
    assert name_of("a@other.net.example", *extra) == "above"


def test_an_assigned_sender_wins():
    assert name_of("mr@zayo.com", mr_at_zayo="lumen") == "zayo"
    assert directory((), {"MR@zayo.com": "LUMEN"}).identify("mr@zayo.com")[0].name == "lumen"
    assert directory((), {"mr@zayo.com": "nobody"}).identify("mr@zayo.com")[0].name == "zayo"


def test_an_entry_of_the_same_name_changes_a_built_in_provider():
    changed = directory([Provider(name="Colt", senders=("change@example.com",))])

    assert changed.identify("change@example.com")[0].name == "colt"
    assert changed.identify("plannedworks@colt.net") == ()
    assert changed.get("colt").readers == ("colt", "lumen")
    assert changed.get("colt").sends_completions


def test_an_entry_of_an_alias_changes_the_provider_it_is_an_alias_of():
    changed = directory([Provider(name="exa", senders=("@exa.example",))])

    assert changed.identify("noc@exa.example")[0].name == "gtt"
    assert changed.get("EXA").name == "gtt"


def test_a_new_provider_writes_in_the_form_of_another_one():
    changed = directory([Provider(name="Resold", senders=("@resold.example",), readers=("zayo",))])

    assert changed.identify("noc@resold.example") == (
        Provider(name="resold", senders=("@resold.example",), readers=("zayo",)),
    )


def test_what_the_configuration_says_of_a_sender_wins_over_a_built_in_provider():
    assert name_of("mr@zayo.com", Provider(name="ours", senders=("mr@zayo.com",))) == "ours"


@pytest.mark.parametrize(("alias", "name"), [("telia", "arelion"), ("exa", "gtt"), ("CenturyLink", "lumen")])
def test_an_alias_names_its_provider(alias, name):
    assert directory().get(alias).name == name


def test_a_directory_can_be_sent_to_another_process():
    known = directory([Provider(name="new", senders=("@new.example",))], {"a@b.example": "zayo"})

    assert pickle.loads(pickle.dumps(known)) == known
    assert [provider.name for provider in known][-1] == "new"
