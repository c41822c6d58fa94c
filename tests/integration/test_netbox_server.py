"""The NetBox of the tests answers as real ones do: each rule with what it stands for, dialect by dialect."""

import http.client
import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.servers.netbox import faults
from tests.servers.netbox.server import Netbox, serving
from tests.servers.netbox.tables import (
    CM_0_6,
    CM_0_7,
    CM_0_8,
    DIALECTS,
    FORK,
    NOTICES_1_1_0,
    NOTICES_1_1_2,
    PLAIN,
    Dialect,
)

START, END = "2027-02-01T22:00:00Z", "2027-02-02T04:00:00Z"
CM = (CM_0_8, CM_0_7, CM_0_6, FORK)
NOTICES = (NOTICES_1_1_0, NOTICES_1_1_2)
PLUGINS = (*CM, *NOTICES)
TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def ids(self) -> list[int]:
        return [row["id"] for row in self.body["results"]]


class Client:
    """A client with one connection, and the bodies of a dialect."""

    def __init__(self, netbox: Netbox, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self.netbox, self._timeout = netbox, timeout
        self._connection: http.client.HTTPConnection | None = None
        self.authorization: str | None = f"Token {netbox.token}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        sent = {"Authorization": self.authorization} if self.authorization else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        if raw is not None:
            sent.setdefault("Content-Type", "application/json")
        self._connection = self._connection or http.client.HTTPConnection(
            "127.0.0.1", self.netbox.port, timeout=self._timeout
        )
        try:
            self._connection.request(method, path, raw, sent)
            answer = self._connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise

    def close(self) -> None:
        if self._connection:
            self._connection.close()

    def path(self, key: str) -> str:
        return self.netbox.api.path_of(self.netbox.store.model(key))

    def get(self, key: str, **query: Any) -> Reply:
        return self.ask("GET", f"{self.path(key)}?{urlencode(query, doseq=True)}")

    def post(self, key: str, body: Any) -> Reply:
        return self.ask("POST", self.path(key), body)

    def patch(self, key: str, number: int, **values: Any) -> Reply:
        return self.ask("PATCH", f"{self.path(key)}{number}/", values)

    def event(self, key: str = "maintenance", **values: Any) -> dict[str, Any]:
        status = "CONFIRMED" if key == "maintenance" else "INVESTIGATING"
        body = {"name": "W-1", "summary": "Splicing", "status": status, "provider": 1, "start": START}
        return body | ({"end": END} if key == "maintenance" else {}) | values

    def of(self, event: int, key: str = "maintenance") -> dict[str, Any]:
        if self.netbox.dialect in CM:
            return {"circuitmaintenance": event}
        return {"event_content_type": self.type_of(key), "event_object_id": event}

    def on(self, circuit: int) -> dict[str, Any]:
        if self.netbox.dialect in CM:
            return {"circuit": circuit}
        return {"target_content_type": self.type_of("circuit"), "target_object_id": circuit}

    def type_of(self, key: str) -> int:
        return self.netbox.store.type_number(self.netbox.store.model(key).label)

    def impact(
        self, event: int, circuit: int, level: str | None = "OUTAGE", key: str = "maintenance"
    ) -> dict[str, Any]:
        return self.of(event, key) | self.on(circuit) | {"impact": level}

    def notice(self, event: int, **values: Any) -> dict[str, Any]:
        received = "email_recieved" if self.netbox.dialect in {CM_0_6, FORK} else "email_received"
        said = {"email_body": "We work.", "subject": "Work", "email_from": "noc@carrier.example", received: START}
        return self.of(event) | said | values


@pytest.fixture
def client_of() -> Iterator[Callable[..., Client]]:
    """Start a server with two providers and three circuits of the first, and return a client of it."""
    with ExitStack() as stack:

        def start(
            dialect: Dialect, *, timeout: float = TIMEOUT_SECONDS, careful: bool = False, **options: Any
        ) -> Client:
            netbox = stack.enter_context(serving(dialect, careful=careful, **options))
            provider = netbox.add_provider("Example Carrier", asns=(64500,))
            netbox.add_provider("Second")
            for cid in ("EX-1", "EX-2", "ex 3"):
                netbox.add_circuit(provider, cid)
            return stack.enter_context(closing(Client(netbox, timeout=timeout)))

        yield start


def said(value: Any) -> str:
    """Name a case of a table after what is sent."""
    if isinstance(value, dict):
        return ",".join(f"{name}={str(each)[:24]!r}" for name, each in value.items())
    return (
        ""
        if value == DIALECTS
        else ",".join(each.name for each in value)
        if isinstance(value, tuple)
        else str(value)[:24]
    )


def each(*dialects: Dialect) -> Any:
    return pytest.mark.parametrize("dialect", dialects, ids=lambda dialect: dialect.name.replace(" ", "-"))


# --- what a field takes: (dialects, what is sent, the words of the refusal; None: it is taken)

REQUIRED, NULL, BLANK = "This field is required.", "This field may not be null.", "This field may not be blank."
NO_TIME = "Datetime has wrong format."
MAINTENANCES: list[tuple[tuple[Dialect, ...], dict[str, Any], str, str | None]] = [
    (PLUGINS, {"name": "n" * 100}, "name", None),
    (PLUGINS, {"name": "n" * 101}, "name", "Ensure this field has no more than 100 characters."),
    (PLUGINS, {"name": ""}, "name", BLANK),
    (PLUGINS, {"name": "  "}, "name", BLANK),
    (PLUGINS, {"name": None}, "name", NULL),
    (PLUGINS, {"name": 12345}, "name", None),
    (PLUGINS, {"name": ["x"]}, "name", "Not a valid string."),
    (PLUGINS, {"name": "a\0b"}, "name", "Null characters are not allowed."),
    (PLUGINS, {"summary": ""}, "summary", BLANK),
    (PLUGINS, {"summary": "s" * 201}, "summary", "Ensure this field has no more than 200 characters."),
    (PLUGINS, {"summary": "\N{WRENCH}" * 200}, "summary", None),
    (PLUGINS, {"status": "confirmed"}, "status", '"confirmed" is not a valid choice.'),
    (PLUGINS, {"status": "RESCHEDULED"}, "status", '"RESCHEDULED" is not a valid choice.'),
    (PLUGINS, {"status": "NO-CHANGE"}, "status", '"NO-CHANGE" is not a valid choice.'),
    (PLUGINS, {"provider": "1"}, "provider", None),
    (PLUGINS, {"provider": {"slug": "example-carrier"}}, "provider", None),
    (PLUGINS, {"provider": {}}, "provider", "Multiple objects match the provided attributes: {}"),
    (PLUGINS, {"provider": 99}, "provider", "Related object not found using the provided numeric ID: 99"),
    (PLUGINS, {"provider": {"slug": "no"}}, "provider", "Related object not found using the provided attributes"),
    (PLUGINS, {"provider": "carrier"}, "provider", "Related objects must be referenced by numeric ID"),
    (PLUGINS, {"start": "tomorrow"}, "start", NO_TIME),
    (PLUGINS, {"start": 1801476000}, "start", NO_TIME),
    (PLUGINS, {"end": None}, "end", NULL),
    (PLUGINS, {"internal_ticket": "t" * 101}, "internal_ticket", "Ensure this field has no more than 100 characters."),
    (PLUGINS, {"internal_ticket": None}, "internal_ticket", NULL),
    (PLUGINS, {"comments": None}, "comments", NULL),
    (PLUGINS, {"comments": ""}, "comments", None),
    (PLUGINS, {"acknowledged": "yes"}, "acknowledged", None),
    (PLUGINS, {"acknowledged": "maybe"}, "acknowledged", "Must be a valid boolean."),
    ((CM_0_8, CM_0_7), {"acknowledged": None}, "acknowledged", NULL),
    ((CM_0_6, FORK, *NOTICES), {"acknowledged": None}, "acknowledged", None),
    ((CM_0_8,), {"time_zone": "Mars/Olympus"}, "time_zone", "A valid timezone is required."),
    ((CM_0_8,), {"time_zone": "EST5EDT"}, "time_zone", None),
    ((CM_0_7, CM_0_6), {"time_zone": "Mars/Olympus"}, "time_zone", None),
    ((FORK, *NOTICES), {"original_timezone": "Mars/Olympus"}, "original_timezone", None),
    ((FORK, *NOTICES), {"original_timezone": "z" * 64}, "original_timezone", "Ensure this field has no more than 63"),
    (PLUGINS, {"tags": [{"slug": "no"}]}, "tags", "Related object not found using the provided attributes"),
    (PLUGINS, {"no_such_field": 1}, "no_such_field", None),
    (PLUGINS, {"id": 77}, "id", None),
    # The end of a window.
    ((CM_0_8, CM_0_7), {"end": "2027-02-01T21:00:00Z"}, "end", "End date/time must be after start date/time."),
    (NOTICES, {"end": "2027-02-01T21:00:00Z"}, "end", "The end time must be after the start time."),
    ((CM_0_6, FORK), {"end": "2027-02-01T21:00:00Z"}, "end", None),
    ((CM_0_8, CM_0_7), {"end": START}, "end", "End date/time must be after start date/time."),
    ((CM_0_6, FORK, *NOTICES), {"end": START}, "end", None),
]


@pytest.mark.parametrize(("dialects", "sent", "name", "words"), MAINTENANCES, ids=said)
def test_a_maintenance_is_taken_or_refused_with_the_words_of_its_field(
    client_of: Callable[..., Client], dialects: tuple[Dialect, ...], sent: dict[str, Any], name: str, words: str | None
) -> None:
    for dialect in dialects:
        client = client_of(dialect)
        answer = client.post("maintenance", client.event(**sent))
        assert answer.status == (400 if words else 201), (dialect.name, answer.raw)
        if words:
            assert list(answer.body) == [name]
            assert answer.body[name][0].startswith(words)


NOTIFICATIONS: list[tuple[tuple[Dialect, ...], dict[str, Any], str, str | None]] = [
    (PLUGINS, {"email_from": "NOC <noc@carrier.example>"}, "email_from", "Enter a valid email address."),
    (PLUGINS, {"email_from": "root@localhost"}, "email_from", None),
    (PLUGINS, {"email_from": "root@mailhost"}, "email_from", "Enter a valid email address."),
    (PLUGINS, {"email_from": "noc@ex\u00e4mple.example"}, "email_from", None),
    (PLUGINS, {"email_from": "a" * 250 + "@b.example"}, "email_from", "Ensure this field has no more than 254"),
    (PLUGINS, {"email_from": ""}, "email_from", BLANK),
    (PLUGINS, {"email_body": " "}, "email_body", BLANK),
    (PLUGINS, {"email_body": "a\0b"}, "email_body", "Null characters are not allowed."),
    ((CM_0_8, NOTICES_1_1_2), {"email_body": "x" * 3_000_000}, "email_body", None),
    (PLUGINS, {"email": "RnJvbTogYQ=="}, "email", None),
    (PLUGINS, {"subject": "s" * 100}, "subject", None),
    ((CM_0_8,), {"subject": "s" * 500}, "subject", None),
    ((CM_0_8,), {"subject": "s" * 501}, "subject", "Ensure this field has no more than 500 characters."),
    ((CM_0_7, CM_0_6, FORK, *NOTICES), {"subject": "s" * 101}, "subject", "Ensure this field has no more than 100"),
    ((CM_0_8,), {"circuitmaintenance": None}, "circuitmaintenance", None),
    ((CM_0_7, CM_0_6, FORK), {"circuitmaintenance": None}, "circuitmaintenance", NULL),
    (CM, {"circuitmaintenance": 99}, "circuitmaintenance", "Related object not found using the provided numeric ID"),
    (NOTICES, {"event_object_id": 99}, "event_object_id", "Related object not found using the provided value: 99."),
    (NOTICES, {"event_content_type": "notices.maintenance"}, "event_content_type", "Incorrect type. Expected pk value"),
]


@pytest.mark.parametrize(("dialects", "sent", "name", "words"), NOTIFICATIONS, ids=said)
def test_a_notification_is_taken_or_refused_with_the_words_of_its_field(
    client_of: Callable[..., Client], dialects: tuple[Dialect, ...], sent: dict[str, Any], name: str, words: str | None
) -> None:
    for dialect in dialects:
        client = client_of(dialect)
        client.post("maintenance", client.event())
        answer = client.post("notice", client.notice(1, **sent))
        assert answer.status == (400 if words else 201), (dialect.name, answer.raw[:500])
        if words:
            assert answer.body[name][0].startswith(words)


@each(CM_0_6, FORK)
def test_the_first_plugin_spells_the_time_of_receipt_in_its_own_way(
    client_of: Callable[..., Client], dialect: Dialect
) -> None:
    client = client_of(dialect)
    client.post("maintenance", client.event())
    sent = client.notice(1)
    sent["email_received"] = sent.pop("email_recieved")
    assert client.post("notice", sent).body == {"email_recieved": [REQUIRED]}


def test_what_is_missing_is_named_field_by_field(client_of: Callable[..., Client]) -> None:
    names = ("name", "summary", "status", "provider", "start", "end")
    assert client_of(CM_0_8).post("maintenance", {}).body == {name: [REQUIRED] for name in names}


@each(CM_0_6, FORK)
def test_the_nested_lists_of_the_first_plugin_are_read_and_break_the_server_when_written(
    client_of: Callable[..., Client], dialect: Dialect
) -> None:
    client = client_of(dialect)
    client.post("maintenance", client.event())
    client.post("impact", client.impact(1, 2))
    shown = client.ask("GET", f"{client.path('maintenance')}1/").body
    assert [(row["circuit"]["cid"], row["impact"]) for row in shown["impact"]] == [("EX-2", "OUTAGE")]
    assert client.patch("maintenance", 1, impact=[]).body["exception"] == "AssertionError"


# --- outages


def test_an_outage_of_the_fork_has_no_impacts(client_of: Callable[..., Client]) -> None:
    client = client_of(FORK)
    assert client.post("outage", client.event("outage")).status == 201
    assert client.post("impact", {"circuitoutage": 1, "circuit": 1}).body == {"circuitmaintenance": [REQUIRED]}


def test_an_outage_of_notices_has_impacts_until_it_is_resolved(client_of: Callable[..., Client]) -> None:
    client = client_of(NOTICES_1_1_2)
    client.post("outage", client.event("outage"))
    assert client.post("impact", client.impact(1, 1, key="outage")).status == 201
    client.patch("outage", 1, status="RESOLVED", end=END)
    assert client.netbox.impacts_of("outage", 1) == {"EX-1": "OUTAGE"}
    refused = client.post("impact", client.impact(1, 2, key="outage"))
    assert refused.body == {"__all__": ["You cannot alter an impact once the event has completed."]}


@each(FORK, *NOTICES)
def test_a_resolved_outage_needs_an_end_and_keeps_it(client_of: Callable[..., Client], dialect: Dialect) -> None:
    client = client_of(dialect)
    needed = {"end": ["End time is required when marking outage as resolved"]}
    assert client.post("outage", client.event("outage", status="RESOLVED")).body == needed
    client.post("outage", client.event("outage"))
    assert client.patch("outage", 1, status="RESOLVED").body == needed
    assert client.patch("outage", 1, status="RESOLVED", end=END).status == 200
    assert client.patch("outage", 1, end=None).body == needed
    assert client.patch("outage", 1, status="MONITORING", end=None).status == 200


def test_an_outage_of_notices_starts_now_where_none_says_otherwise(client_of: Callable[..., Client]) -> None:
    client, sent = client_of(NOTICES_1_1_2), None
    sent = client.event("outage")
    del sent["start"]
    shown = client.post("outage", sent).body
    today = datetime.now(UTC).date()
    assert {datetime.fromisoformat(shown[name]).date() for name in ("start", "reported_at")} <= {
        today,
        today - timedelta(days=1),
    }
    assert client_of(FORK).post("outage", sent).body == {"start": [REQUIRED]}


def test_the_fork_without_its_table_answers_outages_with_500(client_of: Callable[..., Client]) -> None:
    client = client_of(FORK, migrated=False)
    answer = client.get("outage", limit=1)
    assert (answer.status, answer.body["exception"]) == (500, "ProgrammingError")
    assert "does not exist" in answer.body["error"]
    assert client.get("maintenance", limit=1).status == 200


# --- impacts


@each(*PLUGINS)
def test_an_impact_is_frozen_with_its_event_but_can_be_deleted(
    client_of: Callable[..., Client], dialect: Dialect
) -> None:
    client = client_of(dialect)
    client.post("maintenance", client.event())
    client.post("impact", client.impact(1, 1))
    for status in ("COMPLETED", "CANCELLED"):
        client.patch("maintenance", 1, status=status)
        words = ("once it has completed", "once the event has completed")[dialect in NOTICES]
        for answer in (client.post("impact", client.impact(1, 2)), client.patch("impact", 1, impact="DEGRADED")):
            assert answer.status == 400
            assert words in answer.body["__all__"][0]
    assert client.post("notice", client.notice(1)).status == 201
    assert client.ask("DELETE", f"{client.path('impact')}1/").status == 204
    client.patch("maintenance", 1, status="CONFIRMED")
    assert client.post("impact", client.impact(1, 2)).status == 201


DUPLICATES = {
    CM_0_8.name: (400, 500),
    CM_0_7.name: (400, 500),
    CM_0_6.name: (201, 201),
    FORK.name: (201, 201),
    NOTICES_1_1_0.name: (400, 500),
    NOTICES_1_1_2.name: (500, 500),
}


@each(*PLUGINS)
def test_a_duplicate_impact_is_answered_as_the_dialect_does(client_of: Callable[..., Client], dialect: Dialect) -> None:
    """Alone, and twice in one list, which is refused as a whole."""
    client = client_of(dialect)
    client.post("maintenance", client.event())
    client.post("impact", client.impact(1, 1))
    alone, in_list = DUPLICATES[dialect.name]
    again = client.post("impact", client.impact(1, 1))
    assert again.status == alone
    if alone == 400:
        assert again.body["__all__"][0].endswith("already exists.")
    if alone == 500:
        assert "duplicate key value violates unique constraint" in again.body["error"]
    twice = client.post("impact", [client.impact(1, 2), client.impact(1, 2)])
    assert twice.status == in_list
    if in_list == 500:
        assert client.netbox.impacts_of("maintenance", 1) == {"EX-1": "OUTAGE"}


@each(*PLUGINS)
def test_an_impact_may_be_without_a_level(client_of: Callable[..., Client], dialect: Dialect) -> None:
    client = client_of(dialect)
    client.post("maintenance", client.event())
    client.post("impact", client.of(1) | client.on(1))
    client.post("impact", client.impact(1, 2, None))
    assert client.netbox.impacts_of("maintenance", 1) == {"EX-1": None, "EX-2": None}
    assert client.post("impact", client.impact(1, 3, "outage")).body == {"impact": ['"outage" is not a valid choice.']}


def test_an_impact_of_notices_takes_only_some_types(client_of: Callable[..., Client]) -> None:
    client = client_of(NOTICES_1_1_0)
    client.post("maintenance", client.event())
    wrong = client.post("impact", client.impact(1, 1) | {"target_content_type": client.type_of("provider")})
    assert wrong.body["target_content_type"][0].startswith("Content type 'circuits.provider' is not allowed.")
    wrong = client.post("impact", client.impact(1, 1) | {"event_content_type": client.type_of("circuit")})
    assert wrong.body["event_content_type"][0].endswith("object does not exist.")


def test_deleting_an_event_takes_its_impacts_along_and_with_notices_leaves_orphans(
    client_of: Callable[..., Client],
) -> None:
    for dialect, left in ((CM_0_8, 0), (FORK, 0), (NOTICES_1_1_2, 1)):
        client = client_of(dialect)
        client.post("maintenance", client.event())
        client.post("impact", client.impact(1, 1))
        client.post("notice", client.notice(1))
        assert client.ask("DELETE", f"{client.path('maintenance')}1/").status == 204
        assert client.netbox.rows("impact") == []
        assert len(client.netbox.rows("notice")) == left
        assert client.ask("DELETE", f"{client.path('maintenance')}1/").status == 404
        if left:
            assert client.get("notice").body["results"][0]["event"] is None


@each(NOTICES_1_1_0, NOTICES_1_1_2)
def test_an_impact_of_notices_outlives_its_circuit_and_can_only_be_deleted(
    client_of: Callable[..., Client], dialect: Dialect
) -> None:
    client = client_of(dialect)
    client.post("maintenance", client.event())
    client.post("impact", client.impact(1, 1))
    client.netbox.remove("circuit", 1)
    (left,) = client.get("impact").body["results"]
    assert (left["target"], left["target_object_id"], left["display"].split(" - ")[1]) == (None, 1, "Unknown")
    refused = {"target_object_id": ["Related object not found using the provided value: 1."]}
    assert client.patch("impact", 1, impact="DEGRADED").body == refused
    assert client.ask("PATCH", client.path("impact"), [{"id": 1, "impact": "DEGRADED"}]).body == refused
    assert client.ask("DELETE", f"{client.path('impact')}1/").status == 204


@each(CM_0_8, CM_0_6)
def test_an_impact_of_the_first_plugin_goes_with_its_circuit(
    client_of: Callable[..., Client], dialect: Dialect
) -> None:
    client = client_of(dialect)
    client.post("maintenance", client.event())
    client.post("impact", client.impact(1, 1))
    client.netbox.remove("circuit", 1)
    assert client.get("impact").ids == []


def test_a_zone_is_one_of_the_world(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    said = {
        zone: client.post("maintenance", client.event() | {"time_zone": zone}).body["time_zone"]
        for zone in ("US/Eastern", "Mars/Phobos", "europe/berlin", "Factory")
    }
    assert said == {
        "US/Eastern": "US/Eastern",
        "Mars/Phobos": ["A valid timezone is required."],
        "europe/berlin": ["A valid timezone is required."],
        "Factory": ["Value zoneinfo.ZoneInfo(key='Factory') is not a valid choice."],
    }


def test_with_notices_what_replaces_a_maintenance_reschedules_it(client_of: Callable[..., Client]) -> None:
    client = client_of(NOTICES_1_1_2)
    client.post("maintenance", client.event())
    client.post("maintenance", client.event(name="W-2", replaces=1))
    assert [row["status"] for row in client.netbox.events()] == ["RE-SCHEDULED", "CONFIRMED"]
    assert client.get("maintenance", replaces_id=1).ids == [2]


# --- lists: (dialects, model, query, the ids that are found; None: the query is refused)

FOUND: list[tuple[tuple[Dialect, ...], str, dict[str, Any], list[int] | None]] = [
    (PLUGINS, "maintenance", {"name": "W-2"}, [2]),
    (PLUGINS, "maintenance", {"name": ["W-1", "W-2"]}, [2, 1]),
    (PLUGINS, "maintenance", {"name__ie": "w-2"}, [2]),
    (PLUGINS, "maintenance", {"name__isw": "w-"}, [3, 2, 1]),
    (PLUGINS, "maintenance", {"nmae": "W-2"}, [3, 2, 1]),
    (PLUGINS, "maintenance", {"name__exact": "W-2"}, [3, 2, 1]),
    (PLUGINS, "maintenance", {"name": "W-2", "provider": 1, "provider_id": 1}, [2]),
    (CM, "maintenance", {"provider": 2}, [3]),
    (CM, "maintenance", {"provider_id": 2}, [3, 2, 1]),
    (NOTICES, "maintenance", {"provider_id": 2}, [3]),
    (NOTICES, "maintenance", {"provider": 2}, [3, 2, 1]),
    (CM, "maintenance", {"provider": 99}, None),
    (NOTICES, "maintenance", {"provider": 99}, [3, 2, 1]),
    (NOTICES, "maintenance", {"provider_id": 99}, None),
    (PLUGINS, "maintenance", {"status": "BOGUS"}, None),
    (PLUGINS, "maintenance", {"tag": "no"}, None),
    (PLUGINS, "maintenance", {"start__gte": "2027-03-01T00:00:00Z"}, []),
    (PLUGINS, "maintenance", {"start": START}, [3, 2, 1]),
    (PLUGINS, "maintenance", {"start": "2027-02-01T23:00:00+01:00"}, [3, 2, 1]),
    (PLUGINS, "maintenance", {"cf_no": "x"}, [3, 2, 1]),
    ((CM_0_8, CM_0_7), "maintenance", {"comments__ic": "x"}, [3, 2, 1]),
    ((CM_0_6, FORK, *NOTICES), "maintenance", {"comments__ic": "x"}, []),
    (PLUGINS, "maintenance", {"ordering": "name"}, [1, 2, 3]),
    (PLUGINS, "maintenance", {"ordering": "no"}, [3, 2, 1]),
    (PLUGINS, "maintenance", {"limit": 0}, [3, 2, 1]),
    (PLUGINS, "maintenance", {"limit": -1}, [3, 2, 1]),
    (CM, "impact", {"circuitmaintenance": 1}, [1, 2]),
    (CM, "impact", {"circuitmaintenance": 1, "circuit": 2}, [2]),
    (CM, "impact", {"circuit": [1, 2]}, [2]),
    (CM, "impact", {"circuitmaintenance_id": 99, "circuit_id": 99}, [1, 2, 3]),
    (CM, "impact", {"circuitmaintenance": 99}, None),
    (NOTICES, "impact", {"event_content_type": "notices.maintenance", "event_object_id": 1}, [1, 2]),
    (NOTICES, "impact", {"event_content_type": 211, "event_object_id": 1}, []),
    (NOTICES, "impact", {"event_object_id": 1, "target_object_id": 2}, [2]),
    (NOTICES, "impact", {"event_object_id_id": 1}, [1, 2, 3]),
    ((CM_0_8,), "notice", {"circuitmaintenance": 2}, []),
    ((CM_0_7, CM_0_6, FORK), "notice", {"circuitmaintenance": 2}, [1]),
    (NOTICES, "notice", {"event_content_type": "notices.maintenance", "event_object_id": 1}, [1]),
    (DIALECTS, "circuit", {"cid": "EX-1"}, [1]),
    (DIALECTS, "circuit", {"cid": "ex-1"}, []),
    (DIALECTS, "circuit", {"cid__ie": ["ex-1", "EX 3"]}, [1, 3]),
    (DIALECTS, "circuit", {"cid__ie": "ex  3"}, []),
    (DIALECTS, "circuit", {"cid": "EX-1", "provider_id": 2}, []),
    (DIALECTS, "circuit", {"provider": "second"}, [4]),
    (DIALECTS, "circuit", {"provider_id": 99}, None),
    (DIALECTS, "circuit", {"provider": "no"}, None),
    (DIALECTS, "circuit", {"cidd": "EX-1"}, [1, 2, 3, 4]),
    (DIALECTS, "provider", {"slug": "second"}, [2]),
    (DIALECTS, "provider", {"name__ie": "example carrier"}, [1]),
    (DIALECTS, "provider", {"asn": 64500}, [1]),
    (DIALECTS, "provider", {"asn": 64501}, None),
    (DIALECTS, "termination", {"xconnect_id": "XC-9"}, [1]),
    (DIALECTS, "object_type", {"app_label": "circuits", "model": "circuit"}, [31]),
]


@pytest.fixture(scope="module")
def filled() -> Iterator[dict[str, Client]]:
    """A server of each dialect with three events of two providers, three impacts and a notification."""
    with ExitStack() as stack:
        servers = {dialect.name: stack.enter_context(serving(dialect)) for dialect in DIALECTS}
        yield {name: stack.enter_context(closing(_filled(netbox))) for name, netbox in servers.items()}


def _filled(netbox: Netbox) -> Client:
    client, first, second = Client(netbox), netbox.add_provider("Example Carrier", asns=(64500,)), None
    second = netbox.add_provider("Second")
    for cid in ("EX-1", "EX-2", "ex 3"):
        netbox.add_circuit(first, cid)
    netbox.add_circuit(second, "S-1", xconnect_ids=("XC-9",))
    if netbox.dialect is not PLAIN:
        bodies = [client.event(name=name, provider=provider) for name, provider in (("W-1", 1), ("W-2", 1), ("W-3", 2))]
        assert client.post("maintenance", bodies).status == 201
        assert client.post("impact", [client.impact(1, 1), client.impact(1, 2), client.impact(2, 3)]).status == 201
        assert client.post("notice", client.notice(1)).status == 201
    return client


@pytest.mark.parametrize(("dialects", "key", "query", "ids"), FOUND, ids=said)
def test_a_list_finds_what_its_filters_know_and_everything_where_they_do_not(
    filled: dict[str, Client], dialects: tuple[Dialect, ...], key: str, query: dict[str, Any], ids: list[int] | None
) -> None:
    for dialect in dialects:
        answer = filled[dialect.name].get(key, **query)
        if ids is None:
            assert answer.status == 400, dialect.name
            assert "Select a valid choice." in answer.raw.decode()
        else:
            assert (answer.status, answer.ids) == (200, ids), dialect.name


def test_a_filter_that_is_not_known_is_remembered(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.get("maintenance", name="x", provider_id=1, provider=1, cf_no=1)
    assert [name for _, name in client.netbox.ignored] == ["provider_id", "cf_no"]


@each(CM_0_6, FORK)
def test_searching_impacts_breaks_the_first_plugin(filled: dict[str, Client], dialect: Dialect) -> None:
    assert filled[dialect.name].get("impact", q="EX-1").body["exception"] == "FieldError"
    assert filled[CM_0_8.name].get("impact", q="EX-1").ids == [1]


def test_since_4_6_start_pages_by_the_id(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8, netbox="4.6.8")
    client.post("maintenance", [client.event(), client.event()])
    refused = client.get("maintenance", start=START)
    assert refused.body == ["Invalid 'start' parameter: must be a non-negative integer."]
    assert client.get("maintenance", start__gte=START).ids == [2, 1]
    assert client.get("maintenance", start=2).ids == [2]


def test_a_page_is_cut_at_its_greatest_size_and_next_leads_on(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8, max_page_size=2)
    page, seen = client.get("circuit", limit=500, fields="id"), []
    seen += page.ids
    assert page.body["count"] == 3
    assert page.body["next"] == f"{client.netbox.url}/api/circuits/circuits/?fields=id&limit=2&offset=2"
    page = client.ask("GET", page.body["next"].removeprefix(client.netbox.url))
    assert (seen + page.ids, page.body["next"]) == ([1, 2, 3], None)


@each(*PLUGINS)
def test_brief_and_fields_shorten_the_answer(filled: dict[str, Client], dialect: Dialect) -> None:
    client = filled[dialect.name]
    assert client.get("maintenance", fields="id,name", name="W-1").body["results"] == [{"id": 1, "name": "W-1"}]
    brief = client.get("maintenance", brief="true").body["results"][0]
    assert ("summary" in brief) is (dialect in {CM_0_6, FORK})


def test_a_hundred_thousand_circuits_are_found_by_their_ids() -> None:
    with serving(CM_0_8) as netbox, closing(Client(netbox)) as client:
        provider = netbox.add_provider("Large")
        netbox.add_circuits(provider, (f"L-{number:06}" for number in range(100_000)))
        wanted = [f"l-{number:06}" for number in range(0, 100_000, 1000)]
        found = client.get("circuit", cid__ie=wanted, provider_id=provider, fields="id,cid,provider", limit=500)
        assert found.body["count"] == 100


# --- lists that are written


@each(*PLUGINS)
def test_a_list_is_created_whole_or_not_at_all(client_of: Callable[..., Client], dialect: Dialect) -> None:
    client = client_of(dialect)
    wrong = client.post("maintenance", [client.event(), client.event(status="NO"), client.event(provider=99)])
    assert (wrong.status, [list(errors) for errors in wrong.body]) == (400, [[], ["status"], ["provider"]])
    assert client.netbox.rows("maintenance") == []
    done = client.post("maintenance", [client.event(name="B"), client.event(name="A")])
    assert (done.status, [row["name"] for row in done.body]) == (201, ["B", "A"])
    assert client.post("maintenance", []).body == []


def test_a_list_is_changed_newest_first_and_unknown_ids_are_dropped(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.post("maintenance", [client.event(), client.event(), client.event()])
    path = client.path("maintenance")
    done = client.ask("PATCH", path, [{"id": 1, "summary": "a"}, {"id": 99, "status": "NO"}, {"id": 3, "summary": "c"}])
    assert (done.status, [row["id"] for row in done.body]) == (200, [3, 1])
    gone = client.ask("PATCH", path, [{"id": 99, "summary": "a"}])
    assert (gone.status, gone.body) == (200, [])
    wrong = client.ask("PATCH", path, [{"id": 1, "summary": "z"}, {"id": 2, "status": "NO"}])
    assert (wrong.status, wrong.body) == (400, {"status": ['"NO" is not a valid choice.']})
    assert [row["summary"] for row in client.netbox.rows("maintenance")] == ["a", "Splicing", "c"]
    assert client.ask("PATCH", path, [{"summary": "z"}]).body == [{"id": [REQUIRED]}]
    assert client.ask("PATCH", path, {"id": 1}).body == {
        "non_field_errors": ['Expected a list of items but got type "dict".']
    }


def test_a_list_is_deleted_whatever_is_gone(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.post("maintenance", [client.event(), client.event()])
    assert client.ask("DELETE", client.path("maintenance"), [{"id": 2}, {"id": 99}]).status == 204
    assert [row["id"] for row in client.netbox.rows("maintenance")] == [1]


def test_nothing_but_impacts_is_unique(client_of: Callable[..., Client]) -> None:
    for dialect in PLUGINS:
        client = client_of(dialect)
        for key, body in (("maintenance", client.event()), ("notice", None)):
            again = body or client.notice(1)
            assert [client.post(key, again).status for _ in range(2)] == [201, 201]


def test_a_put_needs_every_field_and_keeps_what_it_does_not_name(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.post("maintenance", client.event(internal_ticket="T-1"))
    path = f"{client.path('maintenance')}1/"
    assert set(client.ask("PUT", path, {"status": "UNKNOWN"}).body) == {"name", "summary", "provider", "start", "end"}
    assert client.ask("PUT", path, client.event(status="UNKNOWN")).body["internal_ticket"] == "T-1"


# --- custom fields, tags, journal, history


def test_a_unique_custom_field_is_a_key(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.netbox.add_custom_field("maintd_key", unique=True)
    sent = client.event(custom_fields={"maintd_key": "k1"})
    assert client.post("maintenance", sent).body["custom_fields"] == {"maintd_key": "k1"}
    again = client.post("maintenance", sent)
    assert again.body == {"__all__": ["Custom field 'maintd_key' must have a unique value."]}
    client.post("maintenance", client.event())
    assert client.get("maintenance", cf_maintd_key="k1").ids == [1]


def test_an_unknown_custom_field_is_refused_since_4_5(client_of: Callable[..., Client]) -> None:
    for netbox, status in (("4.4.10", 201), ("4.5.10", 400), ("4.6.8", 400)):
        client = client_of(CM_0_8, netbox=netbox)
        answer = client.post("maintenance", client.event(custom_fields={"no": 1}))
        assert answer.status == status
    assert answer.body == {"custom_fields": {"no": "Custom field 'no' does not exist for this object type."}}


def test_tags_take_the_place_of_those_before(client_of: Callable[..., Client]) -> None:
    client = client_of(NOTICES_1_1_2)
    client.netbox.add_tag("auto")
    client.post("maintenance", client.event(tags=[{"slug": "auto"}]))
    assert client.get("maintenance", tag="auto").ids == [1]
    assert client.patch("maintenance", 1, tags=[]).body["tags"] == []


@each(FORK, CM_0_8, PLAIN)
def test_a_journal_entry_stands_on_any_object(client_of: Callable[..., Client], dialect: Dialect) -> None:
    client = client_of(dialect)
    entry = {"assigned_object_type": "circuits.circuit", "assigned_object_id": 1, "kind": "info", "comments": "Work"}
    made = client.post("journal", entry)
    assert (made.status, made.body["assigned_object"]["cid"]) == (201, "EX-1")
    assert client.netbox.journal_of("circuit", 1) == ["Work"]
    found = client.get("journal", assigned_object_type="circuits.circuit", assigned_object_id=1, fields="id,comments")
    assert found.body["results"] == [{"id": 1, "comments": "Work"}]
    assert client.get("journal", assigned_object_type="circuits.circuit", assigned_object_id=2).ids == []
    refused = {"non_field_errors": ["Invalid assigned_object: Circuits > Circuit ID 99"]}
    assert client.post("journal", entry | {"assigned_object_id": 99}).body == refused
    assert client.post("journal", entry | {"comments": ""}).body == {"comments": [BLANK]}


def test_history_tells_each_change_with_its_message(client_of: Callable[..., Client]) -> None:
    client = client_of(NOTICES_1_1_2)
    client.post("outage", client.event("outage"))
    client.patch("outage", 1, estimated_time_to_repair=END, changelog_message="ETR: by four")
    before = client.netbox.rows("outage")[0]["last_updated"]
    client.patch("outage", 1, estimated_time_to_repair=END, changelog_message="ETR: by four")
    assert client.netbox.rows("outage")[0]["last_updated"] > before
    label = "notices.outage"
    told = client.get("change", changed_object_type=label, changed_object_id=1).body["results"]
    assert [(row["action"]["value"], row["message"]) for row in told] == [("update", "ETR: by four"), ("create", "")]
    assert told[0]["postchange_data"]["estimated_time_to_repair"] == END


def test_a_message_longer_than_its_column_breaks_the_server(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.post("maintenance", client.event())
    answer = client.patch("maintenance", 1, summary="new", changelog_message="m" * 201)
    assert (answer.status, answer.body["exception"]) == (500, "DataError")
    assert client.netbox.rows("maintenance")[0]["summary"] == "Splicing"


def test_a_person_edits_and_deletes_beside_the_clients(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.post("maintenance", client.event())
    client.netbox.edit("maintenance", 1, acknowledged=True, internal_ticket="CHG-7")
    assert client.get("maintenance").body["results"][0]["internal_ticket"] == "CHG-7"
    assert [row["user_name"] for row in client.netbox.changes_of("maintenance", 1)] == ["maintd", "a person"]
    client.netbox.remove("maintenance", 1)
    assert client.get("maintenance").ids == []


# --- times


def test_times_without_an_offset_are_local_to_the_server_and_so_are_its_answers(
    client_of: Callable[..., Client],
) -> None:
    client = client_of(CM_0_8, zone="Europe/Berlin")
    shown = client.post("maintenance", client.event(start="2027-02-01T22:00:00", end="2027-02-03")).body
    assert (shown["start"], shown["end"]) == ("2027-02-01T22:00:00+01:00", "2027-02-03T00:00:00+01:00")
    assert client.netbox.rows("maintenance")[0]["start"] == datetime(2027, 2, 1, 21, tzinfo=UTC)


def test_its_clock_can_be_wrong(client_of: Callable[..., Client]) -> None:
    client = client_of(PLAIN)
    client.netbox.set_clock(timedelta(minutes=-7))
    said = parsedate_to_datetime(client.ask("GET", "/api/status/").headers["Date"])
    assert timedelta(minutes=6) < datetime.now(UTC) - said < timedelta(minutes=8)


# --- who is let in

NO_ONE = "Authentication credentials were not provided."
FORM = 'Invalid authorization header: Must be in the form "Bearer <key>.<token>" or "Token <token>"'
STRANGERS = [
    ("4.4.10", None, NO_ONE),
    ("4.5.10", None, NO_ONE),
    ("4.4.10", "Token " + "f" * 40, "Invalid token"),
    ("4.5.10", "Token " + "f" * 40, "Invalid v1 token"),
    ("4.5.10", "Bearer nbt_aaaaaaaaaaaa." + "f" * 40, "Invalid v2 token"),
    ("4.4.10", "Bearer nbt_aaaaaaaaaaaa." + "f" * 40, NO_ONE),
    ("4.4.10", "Token", "Invalid token header. No credentials provided."),
    ("4.5.10", "Token", FORM),
    ("4.4.10", "Token a b", "Invalid token header. Token string should not contain spaces."),
    ("4.5.10", "Token a b", FORM),
]


@pytest.mark.parametrize(("netbox", "header", "words"), STRANGERS)
def test_a_stranger_is_sent_away_with_403(
    client_of: Callable[..., Client], netbox: str, header: str | None, words: str
) -> None:
    client = client_of(CM_0_8, netbox=netbox)
    client.authorization = header
    for path in ("/api/status/", client.path("maintenance")):
        answer = client.ask("GET", path)
        assert (answer.status, answer.body) == (403, {"detail": words})


def test_tokens_of_both_kinds_are_known_since_4_5(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    text = client.netbox.add_token(2)
    client.authorization = f"Bearer {text}"
    assert client.ask("GET", "/api/status/").status == 200
    key, _, secret = text.partition(".")
    client.authorization = f"Bearer {key}.{'0' * len(secret)}"
    assert client.ask("GET", "/api/status/").body == {"detail": "Invalid v2 token"}


def test_a_token_ends_or_is_disabled(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    for more, words in (
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expired"),
        ({"enabled": False}, "disabled"),
    ):
        client.authorization = f"Token {client.netbox.add_token(**more)}"
        assert client.ask("GET", "/api/status/").body == {"detail": f"Token {words}"}


def test_a_right_that_is_missing_is_missing_alone(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    label = client.netbox.store.model("maintenance").label
    client.authorization = f"Token {client.netbox.add_token(rights={f'add {label}', 'view circuits.circuit'})}"
    assert client.post("maintenance", client.event()).status == 201
    denied = {"detail": "You do not have permission to perform this action."}
    assert client.get("maintenance").body == denied
    assert client.patch("maintenance", 1, summary="x").body == denied
    assert client.get("provider").body == denied
    assert client.get("circuit").status == 200
    assert client.ask("GET", "/api/status/").status == 200
    actions = {
        key: client.ask("OPTIONS", client.path(key)).body.get("actions", {}) for key in ("maintenance", "impact")
    }
    assert {key: list(each) for key, each in actions.items()} == {"maintenance": ["POST"], "impact": []}


def test_a_token_that_may_only_read_cannot_write(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.authorization = f"Token {client.netbox.add_token(write=False)}"
    assert client.get("maintenance").status == 200
    assert client.post("maintenance", client.event()).status == 403


# --- what tells the dialects apart


def test_a_dialect_is_told_by_asking(filled: dict[str, Client]) -> None:
    told = {}
    for name, client in filled.items():
        plugins = client.ask("GET", "/api/status/").body["plugins"]
        root = {key for key in client.ask("GET", "/api/plugins/").body if key != "installed-plugins"}
        told[name] = (plugins, root)
    cm = "netbox_circuitmaintenance"
    assert told == {
        CM_0_8.name: ({cm: "0.8.0"}, {"maintenance"}),
        CM_0_7.name: ({cm: "0.7.0"}, {"maintenance"}),
        CM_0_6.name: ({cm: "0.6.0"}, {"maintenance"}),
        FORK.name: ({cm: "0.6.0"}, {"maintenance"}),
        NOTICES_1_1_0.name: ({"notices": "1.1.0"}, {"notices"}),
        NOTICES_1_1_2.name: ({"notices": "1.1.2"}, {"notices"}),
        PLAIN.name: ({}, set()),
    }
    assert filled[CM_0_6.name].ask("GET", "/api/plugins/installed-plugins/").status == 403


def test_the_endpoints_and_fields_of_a_plugin_can_be_asked_for(filled: dict[str, Client]) -> None:
    def fields(dialect: Dialect, key: str) -> set[str]:
        client = filled[dialect.name]
        return set(client.ask("OPTIONS", client.path(key)).body["actions"]["POST"])

    outages = {
        dialect.name: "circuitoutage" in filled[dialect.name].ask("GET", "/api/plugins/maintenance/").body
        for dialect in CM
    }
    assert outages == {CM_0_8.name: False, CM_0_7.name: False, CM_0_6.name: False, FORK.name: True}
    assert "time_zone" in fields(CM_0_8, "maintenance")
    assert "time_zone" not in fields(CM_0_7, "maintenance")
    assert "original_timezone" in fields(FORK, "maintenance")
    assert "email_received" in fields(CM_0_7, "notice")
    assert "email_recieved" in fields(CM_0_6, "notice")


def test_a_plugin_is_served_where_its_operator_wants_it(client_of: Callable[..., Client]) -> None:
    client = client_of(FORK, base_path="netbox-circuitmaintenance")
    assert client.path("outage") == "/api/plugins/netbox-circuitmaintenance/circuitoutage/"
    assert client.post("outage", client.event("outage")).status == 201
    assert client.ask("GET", "/api/plugins/maintenance/circuitoutage/").status == 404


def test_a_netbox_is_served_under_a_path(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8, mount="/netbox")
    assert client.path("circuit") == "/netbox/api/circuits/circuits/"
    shown = client.post("maintenance", client.event()).body
    assert shown["url"] == f"{client.netbox.url}/api/plugins/maintenance/circuitmaintenance/1/"
    root = client.ask("GET", "/netbox/api/plugins/").body["maintenance"]
    assert root == f"{client.netbox.url}/api/plugins/maintenance/"
    assert client.ask("GET", "/netbox/api/plugins/maintenance/").status == 200
    assert client.ask("GET", "/api/status/").status == 404


# --- requests that are no good


def test_a_path_without_its_slash_is_a_trap(client_of: Callable[..., Client]) -> None:
    for netbox, status in (("4.4.10", 301), ("4.5.10", 404)):
        client = client_of(CM_0_8, netbox=netbox)
        path = client.path("maintenance").rstrip("/")
        assert client.ask("GET", path).headers["Location"] == f"{path}/"
        answer = client.ask("POST", path, client.event())
        assert (answer.status, "html" in answer.headers["Content-Type"]) == (status, True)
        assert client.netbox.rows("maintenance") == []


def test_what_is_not_there_is_a_page_or_a_detail(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    assert "html" in client.ask("GET", "/api/plugins/notices/").headers["Content-Type"]
    gone = client.ask("GET", f"{client.path('maintenance')}99/")
    assert (gone.status, gone.body) == (404, {"detail": "No CircuitMaintenance matches the given query."})


def test_a_request_line_has_its_limit(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    assert client.get("circuit", cid=[f"{number:06}" for number in range(300)]).status == 200
    answer = client.get("circuit", cid=[f"{number:06}" for number in range(400)])
    assert (answer.status, "html" in answer.headers["Content-Type"]) == (400, True)


BAD_REQUESTS: list[tuple[str, str, bytes, dict[str, str], int]] = [
    ("POST", "", b'{"name": ', {}, 400),
    ("POST", "", b'{"name": "\xff"}', {}, 400),
    ("POST", "", b'"hello"', {}, 400),
    ("POST", "", b"<a/>", {"Content_Type": "application/xml"}, 415),
    ("POST", "", b"a=b", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
    ("GET", "", b"", {"Accept": "text/csv"}, 406),
    ("POST", "1/", b"{}", {}, 405),
]


@pytest.mark.parametrize(("method", "tail", "raw", "headers", "status"), BAD_REQUESTS)
def test_a_request_that_is_none_is_refused(
    filled: dict[str, Client], method: str, tail: str, raw: bytes, headers: dict[str, str], status: int
) -> None:
    client = filled[CM_0_7.name]
    assert client.ask(method, client.path("maintenance") + tail, raw or None, **headers).status == status
    client.netbox.breaches.clear()


def test_since_4_6_a_change_can_be_bound_to_a_version(client_of: Callable[..., Client]) -> None:
    for netbox, status in (("4.5.10", 200), ("4.6.8", 412)):
        client = client_of(CM_0_8, netbox=netbox)
        client.post("maintenance", client.event())
        path = f"{client.path('maintenance')}1/"
        assert client.ask("PATCH", path, {"summary": "x"}, If_Match='"nonsense"').status == status
    tag = client.ask("GET", path).headers["ETag"]
    assert client.ask("PATCH", path, {"summary": "y"}, If_Match=tag).status == 200
    assert client.ask("PATCH", path, {"summary": "z"}, If_Match=tag).status == 412


def test_a_provider_with_circuits_cannot_be_deleted(client_of: Callable[..., Client]) -> None:
    client = client_of(PLAIN)
    assert client.ask("DELETE", f"{client.path('provider')}1/").status == 409


# --- what goes wrong

LOST = (OSError, http.client.HTTPException)


def test_a_connection_is_cut_before_or_after_a_request_was_applied(client_of: Callable[..., Client]) -> None:
    for applied in (False, True):
        client = client_of(CM_0_8)
        client.netbox.plan.at(1, faults.cut(applied=applied))
        with pytest.raises(LOST):
            client.post("maintenance", client.event())
        assert len(client.netbox.rows("maintenance")) == int(applied)
        assert [(each.status, each.applied) for each in client.netbox.log] == [(None, applied)]
        assert client.get("maintenance").status == 200


def test_an_answer_is_lost_half_way_though_the_list_was_created(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.netbox.plan.when(faults.half_answer(), method="POST", path="circuitmaintenance/")
    with pytest.raises(http.client.IncompleteRead):
        client.post("maintenance", [client.event(), client.event()])
    assert len(client.netbox.rows("maintenance")) == 2


def test_an_answer_is_late(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8, timeout=0.1)
    client.netbox.plan.at(1, faults.slow(0.3))
    with pytest.raises(TimeoutError):
        client.post("maintenance", client.event())
    assert len(client.netbox.rows("maintenance")) == 1


def test_a_request_is_applied_after_its_client_has_gone(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8, timeout=0.1)
    client.netbox.plan.at(1, faults.slow(0.4, applied=False))
    with pytest.raises(TimeoutError):
        client.post("maintenance", client.event())
    assert client.netbox.rows("maintenance") == []
    written = threading.Event()
    for _ in range(100):
        if client.netbox.rows("maintenance"):
            written.set()
            break
        written.wait(0.05)
    assert written.is_set()


def test_a_proxy_throttles_for_seconds_or_until_a_time(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    until = datetime(2027, 2, 1, 12, tzinfo=UTC)
    client.netbox.plan.script([faults.throttled(7), faults.throttled(until, status=503), faults.throttled()])
    answers = [client.get("maintenance") for _ in range(4)]
    assert [(each.status, each.headers.get("Retry-After")) for each in answers] == [
        (429, "7"),
        (503, "Mon, 01 Feb 2027 12:00:00 GMT"),
        (429, None),
        (200, None),
    ]


def test_a_gateway_gives_up_though_the_request_was_applied(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.netbox.plan.at(1, faults.gateway(504, applied=True))
    assert client.post("maintenance", client.event()).status == 504
    assert len(client.netbox.rows("maintenance")) == 1


def test_the_server_breaks_with_a_page(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.netbox.plan.when(faults.broken(), method="POST", skip=1, times=2)
    assert [client.post("maintenance", client.event()).status for _ in range(4)] == [201, 500, 500, 201]
    assert len(client.netbox.rows("maintenance")) == 2


def test_a_server_without_its_database_says_so(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.netbox.plan.at(2, faults.database_down())
    assert client.get("maintenance").status == 200
    assert client.get("maintenance").body["exception"] == "OperationalError"


def test_somebody_is_quicker_than_a_request(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.post("maintenance", client.event())
    client.netbox.watch = lambda request: client.netbox.make("impact", **client.impact(1, 1)) and None
    again = client.post("impact", client.impact(1, 1))
    assert again.body["__all__"][0].endswith("already exists.")


def test_a_server_that_is_down_refuses_and_comes_back_with_what_it_had(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.post("maintenance", client.event())
    with client.netbox.down():
        with pytest.raises(LOST):
            client.get("maintenance")
        with pytest.raises(ConnectionRefusedError):
            client.get("maintenance")
    assert client.get("maintenance").ids == [1]


def test_chance_is_the_same_with_the_same_seed(client_of: Callable[..., Client]) -> None:
    met = []
    for _ in range(2):
        plan = faults.Plan()
        plan.by_chance(7, 0.5)
        met.append([fault and fault.name for fault in (plan.next("GET", "/") for _ in range(50))])
    assert met[0] == met[1]
    assert {None, "cut after it was applied"} <= set(met[0])
    plan.clear()
    assert [plan.next("GET", "/") for _ in range(20)] == [None] * 20


def test_requests_are_logged_in_the_order_of_their_arrival(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)
    client.post("maintenance", client.event())
    client.get("maintenance", name="W-1")
    client.post("impact", [client.impact(1, 1)])
    log = [(each.method, each.path.split("/")[-2], each.status) for each in client.netbox.log]
    assert log == [
        ("POST", "circuitmaintenance", 201),
        ("GET", "circuitmaintenance", 200),
        ("POST", "circuitmaintenanceimpact", 201),
    ]
    assert len(client.netbox.requests("POST")) == 2
    assert client.netbox.requests(path="impact/")[0].body == [
        {"circuitmaintenance": 1, "circuit": 1, "impact": "OUTAGE"}
    ]
    client.netbox.forget()
    assert client.netbox.log == []


def test_parallel_clients_are_served(client_of: Callable[..., Client]) -> None:
    client = client_of(CM_0_8)

    def post(number: int) -> int:
        with closing(Client(client.netbox)) as another:
            return another.post("maintenance", another.event(name=f"W-{number}")).status

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(post, range(4))) == [201] * 4
    assert [row["id"] for row in client.netbox.rows("maintenance")] == [1, 2, 3, 4]


# --- the contract

BREACHES: list[tuple[Dialect, str, dict[str, Any], str]] = [
    (CM_0_8, "maintenance", {"start": "2027-02-01T22:00:00"}, "no time with an offset"),
    (CM_0_8, "maintenance", {"original_timezone": "UTC"}, "original_timezone: not a field that can be written"),
    (CM_0_8, "maintenance", {"provider": "1"}, "provider: no reference"),
    (CM_0_8, "maintenance", {"acknowledged": "yes"}, "acknowledged: neither true nor false"),
    (CM_0_8, "maintenance", {"name": 7}, "name: no text"),
    (CM_0_6, "maintenance", {"time_zone": "UTC"}, "time_zone: not a field that can be written"),
    (CM_0_6, "maintenance", {"summary": " "}, "summary: blank"),
    (NOTICES_1_1_2, "maintenance", {"summary": "s" * 201}, "summary: longer than 200"),
    (NOTICES_1_1_2, "outage", {"status": "CONFIRMED"}, "status: no choice"),
]


@pytest.mark.parametrize(("dialect", "key", "sent", "words"), BREACHES, ids=said)
def test_a_careless_request_is_remembered_though_it_may_be_taken(
    client_of: Callable[..., Client], dialect: Dialect, key: str, sent: dict[str, Any], words: str
) -> None:
    client = client_of(dialect)
    client.post(key, client.event(key, **sent))
    assert any(words in breach for breach in client.netbox.breaches)


@each(*PLUGINS)
def test_a_careful_client_breaks_nothing(client_of: Callable[..., Client], dialect: Dialect) -> None:
    """At its end, a server with ``careful`` would say so."""
    client = client_of(dialect, careful=True)
    client.post("maintenance", [client.event(provider={"slug": "example-carrier"})])
    client.post("impact", [client.impact(1, 1), client.impact(1, 2, None)])
    client.ask("PATCH", client.path("impact"), [{"id": 1, "impact": "DEGRADED"}])
    client.post("notice", client.notice(1))
    client.patch("maintenance", 1, status="COMPLETED", changelog_message="done")
    assert [each.status for each in client.netbox.log] == [201, 201, 200, 201, 200]


def test_where_no_schema_is_kept_the_tables_alone_hold(client_of: Callable[..., Client]) -> None:
    for dialect in (CM_0_7, CM_0_6):
        contract = client_of(dialect).netbox.api.contract
        assert (contract.schema, contract.reason) == (None, f"no schema of {dialect.version[:3]} was kept")


def _careless() -> None:
    with serving(CM_0_8) as netbox, closing(Client(netbox)) as client:
        netbox.add_provider("Example Carrier")
        client.post("maintenance", client.event(acknowledged="yes"))


def test_a_careful_server_says_what_was_broken() -> None:
    with pytest.raises(AssertionError, match="neither true nor false"):
        _careless()


def _mistaken() -> None:
    with serving(CM_0_8) as netbox, closing(Client(netbox)) as client:
        netbox.watch = lambda request: request.no_such_field  # type: ignore[attr-defined]
        with pytest.raises(LOST):
            client.get("maintenance")


def test_a_mistake_of_the_server_itself_does_not_pass_for_a_fault() -> None:
    with pytest.raises(AssertionError, match="no_such_field"):
        _mistaken()


def test_it_speaks_tls(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(certificate), "-out", str(tmp_path / "public.pem")),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    with certificate.open("a") as both:
        both.write((tmp_path / "public.pem").read_text())
    with serving(PLAIN, certificate=certificate) as netbox:
        context = ssl.create_default_context(cafile=str(tmp_path / "public.pem"))
        connection = http.client.HTTPSConnection("127.0.0.1", netbox.port, timeout=TIMEOUT_SECONDS, context=context)
        connection.request("GET", "/api/", headers={"Authorization": f"Token {netbox.token}"})
        assert json.loads(connection.getresponse().read())["status"] == f"{netbox.url}/api/status/"
        connection.close()
