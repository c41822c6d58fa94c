"""The benchmark of pushing runs, and what it counts is what the outbox costs NetBox."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def requests_counted(*arguments: str) -> list[int]:
    """Run the benchmark; return the requests of each row of its table: ours are all but the first."""
    command = [sys.executable, "-m", "benchmarks.push", "--delay-ms", "0", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|") for line in done.stdout.splitlines()[3:]]
    return [int(row[2]) for row in rows]


@pytest.mark.parametrize("dialect", ["0.8", "notices"])
def test_the_same_is_held_after_less_than_a_twentieth_of_the_requests(dialect: str) -> None:
    straightforward, new, reminders, unchanged = requests_counted("--count", "10", "--dialect", dialect)
    assert straightforward == 10 * 14
    assert new < straightforward / 20
    assert (reminders, unchanged) == (10, 0)
