"""Where the program begins: ``maintd``, and ``python -m ingestor``."""

import errno
import io
import os
import sys

STOPPED_BY_KEYBOARD = 130
READER_WENT_AWAY = 1
OUTPUT_FAILED = 1


def main() -> None:
    """Run the command line and exit with its status: quietly when stopped by Ctrl-C, or when a pipe's reader ends."""
    # Closed by who started us: Python then has no stream at all, and every print would fail.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    # A mail may hold what the terminal's character set does not.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        # A worker process imports the main module again. So that costs it nothing; with this import at the top it
        # would cost 1.0 seconds of CPU and 59 MiB (measured with Python 3.11, while the machine was busy).
        from ingestor.cli import main as command_line  # noqa: PLC0415

        status = command_line()
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = STOPPED_BY_KEYBOARD
    except BrokenPipeError:
        _drop_output()
        status = READER_WENT_AWAY
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        _drop_output()
        sys.stderr.write("maintd: standard output cannot be written: the disk is full: make room, then try again\n")
        status = OUTPUT_FAILED
    sys.exit(status)


def _drop_output() -> None:
    """Let what is still in the buffer not fail once more when Python flushes it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
