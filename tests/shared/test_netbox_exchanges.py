"""The NetBox of the tests answers as real ones did, and its tables say what their schemas say.

The exchanges with real servers are read beside the checkout, and each request is made again, one after the other.
"""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.servers.netbox.access import Token
from tests.servers.netbox.contract import SCHEMAS, Contract
from tests.servers.netbox.server import Netbox, serving
from tests.servers.netbox.tables import (
    CM_0_8,
    DIALECTS,
    FORK,
    NOTICES_1_1_0,
    Dialect,
    Field,
    Kind,
    Match,
    Model,
)

EXCHANGES = SCHEMAS / "exchanges.md"
TEXT = EXCHANGES.read_text() if EXCHANGES.exists() else ""

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not TEXT, reason="the exchanges of ../shared/netbox are not beside the checkout"),
]

# The token of all requests beside which none stands.
ADMIN = next(iter(re.findall(r"Authorization: Bearer ([0-9a-f]{40})\n", TEXT)), "")
SERVERS = {"cm": CM_0_8, "no": NOTICES_1_1_0, "seed": FORK}
OUTAGES = {
    "seed": "## Seed-era plugin (commit 20ae9d6)",
    "no": "## netbox-notices 1.1.0, /api/plugins/notices/outage/",
}
# What this server does not do, or the record does not hold.
LEFT_OUT = {
    "provider account",
    "provision a token",
    "provision, bad password",
    "unknown host name",
    "not UTF-8",
    "email_body of 1 MB",
    "email_body of 3 MB",
    # The two circuits with one id are not in the record.
    "impact, circuit given as ambiguous attributes",
}
STATUS_ALONE = {
    # The words name every relation of a real provider.
    "provider object, unknown attribute",
    # The outage starts at the time of the request.
    "without start",
    # Equal values are in no order.
    "ordering",
}
# What differs from server to server, or is not known from the record.
VOLATILE = {
    *("created", "last_updated", "time", "request_id", "reported_at", "url", "display_url", "id"),
    *("event_content_type", "target_content_type", "event_object_id", "app_name", "features"),
    *("accounts", "circuit_count", "owner", "provider_account", "termination_a", "termination_z", "description"),
    *("display", "cid", "model_name", "model_name_plural", "target", "error"),
}
# How an object begins, behind the path of its kind.
_SHOWN = r'(\d+)/",(?:\s*"display_url": "[^"]*",)?\s*"display": "[^"]*",\s*'
TYPES = {
    151: "notices.maintenance",
    152: "notices.outage",
    8: "circuits.circuit",
    6: "dcim.site",
    38: "circuits.provider",
}


@dataclass(frozen=True)
class Exchange:
    title: str
    method: str
    path: str
    headers: dict[str, str]
    body: str
    status: int
    answer: str

    @property
    def whole(self) -> bool:
        return not any(mark in self.answer for mark in ("[cut]", "[HTML page]", "(empty)"))


def section(name: str) -> str:
    start = TEXT.index(f"\n# {name}: NetBox")
    return TEXT[start : TEXT.index("\n# ", start + 5)]


def outages(name: str) -> str:
    start = TEXT.index(OUTAGES[name])
    return TEXT[start : TEXT.index("\n##", start + 5)]


def exchanges(text: str) -> Iterator[Exchange]:
    for title, asked, answered in re.findall(r"\*\*(.+?)\*\*.*\n```http\n([\s\S]*?)\n```\n```\n([\s\S]*?)\n```", text):
        head, _, body = asked.partition("\n\n")
        first, *lines = head.split("\n")
        headers = {"Authorization": f"Token {ADMIN}", "Content-Type": "application/json"}
        headers |= dict(line.split(": ", 1) for line in lines if ": " in line)
        if any(line.startswith("(no Authorization") for line in lines):
            del headers["Authorization"]
        status, _, answer = answered.partition("\n")
        yield Exchange(title, *first.split(" ", 1), headers, body, int(status.split()[0]), answer)


def fill(netbox: Netbox, text: str) -> None:
    """Add the providers and circuits that a record tells of, under their ids, and the tokens that it used."""
    providers = {
        int(number): (name, slug)
        for number, name, slug in re.findall(rf'/providers/{_SHOWN}"name": "([^"]*)",\s*"slug": "([^"]*)"', text)
    }
    circuits = {
        int(number): (cid, int(provider))
        for number, cid, provider in re.findall(
            rf'/circuits/{_SHOWN}"cid": "([^"]*)",\s*"provider": {{\s*"id": (\d+)', text
        )
    }
    for number in range(1, 41):
        netbox.add_provider(*providers.get(number, (f"Another {number}", f"another-{number}")))
    for number in range(1, 201):
        cid, provider = circuits.get(number, (f"another-{number}", 40))
        netbox.add_circuit(provider, cid)
    for each, more in tokens_of(text).items():
        netbox.api.tokens[each] = Token(text=each, user="admin", **more)


def token_in(text: str, title: str) -> str:
    """Return the token that a request of the record bore."""
    found = re.search(rf"\*\*{re.escape(title)}\*\*\n```http\n.*\nAuthorization: \w+ (\S+)\n", text)
    assert found, title
    return found[1]


def tokens_of(text: str) -> dict[str, dict[str, Any]]:
    """Return the tokens of a record, with what each may do; those of version 2 where the server took one."""
    known: dict[str, dict[str, Any]] = {
        token_in(text, "Bearer scheme with a v1 token"): {},
        token_in(text, "read-only token reads"): {"write": False},
        token_in(text, "user without permissions reads"): {"rights": set()},
    }
    second = token_in(text, "v2 token under the Token scheme")
    taken = re.search(rf"{re.escape(second)}\n```\n```\n200 ", text)
    return known | ({second: {}} if taken else {})


def catch_up(netbox: Netbox, title: str) -> None:
    """Make what the record passes over: the events of which the next requests speak."""
    made: list[int] = []
    states = {
        "on a COMPLETED maintenance": ("COMPLETED", "CANCELLED"),
        "PATCH maintenance to COMPLETED": ("CONFIRMED",),
    }
    provider = next(row["id"] for row in netbox.rows("provider") if not row["name"].startswith("Another"))
    start, end = datetime(2026, 12, 1, 22, tzinfo=UTC), datetime(2026, 12, 2, 4, tzinfo=UTC)
    for status in states.get(title, ()):
        event = {
            "name": "PASSED",
            "summary": "Over",
            "status": status,
            "provider": provider,
            "start": start,
            "end": end,
        }
        netbox.make("maintenance", **event)
        made.append(netbox.rows("maintenance")[-1]["id"])
    if title.startswith("PATCH maintenance to"):
        netbox.make("impact", **_impact(netbox, made[0], 3))


def _impact(netbox: Netbox, event: int, circuit: int) -> dict[str, Any]:
    if netbox.dialect.app != "notices":
        return {"circuitmaintenance": event, "circuit": circuit, "impact": "OUTAGE"}
    types = (netbox.store.type_number(label) for label in ("notices.maintenance", "circuits.circuit"))
    event_type, target_type = types
    on = {"event_content_type": event_type, "event_object_id": event}
    return on | {"target_content_type": target_type, "target_object_id": circuit, "impact": "OUTAGE"}


def translated(netbox: Netbox, text: str) -> str:
    """Put the numbers that this server gives its types in place of the recorded ones."""

    def number(found: re.Match[str]) -> str:
        recorded = int(found[2])
        label = TYPES.get(recorded)
        return f"{found[1]}{netbox.store.type_number(label) if label else recorded}"

    return re.sub(r'("(?:event|target)_content_type": )(\d+)', number, text)


def ask(netbox: Netbox, exchange: Exchange) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", netbox.port, timeout=10)) as connection:
        body = translated(netbox, exchange.body).encode() or None
        connection.request(exchange.method, exchange.path, body, exchange.headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def differences(recorded: Any, ours: Any, place: str = "") -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for name in (recorded.keys() | ours.keys()) - VOLATILE:
            if name not in ours or name not in recorded:
                yield f"{place}.{name}: only {'recorded' if name in recorded else 'ours'}"
            else:
                yield from differences(recorded[name], ours[name], f"{place}.{name}")
    elif isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        for number, pair in enumerate(zip(recorded, ours, strict=True)):
            yield from differences(*pair, f"{place}[{number}]")
    elif recorded != ours:
        yield f"{place}: {ours!r}, recorded {recorded!r}"


def compared(netbox: Netbox, exchange: Exchange) -> Iterator[str]:
    status, answer = ask(netbox, exchange)
    if status != exchange.status:
        yield f"{exchange.title}: {status}, recorded {exchange.status}"
    elif exchange.whole and exchange.title not in STATUS_ALONE:
        texts = (re.sub(r"http://127\.0\.0\.1:\d+", "", text) for text in (exchange.answer, answer))
        recorded, ours = (json.loads(text) for text in texts)
        yield from (f"{exchange.title}: {each}" for each in differences(recorded, ours))


@pytest.mark.parametrize("name", SERVERS)
def test_what_a_real_server_answered_is_answered_again(name: str) -> None:
    text = section(name)
    with serving(SERVERS[name], careful=False) as netbox:
        fill(netbox, text)
        found: list[str] = []
        count = 0
        for exchange in exchanges(text):
            catch_up(netbox, exchange.title)
            if exchange.title not in LEFT_OUT and "[cut]" not in exchange.body:
                found += compared(netbox, exchange)
                count += 1
    assert found == []
    assert count > 200


@pytest.mark.parametrize("name", OUTAGES)
def test_what_a_real_server_answered_of_outages_is_answered_again(name: str) -> None:
    with serving(SERVERS[name], careful=False) as netbox:
        fill(netbox, section(name))
        found: list[str] = []
        for exchange in exchanges(outages(name)):
            if exchange.title == "impact of a RESOLVED outage":
                netbox.edit("outage", 1, status="RESOLVED", end="2024-10-29T19:00:00Z")
            found += compared(netbox, exchange)
    assert len(netbox.log) > 20
    assert found == []


# --- the schemas

PLUGIN_MODELS = [
    pytest.param(dialect, model, id=f"{dialect.name} {model.path}")
    for dialect in DIALECTS
    for model in dialect.models
    if dialect.schema and "/" not in model.path
]


def described(dialect: Dialect, model: Model) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the parameters of a list by name, the schema of what is sent to it, and that of an object of it."""
    schema = Contract(dialect, dialect.netbox).schema
    assert schema
    path = f"/api/plugins/{dialect.base_path}/{model.path}/"
    operations, components = schema["paths"][path], schema["components"]["schemas"]
    sent = operations["post"]["requestBody"]["content"]["application/json"]["schema"]["oneOf"][0]
    shown = schema["paths"][f"{path}{{id}}/"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    parameters = {each["name"]: each for each in operations["get"]["parameters"]}
    return parameters, *(components[each["$ref"].rsplit("/", 1)[1]] for each in (sent, shown))


@pytest.mark.parametrize(("dialect", "model"), PLUGIN_MODELS)
def test_a_table_has_the_fields_of_its_schema(dialect: Dialect, model: Model) -> None:
    _, sent, shown = described(dialect, model)
    assert {field.name for field in model.fields} == set(sent["properties"])
    assert {field.name for field in model.fields if field.required} == set(sent["required"])
    # Declared by real servers, and never answered.
    assert set(model.shown) == set(shown["properties"]) - {"impacts", "notifications"}


@pytest.mark.parametrize(("dialect", "model"), PLUGIN_MODELS)
def test_a_field_of_a_table_is_that_of_its_schema(dialect: Dialect, model: Model) -> None:
    _, sent, _ = described(dialect, model)
    for field in model.fields:
        schema = sent["properties"][field.name]
        assert schema.get("nullable", False) is field.null, field.name
        assert schema.get("maxLength") == field.length, field.name
        assert _choices(schema) == _choices_of(field), field.name
        if field.kind in {Kind.TEXT, Kind.ADDRESS, Kind.ZONE}:
            assert ("minLength" in schema) is not field.blank, field.name


def _choices(schema: dict[str, Any]) -> set[str]:
    return set(schema.get("enum", ())) - {"", None}


def _choices_of(field: Field) -> set[str]:
    return set(field.choices)


@pytest.mark.parametrize(("dialect", "model"), PLUGIN_MODELS)
def test_a_list_knows_the_filters_of_its_schema(dialect: Dialect, model: Model) -> None:
    parameters, _, _ = described(dialect, model)
    everywhere = {"limit", "offset", "ordering", "q", "tag", "tag_id"}
    by_request = {"created_by_request", "modified_by_request", "updated_by_request"}
    names = {name.partition("__")[0] for name in parameters}
    # A nested list can be filtered by, in the first plugin, which no client needs.
    unused = {"impact"} if model.field("impact") and model.field("impact").kind is Kind.NESTED else set()
    assert set(model.filters) == names - everywhere - by_request - unused
    for name, found in model.filters.items():
        assert (f"{name}__gte" in parameters) is (found.match is Match.ORDER), name


MAINTENANCE = {
    "name": "W-1",
    "summary": "Splicing",
    "status": "CONFIRMED",
    "provider": 1,
    "start": "2027-02-01T22:00:00Z",
    "end": "2027-02-02T04:00:00Z",
}
AGAINST_THE_SCHEMA: list[tuple[dict[str, Any], str]] = [
    ({"status": "NO"}, "status: none of the schema's choices"),
    ({"name": "n" * 101}, "name: longer than the schema's 100"),
    ({"summary": ""}, "summary: shorter than the schema's 1"),
    ({"acknowledged": "yes"}, "acknowledged: no boolean"),
    ({"provider": "1"}, "provider: no integer"),
    ({"start": "2027-02-01T22:00:00"}, "start: no time with an offset"),
    ({"no_such_field": 1}, "no_such_field: unknown to the schema"),
    ({"comments": None}, "comments: no string"),
]


@pytest.mark.parametrize(("sent", "words"), AGAINST_THE_SCHEMA)
def test_a_schema_is_asked_of_each_body(sent: dict[str, Any], words: str) -> None:
    contract, path = Contract(CM_0_8, "4.5.10"), "/api/plugins/maintenance/circuitmaintenance/"
    model = next(model for model in CM_0_8.models if model.key == "maintenance")
    for method, place, body in (
        ("POST", path, MAINTENANCE | sent),
        ("POST", path, [MAINTENANCE, MAINTENANCE | sent]),
        ("PATCH", f"{path}7/", sent),
        ("PATCH", path, [{"id": 7, **sent}]),
        ("PUT", f"{path}7/", MAINTENANCE | sent),
    ):
        assert any(words in problem for problem in contract.problems(method, place, model, body)), method
    assert contract.problems("PATCH", path, model, [{"id": 7, "summary": "x", "changelog_message": "y"}]) == []
    assert contract.problems("POST", path, model, MAINTENANCE | {"provider": {"slug": "carrier"}}) == []
    missing = contract.problems("POST", path, model, {"name": "W-1"})
    assert any("end: required by the schema" in problem for problem in missing)
