"""Whose circuits the rows of a table are: the library gives all of them to the account of one row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from domain.events import circuit_key_of
from parsers.statements import Result


def owners(rows: Sequence[Sequence[str]], *, account: str, circuit: str | int) -> dict[str, str]:
    """Return the account of each circuit: by the heading of its column, and by that of the circuit or its place."""
    named: dict[str, str] = {}
    header: Sequence[str] = ()
    for row in rows:
        if account in row:
            header = row
        elif header and len(row) == len(header):
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
