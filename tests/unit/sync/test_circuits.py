"""Which provider and which circuits of NetBox a name means, and how little is asked for that."""

import unicodedata
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.errors import NetboxError, NetboxFailure
from sync import circuits as module
from sync.circuits import Inventory, ProviderNames, folded, make_circuits, make_provider
from tests.pushing import NIGHT, PROVIDER, World, world
from tests.servers.netbox.api import REQUEST_LINE_LIMIT
from tests.servers.netbox.faults import broken

LIFETIME, MISS = 3600, 300


class Clock:
    def __init__(self):
        self.now = NIGHT

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += timedelta(seconds=seconds)


class Asked:
    """An inventory of a NetBox, its clock, and what it asked for."""

    def __init__(self, w: World, providers=None, aliases=None, **options):
        self.server, self.clock, self.number = w.server, Clock(), w.provider_id
        times = {"lifetime_seconds": LIFETIME, "miss_seconds": MISS}
        self.inventory = Inventory(w.netbox, providers or {}, aliases or {}, clock=self.clock, **{**times, **options})
        self.server.forget()

    def circuits(self, *ids, provider=None):
        return dict(self.inventory.circuits(provider or self.number, ids))

    def circuit(self, circuit_id):
        return self.circuits(circuit_id)[circuit_id]

    def paths(self):
        """Return what was asked for since the last time, and forget it; no filter may have been ignored."""
        assert self.server.ignored == []
        found = [f"{each.method} {each.path.strip('/').split('/')[-1]}" for each in self.server.log]
        self.server.forget()
        return found


@contextmanager
def asked(providers=None, aliases=None, *, cids=(), **options):
    with world("plain") as w:
        w.server.add_circuits(w.provider_id, cids)
        yield Asked(w, providers, aliases, **options)


def cid_of(server, number):
    return next((row["cid"] for row in server.rows("circuit") if row["id"] == number), None)


# --- circuits: the ladder

LADDER = [
    # stated, ids in NetBox, the one that is meant
    ("IC-111111", ("IC-111111", "ic-111111", "IC 111111"), "IC-111111"),
    ("IC-111111", ("ic-111111", "IC 111111"), "ic-111111"),
    ("IC-111111", ("ic 111111", "IC-1111111"), "ic 111111"),
    ("ic 111 111", ("IC-111111",), "IC-111111"),
    ("/OGYX/123456//ZYO /", ("OGYX/123456/ /ZYO",), "OGYX/123456/ /ZYO"),
    ("ＩＣ–１１１１１１", ("IC-111111",), "IC-111111"),
    ("STRASSE-1", ("straße 1",), "straße 1"),
    ("IC-111111", ("IC 111111", "IC.111111"), None),
    ("IC-111111", ("IC-111112",), None),
    ("Wave IC-111111, protected", ("IC 111111", "IC-222222"), "IC 111111"),
    ("IC-111111 / IC-222222", ("IC-111111", "IC-222222"), None),
    ("IC-111111 (was IC 111111)", ("IC-111111",), "IC-111111"),
    ("IC-111111 north", ("IC-111111", "ic 111111"), None),
    ("IC-1111112", ("IC-111111",), None),
    ("A 111", ("111",), None),
    ("Berlin London 10G", ("London",), None),
    ("IC-111111-A", ("IC-111111", "111111-A"), None),
    (" ".join(f"w{number}" for number in range(80)) + " IC-111111", ("IC-111111",), None),
    ("", ("IC-111111",), None),
    ("   ", ("IC-111111",), None),
    ("---", ("+++", "IC-111111"), None),
    ("IC-\x00111111", ("IC-111111",), "IC-111111"),
    ("IC-\ud800111111", ("IC-111111",), "IC-111111"),
]


@pytest.mark.parametrize(("stated", "cids", "meant"), LADDER)
def test_a_circuit_is_found_by_the_first_rung_that_finds_one(stated, cids, meant) -> None:
    with asked(cids=cids) as a:
        assert cid_of(a.server, a.circuit(stated)) == meant
        assert a.server.ignored == []


def test_a_circuit_of_another_provider_is_none_of_this_one() -> None:
    with asked(cids=("IC-1000",)) as a:
        other = a.server.add_provider("Other")
        mine = a.circuit("IC-1000")
        theirs = a.server.add_circuit(other, "IC-1000", xconnect_ids=("XC/77",))
        a.server.add_circuits(other, ["IC-2000"])

        found = a.circuits("IC-1000", "IC-2000", "ic 2000", "Wave IC-2000", "XC/77")

        assert found == {"IC-1000": mine, "IC-2000": None, "ic 2000": None, "Wave IC-2000": None, "XC/77": None}
        assert a.circuits("IC-1000", provider=other) == {"IC-1000": theirs}


def deaf_to(server, *filters):
    """Let a server ignore filters, as it does with those that it does not know."""
    answer = server.api.answer
    server.api.answer = lambda request: answer(
        replace(request, query={name: value for name, value in request.query.items() if name not in filters})
    )


def test_what_comes_back_is_looked_at_again_where_filters_are_ignored() -> None:
    with asked(cids=("IC-1000", "ic 3000")) as a:
        other = a.server.add_provider("Other")
        a.server.add_circuits(other, ["IC-1000", "IC-2000", "IC-3000", "IC-4000"])
        deaf_to(a.server, "provider_id", "cid__ie", "xconnect_id__ie")

        found = a.circuits("IC-1000", "IC-2000", "IC-3000", "Wave IC-4000")

        known = {row["cid"]: row["id"] for row in a.server.rows("circuit") if row["provider"] == a.number}
        assert found == {
            "IC-1000": known["IC-1000"],
            "IC-2000": None,
            "IC-3000": known["ic 3000"],
            "Wave IC-4000": None,
        }


def test_a_list_that_does_not_go_on_is_an_error() -> None:
    with asked(cids=("IC-1000",)) as a:
        deaf_to(a.server, "id__gt")
        with pytest.raises(NetboxError) as raised:
            a.circuit("IC-2000")
        assert raised.value.kind is NetboxFailure.BROKEN


def test_an_empty_id_is_never_asked_for() -> None:
    with asked(cids=("IC-1000",)) as a:
        assert a.circuits("", "  ") == {"": None, "  ": None}
        assert not any({"cid__ie", "xconnect_id__ie"} & set(each.query) for each in a.server.log)


ALIASED = {(PROVIDER, "wave 7"): "IC-1000", (PROVIDER, "wave 1000 8"): "ic 2000", ("other", "wave 9"): "IC-1000"}


@pytest.mark.parametrize(
    ("stated", "meant"),
    [
        ("WAVE  7", "IC-1000"),
        ("wave 1000 8", "IC-2000"),  # in another spelling, and before an id that stands in it
        ("wave 9", None),  # of another provider
    ],
)
def test_an_alias_is_of_one_provider_and_comes_before_an_id_that_stands_in_the_stated_one(stated, meant) -> None:
    with asked(aliases=ALIASED, cids=("IC-1000", "IC-2000", "1000")) as a:
        assert a.inventory.provider(PROVIDER) == a.number
        assert cid_of(a.server, a.circuit(stated)) == meant


def test_the_same_id_comes_before_an_alias() -> None:
    with asked(aliases={(PROVIDER, "ic-1000"): "IC-2000"}, cids=("IC 1000", "IC-2000")) as a:
        a.inventory.provider(PROVIDER)
        assert cid_of(a.server, a.circuit("IC-1000")) == "IC 1000"


def test_new_aliases_count_at_once() -> None:
    with asked(cids=("IC-1000",)) as a:
        a.inventory.provider(PROVIDER)
        assert a.circuit("wave") is None

        a.inventory.learn({(PROVIDER, "wave"): "IC-1000"})
        assert cid_of(a.server, a.circuit("wave")) == "IC-1000"

        a.inventory.learn({})
        assert a.circuit("wave") is None


def test_last_of_all_is_the_cross_connect_of_a_termination() -> None:
    with asked() as a:
        first = a.server.add_circuit(a.number, "IC-1000", xconnect_ids=("XC/20-A", "XC/20-A"))
        second = a.server.add_circuit(a.number, "IC-2000", xconnect_ids=("XC/30", "XC/40"))
        a.server.add_circuit(a.number, "IC-3000", xconnect_ids=("XC/40",))

        found = a.circuits("xc/20-a", "XC/30", "XC/40", "XC/50")

        assert found == {"xc/20-a": first, "XC/30": second, "XC/40": None, "XC/50": None}
        assert a.paths() == ["GET circuits", "GET circuits", "GET circuits", "GET circuit-terminations"]


def test_without_the_right_to_see_terminations_the_ladder_is_shorter() -> None:
    with asked() as a:
        a.server.add_circuit(a.number, "IC-1000", xconnect_ids=("XC/20",))
        for token in a.server.api.tokens.values():
            token.rights = {"view circuits.circuit", "view circuits.provider"}
        assert a.circuits("XC/20", "IC-1000")["XC/20"] is None


# --- circuits: requests


def test_fifty_of_a_hundred_thousand_circuits_are_found_in_one_request() -> None:
    with asked(cids=[f"IC-{number:06d}" for number in range(100_000)]) as a:
        numbers = {row["cid"]: row["id"] for row in a.server.rows("circuit")}
        ids = [f"ic-{number:06d}" for number in range(0, 100_000, 2000)]
        assert a.circuits(*ids) == {each: numbers[each.upper()] for each in ids}
        assert a.paths() == ["GET circuits"]

        a.circuits(*ids)
        assert a.paths() == []


def test_twenty_providers_with_a_hundred_thousand_circuits_are_read_in_twelve_requests_each() -> None:
    with asked() as a:
        providers = [a.server.add_provider(f"Carrier {number}") for number in range(20)]
        for provider in providers:
            a.server.add_circuits(provider, [f"IC-{provider}-{number:04d}" for number in range(5000)])

        for provider in providers[::8]:
            spelled = [f"IC {provider} {number:04d}" for number in range(0, 5000, 100)]
            assert None not in a.circuits(*spelled, provider=provider).values()
            # One for the ids as they are, ten pages of 500, and one to see that there are no more.
            assert a.paths() == ["GET circuits"] * 12

            assert None not in a.circuits(f"ic{provider}0001", provider=provider).values()
            assert a.paths() == ["GET circuits"]


def test_a_server_that_gives_less_at_once_is_read_to_the_end() -> None:
    with world("plain", max_page_size=40) as w:
        w.server.add_circuits(w.provider_id, [f"IC-{number}" for number in range(1000, 1100)])
        a = Asked(w)
        assert None not in a.circuits(*(f"IC {number}" for number in range(1000, 1100))).values()


def test_no_request_line_is_too_long() -> None:
    with asked() as a:
        lines = []
        answer = a.server.api.answer
        a.server.api.answer = lambda request: lines.append(request.line) or answer(request)
        a.circuits(*(f"{number:03d} " + "é" * 90 for number in range(60)), *(f"IC/{number}" for number in range(250)))
        assert max(lines) < 4000 < REQUEST_LINE_LIMIT
        assert len(lines) < 50


def test_ids_are_asked_for_a_hundred_at_a_time() -> None:
    cids = [f"IC-{number}" for number in range(250)]
    with asked(cids=cids) as a:
        a.circuits(*cids)
        assert [len(each.query["cid__ie"]) for each in a.server.log] == [100, 100, 50]


# --- circuits: how long something is believed


def test_what_was_found_is_believed_for_its_lifetime_and_no_longer() -> None:
    with asked(cids=("IC-1000",)) as a:
        number = a.circuit("IC-1000")
        a.server.remove("circuit", number)
        a.clock.advance(LIFETIME - 1)
        assert a.circuit("IC-1000") == number
        a.clock.advance(1)
        assert a.circuit("IC-1000") is None


def test_a_clock_that_was_set_back_makes_nothing_live_longer() -> None:
    with asked(cids=("IC-1000",)) as a:
        a.server.remove("circuit", a.circuit("IC-1000"))
        a.clock.advance(-10)
        assert a.circuit("IC-1000") is None


@pytest.mark.parametrize("spelling", ["IC-1000", "ic 1000"])
def test_a_circuit_that_appears_is_found_by_a_later_look_up_that_asks_for_the_new_ones_alone(spelling) -> None:
    with asked(cids=[f"OTHER-{number}" for number in range(1200)]) as a:
        assert a.circuit("IC-1000") is None
        assert a.paths() == ["GET circuits"] * 4 + ["GET circuit-terminations"]
        a.server.add_circuits(a.number, [spelling])

        a.clock.advance(MISS - 1)
        assert (a.circuit("IC-1000"), a.paths()) == (None, [])
        a.clock.advance(1)
        assert cid_of(a.server, a.circuit("IC-1000")) == spelling
        assert len(a.paths()) <= 3


def test_what_was_renamed_is_found_once_all_is_read_again() -> None:
    with asked(cids=("IC-1000",)) as a:
        assert a.circuit("IC-2000") is None
        (row,) = [each for each in a.server.rows("circuit") if each["cid"] == "IC-1000"]
        a.server.edit("circuit", row["id"], cid="IC 2000")
        a.clock.advance(LIFETIME)
        assert a.circuit("IC-2000") == row["id"]


def test_nothing_is_believed_after_forgetting() -> None:
    with asked(cids=("IC-1000",)) as a:
        a.server.remove("circuit", a.circuit("IC-1000"))
        a.inventory.forget()
        assert a.circuit("IC-1000") is None


def test_a_list_that_breaks_off_is_read_on_from_there() -> None:
    with asked(cids=[f"IC-{number}" for number in range(1000, 3000)]) as a:
        a.server.plan.script([None, None, None, broken()])
        with pytest.raises(NetboxError):
            a.circuit("IC 2999")
        a.server.forget()
        assert cid_of(a.server, a.circuit("IC 2999")) == "IC-2999"
        # One for the id as it is, two of the five pages were there.
        assert len(a.paths()) == 1 + 3


def test_the_lists_that_are_kept_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_LISTED", 100)
    with asked() as a:
        first, second, third = (a.server.add_provider(f"Carrier {number}") for number in range(3))
        a.server.add_circuits(first, [f"IC-{number}" for number in range(1000, 1060)])
        a.server.add_circuits(second, [f"IC-{number}" for number in range(1000, 1060)])
        a.server.add_circuits(third, [f"IC-{number}" for number in range(1000, 1200)])
        for provider in (first, second):
            assert a.circuits("IC 1000", provider=provider)["IC 1000"]
        assert list(a.inventory._lists) == [second]

        # Too long to be kept: what is spelled alike is found, and of the rest nothing is guessed.
        found = a.circuits("ic-1000", "IC 1001", provider=third)
        assert (cid_of(a.server, found["ic-1000"]), found["IC 1001"]) == ("IC-1000", None)
        assert sum(map(len, a.inventory._lists.values())) <= 100


def test_the_answers_that_are_kept_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ANSWERS", 10)
    cids = [f"IC-{number}" for number in range(30)]
    with asked(cids=cids) as a:
        assert None not in a.circuits(*cids).values()
        assert len(a.inventory._answers) == 10


def test_a_provider_that_is_gone_is_missing_and_looked_for_again() -> None:
    with asked() as a:
        gone = a.server.add_provider("Gone")
        assert a.inventory.provider("gone") == gone
        a.server.remove("provider", gone)
        with pytest.raises(NetboxError) as raised:
            a.circuits("IC-1000", provider=gone)
        assert raised.value.kind is NetboxFailure.MISSING
        assert a.inventory.provider("gone") is None


# --- providers

NAMES = ProviderNames(slug="carrier-group", aliases=("Old Carrier", "oc"), asns=(64500, 64501))


@pytest.mark.parametrize(
    ("there", "meant"),
    [
        ([("Else", "carrier-group"), ("Carrier", "carrier")], "carrier-group"),
        ([("Else", "carrier"), ("CARRIER", "x")], "carrier"),
        ([("CARRIER", "x"), ("Old Carrier", "y")], "x"),
        ([("old  carrier", "y")], "y"),
        ([("Y", "old-carrier")], "old-carrier"),
        ([("Y", "oc"), ("Z", "z", 64500)], "oc"),
        ([("Z", "z", 64501, 1)], "z"),
        ([("Z", "z", 64501, 64500)], "z"),
        ([("Y", "y", 64500), ("Z", "z", 64501)], None),
        ([("Carrier One", "carrier-1")], None),
        ([("Carrier", "a"), ("carrier", "b")], None),
        ([("Carrier", "a"), ("carrier", "b"), ("Old Carrier", "c")], "c"),
    ],
)
def test_a_provider_is_found_by_the_first_rung_that_finds_one(there, meant) -> None:
    with asked({"carrier": NAMES}) as a:
        numbers = {slug: a.server.add_provider(name, slug, asns=asns) for name, slug, *asns in there}
        assert a.inventory.provider("carrier") == numbers.get(meant)
        assert set(a.paths()) == {"GET providers"}


def test_a_provider_that_is_not_configured_is_found_by_its_name_alone() -> None:
    with asked({"carrier": NAMES}) as a:
        number = a.server.add_provider("Crown Example", "ce", asns=[64500])
        assert a.inventory.provider("crown example") == number
        assert a.inventory.provider("crown") is None


def test_all_providers_are_read_at_once_and_what_is_lacking_is_asked_for_again_soon() -> None:
    with asked() as a:
        numbers = {f"carrier-{number}": a.server.add_provider(f"Carrier {number}") for number in range(510)}
        assert {name: a.inventory.provider(name) for name in numbers} == numbers
        assert a.paths() == ["GET providers"] * 2

        assert a.inventory.provider("new") is None
        new = a.server.add_provider("New")
        assert (a.inventory.provider("new"), a.paths()) == (None, [])
        a.clock.advance(MISS)
        assert a.inventory.provider("carrier-1") == numbers["carrier-1"]
        assert a.paths() == []
        assert (a.inventory.provider("new"), len(a.paths())) == (new, 2)


# --- making


def test_nothing_is_made_unless_it_is_wanted() -> None:
    with asked() as a:
        assert a.inventory.provider("new") is None
        assert a.circuit("IC-1000") is None
        assert {path.split()[0] for path in a.paths()} == {"GET"}


def test_what_is_lacking_is_made_once_where_that_is_wanted() -> None:
    with asked({"new": ProviderNames(slug="new-slug")}, create=True) as a:
        provider = a.inventory.provider("new")
        assert a.inventory.provider("new") == provider
        found = a.circuits("IC-1000", "ic 1000", "IC-2000", "", "-", "x" * 101, provider=provider)
        again = a.circuits("Ic.1000", "IC-2000", provider=provider)
        a.server.add_circuits(provider, ["IC 3000"])
        assert cid_of(a.server, a.circuits("IC-3000", provider=provider)["IC-3000"]) == "IC 3000"

        (row,) = [each for each in a.server.rows("provider") if each["id"] == provider]
        assert (row["name"], row["slug"]) == ("new", "new-slug")
        made = {each["cid"]: each["id"] for each in a.server.rows("circuit") if each["provider"] == provider}
        assert list(made) == ["IC-1000", "IC-2000", "IC 3000"]
        one, two, _ = made.values()
        assert found == {"IC-1000": one, "ic 1000": one, "IC-2000": two, "": None, "-": None, "x" * 101: None}
        assert again == {"Ic.1000": one, "IC-2000": two}
        assert [path for path in a.paths() if path.startswith("POST")] == [
            "POST providers",
            "POST circuit-types",
            "POST circuits",
        ]


def test_what_is_ambiguous_or_has_an_alias_is_not_made() -> None:
    with asked({}, {(PROVIDER, "wave"): "IC-9000"}, cids=("IC 1000", "IC.1000"), create=True) as a:
        a.inventory.provider(PROVIDER)
        for name in ("Twice", "TWICE"):
            a.server.add_provider(name, f"slug-of-{name}")
        before = a.server.rows("circuit"), a.server.rows("provider")
        a.inventory.forget()
        assert a.inventory.provider("twice") is None
        a.inventory.provider(PROVIDER)
        assert set(a.circuits("IC-1000", "wave").values()) == {None}
        assert (a.server.rows("circuit"), a.server.rows("provider")) == before


def test_what_somebody_else_makes_meanwhile_is_a_conflict_that_ends() -> None:
    with asked(create=True) as a:

        def first(request):
            if request.method == "POST" and "circuits/circuits" in request.path:
                a.server.watch = lambda later: None
                a.server.add_circuits(a.number, ["IC-1000"])

        a.server.watch = first
        with pytest.raises(NetboxError) as raised:
            a.circuit("IC-1000")
        assert raised.value.kind is NetboxFailure.CONFLICT
        assert cid_of(a.server, a.circuit("IC-1000")) == "IC-1000"


def test_a_circuit_type_that_is_there_is_used() -> None:
    with world("plain") as w:
        provider = make_provider(w.netbox, "New", "new")
        first = make_circuits(w.netbox, provider, ["A-1"])
        second = make_circuits(w.netbox, provider, [f"B-{number}" for number in range(150)])
        assert (len(first), len(second)) == (1, 150)
        assert [each["slug"] for each in w.server.rows("circuit_type")].count("unspecified") == 1
        assert [each for each in w.asked() if each[0] == "POST"].count(("POST", "circuits")) == 3
        assert make_circuits(w.netbox, provider, []) == {}


# --- the folding of ids

texts = st.text(max_size=40)


@given(texts)
@example("ǅ-ﬀ ½ ᾳ İ")
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(texts, texts)
def test_the_folding_of_two_texts_is_that_of_each(one: str, other: str) -> None:
    assert folded(one + other) == folded(one) + folded(other)


@given(texts, st.lists(st.sampled_from(" -–/._()#:\t\u00a0")))
def test_spaces_and_punctuation_count_for_nothing(text: str, between: list[str]) -> None:
    middle = len(text) // 2
    assert folded(text[:middle] + "".join(between) + text[middle:]) == folded(text)


@given(texts)
def test_case_and_the_form_of_unicode_count_for_nothing(text: str) -> None:
    assert folded(text.casefold()) == folded(text)
    assert {folded(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")} == {folded(text)}


@given(st.text("ABCabc0123456789", max_size=30))
def test_letters_and_digits_stay(text: str) -> None:
    assert folded(text) == text.lower()
