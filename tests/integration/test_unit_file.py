"""The unit for systemd, as systemd itself sees it: no complaint, and little that a stolen daemon could do."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SHIPPED = Path(__file__).parents[2] / "packaging" / "systemd"
UNIT = SHIPPED / "maintd.service"
MOST_EXPOSED = 1.5


@pytest.fixture(scope="module")
def analyze() -> str:
    """The program systemd-analyze; skips where there is none, which in CI is a failure."""
    found = shutil.which("systemd-analyze")
    if found is None:
        absent = "systemd is not installed: there is no systemd-analyze on the path"
        if os.environ.get("CI") == "true":
            pytest.fail(absent)
        pytest.skip(absent)
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine on which the program is installed where the unit expects it."""
    program = tmp_path / "opt" / "maintd" / "bin" / "maintd"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = tmp_path / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    shutil.copy(UNIT, units)
    for folder in ("/usr/lib/systemd/system", "/lib/systemd/system"):
        if Path(folder).is_dir():
            there = tmp_path / "usr" / "lib" / "systemd" / "system"
            there.mkdir(parents=True)
            for target in Path(folder).glob("*.target"):
                shutil.copy(target, there, follow_symlinks=True)
            break
    return tmp_path


def asked(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0", "SYSTEMD_EMOJI": "0", "LC_ALL": "C"}
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, env=environment)


def setting(name: str) -> list[str]:
    """Return the values of a setting of the unit, in their order."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_systemd_has_nothing_to_say_against_the_unit(analyze, root):
    done = asked(analyze, f"--root={root}", "verify", root / "etc/systemd/system/maintd.service")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_wrong_in_a_unit_would_be_seen(analyze, root):
    unit = root / "etc/systemd/system/maintd.service"
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHomes=yes"))

    assert "ProtectHomes" in asked(analyze, f"--root={root}", "verify", unit).stderr
    (root / "opt/maintd/bin/maintd").unlink()
    assert asked(analyze, f"--root={root}", "verify", unit).returncode != 0


def test_the_daemon_is_exposed_as_little_as_a_network_program_can_be(analyze):
    done = asked(analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", UNIT)

    (figure,) = re.findall(r"Overall exposure level for maintd\.service: ([\d.]+)", done.stdout)
    assert float(figure) <= MOST_EXPOSED
    assert done.returncode == 0, done.stdout


def test_the_unit_and_the_daemon_agree():
    assert setting("Type") == ["notify"]
    assert setting("ExecStart") == ["/opt/maintd/bin/maintd run --config /etc/maintd/config.toml"]
    # A configuration that is wrong is not tried again and again.
    assert setting("RestartPreventExitStatus") == ["2"]
    assert setting("WatchdogSec") == ["5min"]
    # Workers lower their limits, with a filter that begins with what services need.
    assert setting("SystemCallFilter") == ["@system-service", "~@privileged @resources", "setrlimit prlimit64"]


def test_the_user_of_the_unit_is_the_one_that_is_made():
    kind, name, *_ = (SHIPPED / "maintd.sysusers").read_text().splitlines()[-1].split()

    assert (kind, [name], [name]) == ("u", setting("User"), setting("Group"))
