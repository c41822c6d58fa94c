"""Build the wheel, install it into a fresh environment from the lock, and use it there as a new user would.

What works in the checkout may still be missing in the wheel: migrations, the sample notices, a dependency of the tests
that the program came to need.
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAIL = ROOT / "tests" / "mail" / "zayo" / "three_nights.eml"
ROOMS = ("domain", "parsers", "storage", "sync", "web", "ingestor")


def main() -> None:
    """Raise when any step fails."""
    with tempfile.TemporaryDirectory(prefix="maintd-wheel-") as name:
        directory = Path(name)
        wheel = build(directory)
        compare_with_checkout(wheel)
        use(install(directory, wheel), directory)
    print(f"{wheel.name}: 1 passed, 0 failed")


def build(directory: Path) -> Path:
    """Return the wheel."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, ROOT, cwd=directory)
    [wheel] = directory.glob("*.whl")
    return wheel


def compare_with_checkout(wheel: Path) -> None:
    """Raise unless the wheel holds every file of the program that git knows, and no other package."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    known = set(run("git", "ls-files", "--", *ROOMS, cwd=ROOT).splitlines())
    if held != known:
        raise SystemExit(f"wheel: missing {sorted(known - held)}, not known to git {sorted(held - known)}")


def install(directory: Path, wheel: Path) -> Path:
    """Return the program, installed with nothing but what the lock names."""
    environment = directory / "environment"
    run(sys.executable, "-m", "venv", environment, cwd=directory)
    pip = (environment / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "install", "--no-compile", "--requirement", ROOT / "requirements.lock", cwd=directory)
    run(*pip, "install", "--no-deps", wheel, cwd=directory)
    run(*pip, "check", cwd=directory)
    return environment / "bin" / "maintd"


def use(maintd: Path, directory: Path) -> None:
    """Raise unless the first ten minutes of a new user go well."""
    (directory / "config.toml").write_text(f'[database]\nurl = "sqlite:///{directory}/var/maintd.db"\n')
    for command in ("--version", "config check", "db upgrade", "db check", f"import {MAIL}", "demo --once"):
        run(maintd, *command.split(), cwd=directory)
    [event] = json.loads(run(maintd, "events", "--json", cwd=directory))
    if (event["id"], len(event["windows"])) != ("TTN-0008811204", 3):
        raise SystemExit(f"wheel: the event of {MAIL.name} is {event}")


def run(*command: str | Path, cwd: Path) -> str:
    """Return what a command prints. Raise SystemExit with all of it if the command fails."""
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
