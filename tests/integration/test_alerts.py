"""The rules for Prometheus, judged by Prometheus itself."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

RULES = Path(__file__).parents[2] / "packaging" / "prometheus" / "maintd.rules.yml"


@pytest.fixture(scope="module")
def promtool() -> str:
    """The program that judges rules; skips where it is missing, which in CI is a failure."""
    found = shutil.which("promtool")
    if found is None:
        absent = "promtool is not installed: there is none on the path"
        if os.environ.get("CI") == "true":
            pytest.fail(absent)
        pytest.skip(absent)
    return found


@pytest.mark.parametrize("words", [("check", "rules", RULES.name), ("test", "rules", "maintd.rules.test.yml")])
def test_prometheus_takes_the_rules_and_each_alert_fires_when_it_is_to(promtool, words):
    done = subprocess.run([promtool, *words], cwd=RULES.parent, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
