"""The commands for NetBox and its circuits as a user types them, on our own mails and a NetBox on loopback."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestor.cli import main
from ingestor.pipeline import utc_now
from storage import database, outbox
from tests.servers.netbox import tables
from tests.servers.netbox.faults import Fault
from tests.servers.netbox.server import Netbox, serving
from tests.servers.scripted import Answer, scripted

MAILS = Path(__file__).parents[1] / "mail" / "zayo"
# The event of three windows, and the circuit that two others name as well.
THREE_NIGHTS, SHARED = "TTN-0008811204", "/OQYX/204417/ /ZYO /"
CIRCUITS = ["/IPYX/118820/ /ZYO /", SHARED, "/OQYX/204533/ /ZYO /", "/OQYX/311090/ /ZYO /"]
EVENTS = [THREE_NIGHTS, "TTN-0008820955", "TTN-0008829915", "TTN-0008834771"]
ALONE = "TTN-0008829915"

CONFIGURATION = """[database]
url = "sqlite:///{directory}/maintd.db"
[log]
level = "error"
"""
NETBOX = """[netbox]
url = "{url}"
token = {{ env = "NETBOX_TOKEN" }}
timeout_seconds = 5
since = 2027-01-01
{more}
"""
REFUSED = Fault(
    name="refused",
    applied=False,
    status=400,
    headers=(("Content-Type", "application/json"),),
    body=b'{"summary": ["too dull"]}',
)
NO_TOKEN = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database that the mails were imported into, of which each test has a copy."""
    directory = tmp_path_factory.mktemp("imported")
    config = directory / "config.toml"
    config.write_text(CONFIGURATION.format(directory=directory))
    assert main(["import", str(MAILS), "--config", str(config)]) == 0
    return directory / "maintd.db"


class Maintd:
    """The commands, on a database and a NetBox of their own; errors of the last one are in ``errors``."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.config = directory / "config.toml"
        self.errors: list[str] = []
        self._capsys, self._monkeypatch = capsys, monkeypatch
        self.config.write_text(CONFIGURATION.format(directory=directory))

    def connect(self, url: str, token: str = NO_TOKEN, more: str = "") -> None:
        """Configure a NetBox."""
        self._monkeypatch.setenv("NETBOX_TOKEN", token)
        directory = self.config.parent
        self.config.write_text(CONFIGURATION.format(directory=directory) + NETBOX.format(url=url, more=more))

    def run(self, *words: str, status: int = 0) -> list[list[str]]:
        """Run a command as in a pipe; return its lines, split at tabs."""
        return [line.split("\t") for line in self._output(words, status).splitlines()]

    def json(self, *words: str, status: int = 0) -> Any:
        """Run a command with ``--json``."""
        return json.loads(self._output([*words, "--json"], status))

    def _output(self, words: Sequence[str], status: int) -> str:
        self._capsys.readouterr()
        found = main([*words, "--config", str(self.config)])
        output = self._capsys.readouterr()
        self.errors = output.err.splitlines()
        assert found == status, output
        return output.out


@pytest.fixture
def alone(imported: Path, tmp_path: Path, capsys, monkeypatch) -> Maintd:
    """Return the commands where no NetBox is configured."""
    shutil.copy(imported, tmp_path / "maintd.db")
    return Maintd(tmp_path, capsys, monkeypatch)


@pytest.fixture
def server() -> Iterator[Netbox]:
    """Run a NetBox without any provider."""
    with serving(tables.CM_0_8) as server:
        yield server


@pytest.fixture
def maintd(alone: Maintd, server: Netbox) -> Maintd:
    """Return the commands for this NetBox."""
    alone.connect(server.url, server.token)
    return alone


@pytest.fixture
def known(server: Netbox) -> int:
    """Let NetBox know the provider and all circuits of the events."""
    provider = server.add_provider("Zayo")
    for cid in CIRCUITS:
        server.add_circuit(provider, cid)
    return provider


def texts(found: list[list[str]]) -> list[str]:
    return [f"{word}: {text}" for word, part, text in found if part in ("NetBox", "clock")]


# --- aliases


def test_an_alias_has_the_events_of_its_circuit_pushed_again(maintd, server) -> None:
    circuit = server.add_circuit(server.add_provider("Zayo"), "ZYO-123456")
    maintd.run("netbox", "push")
    assert server.rows("impact") == []

    said = maintd.run("circuits", "alias", SHARED.lower(), "ZYO-123456")
    assert said == [[f'zayo: "{SHARED.lower()}" is ZYO-123456 in NetBox; 3 events will be pushed again']]
    maintd.run("netbox", "push")
    assert {row["circuit"] for row in server.rows("impact")} == {circuit}
    (alias,) = maintd.json("circuits", "alias")
    assert (alias["provider"], alias["alias"], alias["circuit_id"]) == ("zayo", SHARED.lower(), "ZYO-123456")


def test_a_later_alias_takes_the_place_of_an_earlier_one(alone) -> None:
    alone.run("circuits", "alias", SHARED, "ZYO-1", "--provider", "zayo")
    said = alone.json("circuits", "alias", SHARED.lower(), "ZYO-2")

    assert said == {
        "provider": "zayo",
        "alias": SHARED.lower(),
        "circuit_id": "ZYO-2",
        "before": "ZYO-1",
        "pushed_again": None,
    }
    assert [one["circuit_id"] for one in alone.json("circuits", "alias")] == ["ZYO-2"]


@pytest.mark.parametrize("words", [["--remove", SHARED.lower()], [SHARED, "--remove", "--provider", "ZAYO"]])
def test_an_alias_can_be_removed(maintd, words) -> None:
    maintd.run("circuits", "alias", SHARED, "ZYO-1")
    said = maintd.json("circuits", "alias", *words)

    assert (said["provider"], said["removed"], said["pushed_again"]) == ("zayo", True, 3)
    assert maintd.json("circuits", "alias") == []
    maintd.run("circuits", "alias", *words, status=1)
    assert "there is no alias" in maintd.errors[0]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["XC-1", "ZYO-1"], "add --provider"),
        ([SHARED], "name the CIRCUIT too"),
        (["--remove"], "name the ALIAS"),
        (["XC-1", "ZYO-1", "--remove"], "an ALIAS alone"),
        (["XC-1", "xc-1 ", "--provider", "zayo"], "without an alias"),
        (["", "ZYO-1", "--provider", "zayo"], "expected the id of a circuit"),
        (["XC-1", "Z" * 101, "--provider", "zayo"], "more than 100"),
    ],
)
def test_an_alias_that_makes_no_sense_is_refused(alone, words, problem) -> None:
    alone.run("circuits", "alias", *words, status=2)

    assert problem in alone.errors[0]
    assert alone.json("circuits", "alias") == []


def test_an_alias_of_two_providers_is_removed_from_the_one_that_is_named(alone) -> None:
    for provider in ("zayo", "lumen"):
        alone.run("circuits", "alias", "XC-1", "A-1", "--provider", provider)
    alone.run("circuits", "alias", "--remove", "XC-1", status=2)
    assert "lumen and zayo: add --provider" in alone.errors[0]
    alone.run("circuits", "alias", "--remove", "XC-1", "--provider", "zayo")

    assert [one["provider"] for one in alone.json("circuits", "alias")] == ["lumen"]
    assert alone.json("circuits", "alias", "--provider", "zayo") == []


def test_what_looks_like_a_mistake_is_a_warning(alone) -> None:
    alone.run("circuits", "alias", "ZYO-1", SHARED, "--provider", "zayo")
    assert "the name in the mails comes first" in alone.errors[0]
    alone.run("circuits", "alias", SHARED, "ZYO-1", "--provider", "zaio")
    assert 'did you mean "zayo"?' in alone.errors[0]
    alone.run("circuits", "alias", SHARED, "ZYO-1", "--provider", "zayo")
    assert alone.errors == []


# --- what NetBox lacks


def test_what_netbox_lacks_is_listed_with_how_many_events_wait_for_it(maintd, server) -> None:
    assert maintd.json("circuits", "unresolved") == []
    maintd.run("netbox", "push")
    (itself,) = maintd.json("circuits", "unresolved")
    assert (itself["provider"], itself["circuit_id"], itself["events"]) == ("zayo", None, 4)

    provider = server.add_provider("Zayo")
    server.add_circuit(provider, CIRCUITS[0])
    maintd.run("netbox", "push")
    rows = maintd.json("circuits", "unresolved", "--provider", "Zayo")
    assert [(row["circuit_id"], row["events"]) for row in rows] == list(zip(CIRCUITS[1:], (3, 1, 1), strict=True))
    assert maintd.run("circuits", "unresolved")[0][:3] == ["zayo", SHARED, "3"]
    assert "maintd circuits alias" in maintd.errors[0]
    assert maintd.json("circuits", "unresolved", "--provider", "lumen") == []


# --- the check


def test_a_netbox_that_is_well_is_told_in_a_few_lines(maintd, known) -> None:
    found = maintd.run("netbox", "check")

    assert texts(found) == [
        "ok: 4.5.10 with netbox-circuitmaintenance 0.8.0: dialect netbox-circuitmaintenance 0.8",
        "warning: it cannot hold outages: the plugin has none",
        "warning: it cannot hold an event that ends when it starts",
        "ok: the token has every right that is needed",
        "ok: it knows all 1 providers and 4 circuits of the events that are pushed",
    ]
    assert maintd.json("netbox", "check") == [
        dict(zip(("ok", "part", "text"), row, strict=True)) for row in worded(found)
    ]


def worded(found: list[list[str]]) -> list[tuple[bool | None, str, str]]:
    oks = {"ok": True, "warning": None, "FAILED": False}
    return [(oks[word], part, text) for word, part, text in found]


def test_the_check_looks_for_providers_and_circuits_and_writes_nothing_there(maintd, server) -> None:
    unknown = texts(maintd.run("netbox", "check"))[-1]
    assert unknown.startswith("warning: provider zayo: not in NetBox")
    assert '(tried: slug "zayo", name "zayo")' in unknown
    assert [row["circuit_id"] for row in maintd.json("circuits", "unresolved")] == [None]

    server.add_circuit(server.add_provider("Zayo"), SHARED)
    told = texts(maintd.run("netbox", "check"))[-1]
    assert told.startswith("warning: provider zayo: 3 of 4 circuits are not in NetBox: `maintd circuits unresolved")
    listed = {row["circuit_id"] for row in maintd.json("circuits", "unresolved")} - {None}
    assert listed == {*CIRCUITS} - {SHARED}
    assert {each.method for each in server.log} <= {"GET", "OPTIONS", "DELETE"}
    assert all(each.path.endswith("/0/") for each in server.log if each.method == "DELETE")


def test_what_would_be_made_is_not_made_by_the_check(maintd, server) -> None:
    more = 'create = true\n[[provider]]\nname = "zayo"\nnetbox = "zayo-group"\nasn = 64500'
    maintd.connect(server.url, server.token, more)
    told = texts(maintd.run("netbox", "check"))[-1]
    assert '(tried: slug "zayo-group", slug "zayo", name "zayo", AS64500): it will be made' in told

    server.add_provider("Anybody", "zayo-group")
    assert "4 of 4 circuits are not in NetBox: they will be made" in texts(maintd.run("netbox", "check"))[-1]
    assert (len(server.rows("provider")), server.rows("circuit")) == (1, [])
    assert maintd.json("circuits", "unresolved") == []


Check = Callable[[int], list[str]]


@contextmanager
def checked(alone: Maintd, dialect=tables.CM_0_8, more: str = "", token=None, **options: Any) -> Iterator[Check]:
    """Give a check of a NetBox, which returns its lines."""
    with serving(dialect, careful=False, **options) as server:
        given = server.token if token is None else token(server)
        alone.connect(server.url, given, more)
        yield lambda status: texts(alone.run("netbox", "check", status=status))


def test_a_token_that_may_only_read_is_one_line(alone) -> None:
    with checked(alone, token=lambda server: server.add_token(write=False)) as check:
        failed = [line for line in check(1) if line.startswith("FAILED")]

    assert len(failed) == 1
    assert "enable writing on it" in failed[0]


def test_rights_that_are_missing_are_named_and_only_those_that_a_push_needs_fail(alone) -> None:
    cm = "netbox_circuitmaintenance.circuitmaintenance"
    rights = {f"{action} {cm}" for action in ("view", "add")}
    rights |= {f"{action} {cm}impact" for action in ("view", "add", "change")}
    rights |= {f"{action} {cm}notifications" for action in ("view", "add")}
    with checked(alone, token=lambda server: server.add_token(rights={*rights, "view circuits.circuit"})) as check:
        told = [line.partition(", needed to ") for line in check(1) if "no right" in line]

    assert [line for line, _, _ in told] == [
        "FAILED: no right to view circuits.provider",
        "warning: no right to view circuits.circuittermination",
        "warning: no right to view extras.journalentry",
        "warning: no right to add extras.journalentry",
        f"FAILED: no right to change {cm}",
        f"warning: no right to delete {cm}impact",
    ]
    assert told[0][2].startswith("find the provider of an event: give it")


def test_a_custom_field_that_cannot_serve_fails(alone) -> None:
    with checked(alone, more='custom_field = "maintd_key"') as check:
        assert 'FAILED: custom field "maintd_key": there is none' in check(1)


def test_a_version_that_was_never_tried_and_a_netbox_without_a_plugin_are_warnings(alone) -> None:
    with checked(alone, tables.PLAIN, netbox="4.3.2") as check:
        first, second = check(0)[:2]

    assert first == "warning: 4.3.2 without a plugin for maintenances; it was tried with 4.4 to 4.6 only"
    assert second.startswith("warning: it cannot hold maintenances and outages")


@pytest.mark.parametrize(("hours", "word"), [(2, "ahead of"), (-2, "behind")])
def test_a_clock_that_is_wrong_is_a_warning(maintd, server, known, hours, word) -> None:
    server.set_clock(timedelta(hours=hours))
    (told,) = (text for _, part, text in maintd.run("netbox", "check") if part == "clock")

    assert f" seconds {word} this machine's" in told


def failing(alone: Maintd, url: str, token: str = NO_TOKEN, more: str = "") -> str:
    """Return the one line of a check that fails at once."""
    alone.connect(url, token, more)
    ((word, part, text),) = alone.run("netbox", "check", status=1)
    assert (word, part) == ("FAILED", "NetBox")
    assert alone.errors == []
    return text


def test_each_way_of_not_reaching_a_netbox_says_what_to_do(alone, server) -> None:
    assert "403: Invalid v1 token: make another token" in failing(alone, server.url)
    assert "404: Page Not Found: url of [netbox] must be" in failing(alone, f"{server.url}/here", server.token)
    base_path = 'base_path = "/api/plugins/nowhere/"'
    assert "base_path that of the plugin" in failing(alone, server.url, server.token, base_path)
    with server.down():
        assert "Connection refused: look at url of [netbox]" in failing(alone, server.url)
    assert "netbox: token: the secret is empty" in failing(alone, server.url, token="")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(body=b"<title>Welcome</title>", headers={"Content-Type": "text/html"}), "no JSON"),
        (Answer(status=302, headers={"Location": "https://login.example/"}), "https://login.example/"),
        (Answer(status=500, body={"error": "out of order"}), "out of order"),
    ],
)
def test_what_is_no_netbox_is_told_with_its_url(alone, answer, words) -> None:
    with scripted(answer) as server:
        told = failing(alone, server.url)

    assert told.startswith(f"{server.url}: GET status/: ")
    assert words in told
    assert "url of [netbox] must be what people open" in told


@pytest.mark.parametrize("words", [["check"], ["push"], ["diff"]])
def test_without_a_netbox_the_setting_is_named(alone, words) -> None:
    alone.run("netbox", *words, status=2)

    assert alone.errors[0].startswith(f"{alone.config}: netbox: url: missing")


def test_the_check_of_everything_has_the_findings_of_netbox_unless_it_is_offline(maintd, known) -> None:
    assert texts(maintd.run("check")) == texts(maintd.run("netbox", "check"))
    assert texts(maintd.run("check", "--offline")) == []


# --- push


def test_a_push_tells_what_it_did_with_each_event(maintd, server, known) -> None:
    found = maintd.run("netbox", "push")
    assert [row[1] for row in found] == EVENTS
    assert found[0][2].startswith(f"made {THREE_NIGHTS}, {THREE_NIGHTS} [2], {THREE_NIGHTS} [3]; ")
    assert len(server.rows("maintenance")) == 6
    (shown,) = (row[1] for row in maintd.run("show", THREE_NIGHTS) if row[0] == "NetBox")
    assert shown.startswith("records 1, 2 [2], 3 [3]; pushed ")

    assert maintd.run("netbox", "push") == [["no event waits to be pushed"]]
    assert maintd.run("netbox", "push", ALONE.lower()) == [["zayo", ALONE, "nothing to do"]]
    assert maintd.run("netbox", "push", "--all") == [["4 events: nothing to do"]]
    assert len(server.rows("maintenance")) == 6


def test_a_push_of_an_id_sets_right_what_somebody_changed(maintd, server, known) -> None:
    maintd.run("netbox", "push")
    (row,) = (row for row in server.rows("maintenance") if row["name"] == ALONE)
    server.edit("maintenance", row["id"], summary="Edited")
    (found,) = maintd.json("netbox", "push", ALONE)

    assert found["done"] == [f"changed {ALONE}"]
    assert [(one["drift"], one["record"]) for one in found["drift"]] == [("different", ALONE)]
    assert found["requests"] > 0
    assert {row["summary"] for row in server.rows("maintenance")}.isdisjoint({"Edited"})


def test_what_people_say_in_netbox_is_told_and_comes_back(maintd, server, known) -> None:
    maintd.run("netbox", "push")
    (row,) = (row for row in server.rows("maintenance") if row["name"] == ALONE)
    server.edit("maintenance", row["id"], acknowledged=True, internal_ticket="CHG-7")

    assert maintd.run("netbox", "push", ALONE) == [["zayo", ALONE, "acknowledged in NetBox; ticket in NetBox: CHG-7"]]
    shown = maintd.json("show", ALONE)
    assert (shown["acknowledged"], shown["internal_ticket"]) == (True, "CHG-7")


def test_a_push_of_all_makes_again_what_somebody_deleted(maintd, server, known) -> None:
    maintd.run("netbox", "push")
    for row in server.rows("maintenance"):
        server.remove("maintenance", row["id"])
    found = maintd.run("netbox", "push", "--all")

    assert [row[2].split("; made ")[1].split(",")[0].split(";")[0] for row in found] == EVENTS
    assert all(row[2].startswith(f"missing: {row[1]}: the record; ") for row in found)
    assert len(server.rows("maintenance")) == 6


def test_a_push_of_one_provider_leaves_the_others_waiting(maintd, server, known) -> None:
    assert maintd.json("netbox", "push", "--provider", "lumen") == []
    assert maintd.json("netbox", "push", "--kind", "outage") == []
    assert maintd.json("stats")["outbox"]["due"] == 4
    assert len(maintd.json("netbox", "push", "--provider", "Zayo", "--kind", "maintenance")) == 4
    assert maintd.json("stats")["outbox"]["due"] == 0


def test_a_push_finds_what_was_added_in_netbox_a_moment_ago(maintd, server) -> None:
    told = maintd.run("netbox", "push")
    assert {row[2] for row in told} == {"NetBox does not know the provider"}
    assert "maintd circuits unresolved" in maintd.errors[0]
    provider = server.add_provider("Zayo")
    maintd.run("netbox", "push")
    server.add_circuit(provider, SHARED)
    assert len(maintd.run("netbox", "push")) == 3

    assert {row["impact"] for row in server.rows("impact")} == {"OUTAGE"}


def test_an_event_that_netbox_refuses_is_parked_and_shown_until_it_is_pushed_by_its_id(maintd, server, known) -> None:
    maintd.run("netbox", "push", ALONE)
    server.plan.when(REFUSED, method="POST", path="/circuitmaintenance/", body=b'"TTN-0008820955"', times=-1)
    found = maintd.run("netbox", "push", status=1)
    assert len(found) == 2
    (problem,) = maintd.errors
    assert "summary: too dull" in problem
    assert "parked" in problem

    parked = problem.split()[2].rstrip(":")
    (shown,) = (row[1] for row in maintd.run("show", parked) if row[0] == "NetBox")
    assert shown.startswith("no record; parked: NetBox: POST ")
    assert shown.endswith(f"`maintd netbox push {parked}` tries it again")
    assert maintd.run("stats")[-1][:5] == ["NetBox", "0", "0", "1", "0"]
    server.plan.clear()
    assert maintd.run("netbox", "push", parked)[0][1] == parked
    assert maintd.run("stats")[-1] == ["NetBox", "0", "0", "0", "0", "-", "-"]
    (shown,) = (row[1] for row in maintd.run("show", parked) if row[0] == "NetBox")
    assert shown.startswith("record")
    assert "parked" not in shown


def test_where_netbox_is_down_one_line_says_so_and_how_many_events_are_left(maintd, server, known) -> None:
    with server.down():
        assert maintd.json("netbox", "push", status=1)[0]["problem"]
        (problem,) = maintd.errors
        assert "Connection refused: 4 events left, see `maintd netbox check`" in problem
        maintd.run("netbox", "diff", status=0)
        assert maintd.run("stats")[-1][-1].endswith("Connection refused")
    assert len(maintd.run("netbox", "push")) == 4


def test_an_event_that_netbox_need_not_know_of_is_told_so(maintd, server, known) -> None:
    maintd.run("hide", ALONE, "--because", "a test")
    ((_, event, told),) = maintd.run("netbox", "push", ALONE)

    assert (event, told.partition(":")[0]) == (ALONE.lower(), "NetBox is not told of it")
    assert server.rows("maintenance") == []


def test_an_event_that_the_daemon_is_at_is_left_to_it(maintd, server, known) -> None:
    maintd.run("netbox", "diff")
    with closing(database.open_store(f"sqlite:///{maintd.config.parent}/maintd.db")) as store, store.writing() as held:
        assert len(outbox.claim(held, now=utc_now(), limit=9, lease_seconds=600)) == 4
    assert maintd.run("netbox", "push", ALONE) == []

    assert maintd.errors == ["1 event left to the daemon, which is pushing just now"]
    assert server.rows("maintenance") == []


def test_ids_and_all_together_are_refused(maintd) -> None:
    maintd.run("netbox", "push", ALONE, "--all", status=2)
    assert "not both" in maintd.errors[0]
    maintd.run("netbox", "push", "TTN-0", status=1)
    assert "there is no event TTN-0" in maintd.errors[0]


# --- diff


def test_a_diff_tells_all_that_differs_and_changes_nothing(maintd, server, known) -> None:
    waiting = maintd.json("netbox", "diff")
    assert [(row["record"], row["drift"]) for row in waiting] == [(event, "waiting") for event in EVENTS]
    maintd.run("netbox", "push")
    assert maintd.run("netbox", "diff") == []
    assert maintd.errors == ["4 events compared: no difference in what NetBox can hold"]

    by_name = {row["name"]: row["id"] for row in server.rows("maintenance")}
    server.edit("maintenance", by_name[ALONE], summary="Edited")
    server.remove("maintenance", by_name[EVENTS[1]])
    server.make("impact", circuitmaintenance=by_name[EVENTS[3]], circuit=server.add_circuit(known, "XC-1"))
    before = [server.rows(key) for key in ("maintenance", "impact", "notice", "journal")]
    rows = maintd.json("netbox", "diff", status=1)
    assert {(row["record"], row["drift"]) for row in rows} >= {
        (ALONE, "different"),
        (EVENTS[1], "missing"),
        (EVENTS[3], "foreign"),
    }
    assert {row["record"] for row in rows} == {ALONE, EVENTS[1], EVENTS[3]}
    (edited,) = maintd.run("netbox", "diff", ALONE, status=1)
    assert edited[:3] == ["zayo", ALONE, "different"]
    assert "Edited" in edited[3]
    assert maintd.json("netbox", "diff", THREE_NIGHTS) == []
    assert [server.rows(key) for key in ("maintenance", "impact", "notice", "journal")] == before


def test_a_diff_of_a_netbox_that_is_down_fails(maintd, server, known) -> None:
    maintd.run("netbox", "push")
    with server.down():
        maintd.run("netbox", "diff", status=1)

    assert "Connection refused" in maintd.errors[0]
