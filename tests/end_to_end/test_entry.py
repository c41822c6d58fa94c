"""How the program begins and ends."""

import subprocess
import sys

import pytest

from ingestor import cli, entry


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_worker_that_imports_the_main_module_again_loads_nothing():
    rooms = (
        "{name.partition('.')[0] for name in sys.modules} & {'click', 'rich', 'pydantic', 'sqlalchemy', 'imapclient'}"
    )

    assert python(f"import sys, ingestor.entry; print({rooms})") == "set()\n"


def test_the_daemon_never_loads_the_parser_library():
    heavy = "{'circuit_maintenance_parser', 'numpy', 'pandas', 'alembic'} & set(sys.modules)"

    assert python(f"import sys, ingestor.cli; print({heavy})") == "set()\n"


@pytest.mark.parametrize("status", [0, 1, 2])
def test_the_status_of_the_command_is_that_of_the_program(status, monkeypatch):
    monkeypatch.setattr(cli, "main", lambda: status)

    with pytest.raises(SystemExit) as ended:
        entry.main()

    assert ended.value.code == status


def test_ctrl_c_ends_it_quietly(monkeypatch, capsys):
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)

    with pytest.raises(SystemExit) as ended:
        entry.main()

    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_goes_away_ends_it_quietly():
    code = "import sys\nfrom ingestor import cli, entry\ncli.main = lambda: print('x') or 0\nentry.main()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()

    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait() == 1
    process.stderr.close()


def test_python_dash_m_is_the_same_program():
    done = subprocess.run([sys.executable, "-m", "ingestor", "--help"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Watch mailboxes" in done.stdout
