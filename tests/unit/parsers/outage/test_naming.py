"""Which circuits a notice in nobody's form is about, and what a person is told of those that cannot be read."""

import pytest

from domain.vocabulary import Impact
from parsers.mime import decode
from parsers.outage.general import READER
from parsers.providers import Provider
from parsers.statements import Findings


def findings(body: str, kind: str = "plain") -> Findings:
    head = (
        "From: noc@carrier.example\nSubject: Network outage\nDate: Thu, 04 Mar 2027 14:00:00 +0000\n"
        f"Content-Type: text/{kind}; charset=utf-8\n\n"
    )
    facts = ("Ticket: 4711", "Status: Investigating", "Start: 2027-03-04 10:00 UTC", body)
    text = "\n".join(facts) if kind == "plain" else "<br>".join(facts)
    return READER.read(decode(f"{head}{text}\n".encode()), Provider(name="any"))


def circuits(found: Findings) -> list[tuple[str, Impact | None]]:
    return [(one.circuit_id, one.impact) for result in found.results for one in result.circuits or ()]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("Circuit ID: /ABYX/123456/ /ZZZ /", ["/ABYX/123456/ /ZZZ /"]),
        ("Circuit ID: /ABYX/123456//ZZZ/, /ABYX/123457//ZZZ/", ["/ABYX/123456//ZZZ/", "/ABYX/123457//ZZZ/"]),
        ("Circuit ID: AB-1 10G wave", ["AB-1"]),
        ("Circuit ID: AB-1 <script>alert(1)</script>", ["AB-1"]),
        ("Circuit ID: 1234567 wave from Paris", ["1234567"]),
        ("Circuit ID: 10G", []),
        ("Circuit ID: 12 circuits", []),
        ("Circuit ID: multiple circuits in Lyon", []),
    ],
)
def test_a_circuit_is_read_with_what_describes_it_and_nobody_is_told(body: str, names: list[str]) -> None:
    found = findings(body)
    assert circuits(found) == [(name, None) for name in names]
    assert found.warnings == ()


@pytest.mark.parametrize(
    "words",
    [
        "wave AB-1 to Lyon",
        "2X10G wave to Lyon",
        "STM-16 ring of Paris",
        "10G wave in Lyon",
        "AB-1 is up",
        "ab1 is gone",
    ],
)
def test_a_circuit_that_cannot_be_read_is_told(words: str) -> None:
    found = findings(f"Circuit ID: {words}")
    assert circuits(found) == []
    assert found.warnings == (f'a circuit that cannot be read: "{words}"',)


def test_what_is_said_of_a_circuit_behind_its_id_is_its_impact() -> None:
    found = findings("Circuit ID: AB-1 is down; AB-2 is impaired; AB-3 is up")
    assert circuits(found) == [("AB-1", Impact.OUTAGE), ("AB-2", Impact.DEGRADED)]
    assert found.warnings == ('a circuit that cannot be read: "AB-3 is up"',)


@pytest.mark.parametrize(
    "body",
    [
        "Your circuit ID: CUST-9\nOur circuit ID: AB-1",
        "Your circuit IDs:\n- CUST-8\n- CUST-9\nCircuit ID: AB-1",
        "Circuit ID: AB-1\nYour circuit ID: CUST-9",
    ],
)
def test_a_customers_name_of_a_circuit_does_not_count_beside_the_carriers(body: str) -> None:
    assert circuits(findings(body)) == [("AB-1", None)]


def test_a_customers_name_of_a_circuit_counts_where_it_is_the_only_one() -> None:
    assert circuits(findings("Your circuit ID: CUST-9")) == [("CUST-9", None)]


def test_a_column_of_customers_names_does_not_count_beside_the_carriers() -> None:
    table = (
        "<table><tr><th>Your Service ID</th><th>Circuit ID</th><th>Impact</th></tr>"
        "<tr><td>CUST-9</td><td>AB-1</td><td>Down</td></tr><tr><td>CUST-8</td><td>AB-2</td><td>Down</td></tr></table>"
    )
    assert circuits(findings(table, kind="html")) == [("AB-1", Impact.OUTAGE), ("AB-2", Impact.OUTAGE)]


def test_circuits_beyond_the_most_are_told() -> None:
    assert findings("\n".join(f"Circuit ID: AB-{number}" for number in range(500))).warnings == ()
    found = findings("\n".join(f"Circuit ID: AB-{number}" for number in range(501)))
    assert len(circuits(found)) == 500
    assert found.warnings == ("of its circuits the first 500 are kept",)


def test_of_many_doubts_a_few_are_told() -> None:
    found = findings("\n".join(f"Circuit ID: wave AB-{number} to Lyon" for number in range(30)))
    assert 5 < len(found.warnings) < 15
