"""Whose circuits the rows of a table are: the library gives all of them to the account of one row.

Source: the forms in the test data of circuit-maintenance-parser, where each row has its account;
tests/mail/vodafone/two_customers.eml, tests/mail/windstream/two_customers.eml.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from domain.events import circuit_key_of
from parsers.lines import rows_of
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Result


def vodafone(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results for each customer that a row names."""
    return by_account(results, owners(rows_of(notification), account="Customer", circuit="Services Affected"))


def windstream(results: Sequence[Result], notification: Notification, _: Provider) -> Sequence[Result]:
    """Return the results for each customer that a row names."""
    return by_account(results, owners(rows_of(notification), account="Name", circuit="Circuit ID"))


def owners(rows: Sequence[Sequence[str]], *, account: str, circuit: str | int) -> dict[str, str]:
    """Return the account of each circuit: by the heading of its column, and by that of the circuit or its place."""
    named: dict[str, str] = {}
    header: Sequence[str] = ()
    for row in rows:
        if account in row:
            header = row
        elif header and len(row) == len(header) and (isinstance(circuit, int) or circuit in header):
            place = circuit if isinstance(circuit, int) else header.index(circuit)
            named[circuit_key_of(row[place])] = row[header.index(account)]
    return named


def by_account(results: Sequence[Result], named: Mapping[str, str]) -> list[Result]:
    """Return each result once for each account that its circuits belong to, with those circuits alone."""
    return [part for result in results for part in _parts(result, named)]


def _parts(result: Result, named: Mapping[str, str]) -> list[Result]:
    by_name: dict[str | None, list[int]] = {}
    circuits = result.circuits or ()
    for index, circuit in enumerate(circuits):
        owner = named.get(circuit_key_of(circuit.circuit_id)) or result.account
        by_name.setdefault(owner, []).append(index)
    if not by_name:
        return [result]
    return [
        replace(result, account=owner, circuits=tuple(circuits[index] for index in indices))
        for owner, indices in by_name.items()
    ]
