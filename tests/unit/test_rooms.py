"""What import-linter cannot hold of the rooms: what ``domain`` may import, and who may look at the world."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Who may ask for the time, the environment and files, beside ingestor: the workers, for their own processes, what keeps
# the environment of a worker from the library, and the database, which is a file.
MAY_LOOK = {"parsers/workers.py", "parsers/maintenance.py", "storage/database.py"}
LOOKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "sleep"),
    ("os", "environ"),
    ("os", "getenv"),
    ("Path", "cwd"),
    ("Path", "home"),
}


def sources(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        yield from read(room)


@cache
def read(room: str) -> list[tuple[str, ast.Module]]:
    paths = sorted((ROOT / room).rglob("*.py"))
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def test_the_domain_imports_the_standard_library_and_nothing_that_reaches_out():
    reaching_out = {"io", "logging", "os", "pathlib", "socket", "sqlite3", "subprocess", "threading", "time"}
    allowed = (sys.stdlib_module_names | {"domain"}) - reaching_out

    assert {place: imported(tree) - allowed for place, tree in sources("domain") if imported(tree) - allowed} == {}


@pytest.mark.parametrize("room", ["domain", "parsers", "storage", "sync", "web"])
def test_only_the_program_itself_asks_for_the_time_and_the_environment(room):
    found = {
        (place, f"{node.value.id}.{node.attr}")
        for place, tree in sources(room)
        if place not in MAY_LOOK
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if (node.value.id, node.attr) in LOOKS
    }

    assert found == set()


def test_imports_inside_a_function_are_these_and_no_others():
    found = {
        (place, name)
        for place, tree in sources("domain", "parsers", "storage", "sync", "ingestor")
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in imported(node)
    }

    assert found == {
        ("ingestor/config.py", "parsers"),
        ("ingestor/daemon.py", "ingestor"),
        ("ingestor/entry.py", "ingestor"),
        ("ingestor/oauth.py", "jwt"),
        ("ingestor/oauth.py", "msal"),
        ("ingestor/reading_reports.py", "parsers"),
        ("parsers/authenticity.py", "parsers"),
        ("parsers/workers.py", "parsers"),
        ("storage/database.py", "alembic"),
    }
