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
    _open_what_is_closed()
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


def _open_what_is_closed() -> None:
    """Let nothing be written where who started us has closed a stream: Python has none then, and every print fails.

    Under the stream's own number, and for our processes as well: else the next file that is opened would have it.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_WRONLY)
            if descriptor == number:
                os.set_inheritable(number, True)
            else:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115


def _drop_output() -> None:
    """Let what is still in the buffer not fail once more when Python flushes it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
