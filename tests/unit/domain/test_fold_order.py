"""The total order holds between processes too: nothing in it comes from the order of a set."""

import os
import subprocess
import sys
from pathlib import Path


def test_two_notices_of_one_mail_have_one_order_in_every_process() -> None:
    story = """
import sys
sys.path[:0] = sys.argv[1:]
from conftest import build, night
from dataclasses import replace
from domain.fold import fold
from domain.vocabulary import MaintenanceStatus
one = build("CONFIRMED", windows=[night()], listed=["C-1"])
rest = [replace(one, status=MaintenanceStatus(s)) for s in ("TENTATIVE", "CANCELLED", "RE-SCHEDULED", "COMPLETED")]
print([str(entry.move) for event in fold([one, *rest]) for entry in event.history])
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", story, str(Path(__file__).parents[3]), str(Path(__file__).parent)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(4)
    }

    assert len(told) == 1
