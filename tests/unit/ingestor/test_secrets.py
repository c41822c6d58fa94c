"""Where secrets come from, and that no error gives one away."""

import sys
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from ingestor import secrets
from ingestor.secrets import (
    CommandSecret,
    CredentialSecret,
    EnvironmentSecret,
    FileSecret,
    PlainSecret,
    Secret,
    hidden,
    resolve,
)

WHERE = 'config.toml: mailbox "noc": password'
PLANTED = "hunter2-planted"


def file_secret(directory: Path, content: bytes, mode: int = 0o600) -> FileSecret:
    path = directory / "password"
    path.write_bytes(content)
    path.chmod(mode)
    return FileSecret(path=path)


def python(code: str) -> CommandSecret:
    return CommandSecret(program=sys.executable, arguments=("-c", code))


def problem_of(secret: Secret, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        resolve(secret, where=WHERE, environment=environment or {})
    error = caught.value
    assert PLANTED not in f"{error!r} {error} {error.__cause__}"
    assert error.__suppress_context__ or error.__context__ is None
    [line] = error.problems
    assert line.startswith(f"{WHERE}: ")
    return line.removeprefix(f"{WHERE}: ")


def test_each_source_gives_the_secret_without_the_newline_at_its_end(tmp_path):
    environment = {"PASSWORD": PLANTED, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    (tmp_path / "noc").write_text(f"{PLANTED}\n")

    for secret in (
        PlainSecret(value=PLANTED),
        EnvironmentSecret(variable="PASSWORD"),
        file_secret(tmp_path, f"{PLANTED}\r\n".encode()),
        CredentialSecret(name="noc"),
        python(f"print('{PLANTED}')"),
    ):
        assert resolve(secret, where=WHERE, environment=environment) == PLANTED


def test_spaces_belong_to_the_secret(tmp_path):
    assert resolve(file_secret(tmp_path, b" two words \n"), where=WHERE) == " two words "


def test_a_secret_is_looked_up_again_each_time(tmp_path):
    secret = file_secret(tmp_path, b"first")
    assert resolve(secret, where=WHERE) == "first"

    file_secret(tmp_path, b"second")

    assert resolve(secret, where=WHERE) == "second"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_can_read_is_refused(tmp_path, mode):
    secret = file_secret(tmp_path, PLANTED.encode(), mode)

    assert problem_of(secret) == (
        f'the file "{secret.path}" can be read by others than its owner: run chmod 600 {secret.path}.'
    )


def test_a_credential_may_be_readable_since_systemd_guards_its_directory(tmp_path):
    file_secret(tmp_path, PLANTED.encode(), 0o444)

    secret = CredentialSecret(name="password")
    assert resolve(secret, where=WHERE, environment={"CREDENTIALS_DIRECTORY": str(tmp_path)}) == PLANTED


def test_what_is_not_there_is_named(tmp_path):
    missing = tmp_path / "missing"

    assert problem_of(FileSecret(path=missing)) == f'the file "{missing}" cannot be read: No such file or directory.'
    assert problem_of(EnvironmentSecret(variable="NOPE")) == (
        "the environment variable NOPE is not set: set it before maintd starts."
    )
    assert problem_of(CredentialSecret(name="noc")) == (
        'the credential "noc" is only there under systemd ($CREDENTIALS_DIRECTORY is not set): '
        "add LoadCredential=noc:FILE to the unit."
    )
    assert problem_of(CredentialSecret(name="noc"), {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == (
        f'the file "{tmp_path}/noc" cannot be read: No such file or directory.'
    )


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (CommandSecret(program="/nowhere"), 'the command "/nowhere" cannot be run: No such file or directory.'),
        (
            CommandSecret(program="echo", arguments=(f"{PLANTED}\0",)),
            'the command "echo" cannot be run: an argument holds a null character.',
        ),
        (
            python(f"import sys; print('{PLANTED}'); print('{PLANTED}', file=sys.stderr); sys.exit(3)"),
            f'the command "{sys.executable}" ended with status 3: run it by hand to see why.',
        ),
        (
            python(f"import sys; sys.stdout.buffer.write(b'{PLANTED}' + bytes([255]))"),
            f'the command "{sys.executable}" printed something that is not text in UTF-8.',
        ),
        (python(f"print('{PLANTED}'); print(2)"), "the secret has several lines, expected one."),
        (python(""), "the secret is empty."),
    ],
)
def test_a_command_that_fails_is_named(command, problem):
    assert problem_of(command) == problem


def test_a_command_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(secrets, "COMMAND_SECONDS", 0.2)

    assert problem_of(python(f"import time; print('{PLANTED}', flush=True); time.sleep(60)")) == (
        f'the command "{sys.executable}" took longer than 0.2 seconds.'
    )


def test_a_file_that_is_not_text_is_named(tmp_path):
    secret = file_secret(tmp_path, PLANTED.encode() + b"\xff")

    assert problem_of(secret) == f'the file "{secret.path}" is not text in UTF-8: write the secret into it as text.'


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        (FileSecret(path=Path('/a "b"')), '{ file = "/a \\"b\\"" }'),
        (EnvironmentSecret(variable="PASSWORD"), '{ env = "PASSWORD" }'),
        (CredentialSecret(name="noc"), '{ credential = "noc" }'),
        (CommandSecret(program="pass", arguments=(PLANTED,)), '{ command = ["pass", "..."] }'),
        (CommandSecret(program="ask"), '{ command = ["ask"] }'),
        (PlainSecret(value=PLANTED), '"********"'),
    ],
)
def test_a_secret_is_shown_as_where_it_is_and_never_as_what_it_is(secret, text):
    assert hidden(secret) == text
    assert PLANTED not in f"{secret!r} {secret}"
