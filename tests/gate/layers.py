"""Run the tests layer after layer, the quick ones first, and print what each took.

All layers run, also after one that failed; the exit status is 1 if any did. Arguments name the layers to run.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

# Property tests look at other examples in each run, but a gate must say the same of the same commit twice.
SEED = ("--hypothesis-seed=0",) if os.environ.get("CI") else ()
PYTEST = (str(BIN / "python"), "-m", "pytest", "-q", *SEED)
# A process for each processor, and two where a test waits for servers and daemons most of its time.
BUSY = f"--numprocesses={os.cpu_count()}"
WAITING = f"--numprocesses={2 * (os.cpu_count() or 1)}"
SHARED_OUT = "--dist=worksteal"
# A test may take a minute beside many of a second: each process takes the next one when it is done.
ONE_BY_ONE = ("--dist=load", "--maxschedchunk=1")
# Tests of one file read the same mails: whoever has read them reads them once.
BY_FILE = "--dist=loadfile"

# Hundreds of programs are started, and each would compile every module again.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

LAYERS = {
    "format": (str(BIN / "ruff"), "format", "--check", "."),
    "lint": (str(BIN / "ruff"), "check", "."),
    "types": (str(BIN / "mypy"),),
    "imports": (str(BIN / "lint-imports"), "--no-logo"),
    "unit": (*PYTEST, BUSY, BY_FILE, "tests/unit"),
    "notices": (*PYTEST, BUSY, SHARED_OUT, "tests/notices"),
    "storage": (*PYTEST, BUSY, SHARED_OUT, "tests/storage", "--ignore=tests/storage/test_schema.py"),
    "migrations": (*PYTEST, BUSY, SHARED_OUT, "tests/storage/test_schema.py"),
    "integration": (*PYTEST, WAITING, *ONE_BY_ONE, "tests/integration", "tests/shared"),
    "end to end": (*PYTEST, WAITING, *ONE_BY_ONE, "tests/end_to_end"),
    "wheel": (str(BIN / "python"), "tests/gate/wheel.py"),
}


def main(names: list[str]) -> int:
    """Run the named layers, all where none is named; return the exit status."""
    unknown = [name for name in names if name not in LAYERS]
    if unknown:
        print(f"no layer {', '.join(unknown)}: there are {', '.join(LAYERS)}", file=sys.stderr)
        return 2
    if forgotten():
        print(f"these tests are in no layer of {__file__}: {', '.join(forgotten())}", file=sys.stderr)
        return 2
    results = [run(name) for name in names or LAYERS]
    print("\nlayer          seconds")
    for name, seconds, passed in results:
        print(f"{name:<14} {seconds:7.1f}{'' if passed else '  FAILED'}")
    print(f"{'all':<14} {sum(seconds for _, seconds, _ in results):7.1f}")
    return 0 if all(passed for _, _, passed in results) else 1


def forgotten() -> list[str]:
    """Return the folders of tests that no layer runs."""
    folders = {"/".join(path.relative_to(ROOT).parts[:2]) for path in (ROOT / "tests").glob("*/**/test_*.py")}
    return sorted(folders - {word for command in LAYERS.values() for word in command})


def run(name: str) -> tuple[str, float, bool]:
    """Run one layer, with its output as it comes; return its name, its seconds, and whether it passed."""
    print(f"\n── {name} ──", flush=True)
    begun = time.monotonic()
    done = subprocess.run(LAYERS[name], cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, check=False)
    return name, time.monotonic() - begun, done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
