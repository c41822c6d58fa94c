"""Secrets of the configuration: one syntax, looked up only when used, and never shown.

A secret is a reference (`{ file = … }`, `{ env = … }`, `{ command = […] }`, `{ credential = … }`) or the text itself.
A reference is not a secret and may be shown; what it leads to never stands in a repr, a message or an error.
"""

import json
import os
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import ConfigurationError
from ingestor.mistakes import Mistake, unknown_key

COMMAND_SECONDS = 10
SOURCES = ("file", "env", "command", "credential")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSecret:
    """A secret that is the content of a file which only its owner may read."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSecret:
    """A secret that is the value of an environment variable."""

    variable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSecret:
    """A secret that a program prints. Its arguments are kept out of sight, since some people write secrets there."""

    program: str
    arguments: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSecret:
    """A secret that systemd hands over, by the name given in LoadCredential=."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainSecret:
    """A secret that stands in the configuration itself."""

    value: str = field(repr=False)


Secret = FileSecret | EnvironmentSecret | CommandSecret | CredentialSecret | PlainSecret


def secret_of(value: object) -> Secret:
    """Return the secret that a value of the configuration names. No error repeats the value."""
    if isinstance(value, str) and value:
        return PlainSecret(value=value)
    if not isinstance(value, dict):
        raise Mistake(
            'expected a secret, as in { file = "…" }, { env = "…" }, { command = ["…"] }, { credential = "…" }'
        )
    for key in value:
        if key not in SOURCES:
            raise Mistake(unknown_key(key, SOURCES))
    if len(value) != 1:
        raise Mistake(f"got {len(value)} sources, expected one of {', '.join(SOURCES)}")
    [(kind, argument)] = value.items()
    return _command_secret(argument) if kind == "command" else _named_secret(kind, argument)


def resolve(
    secret: Secret, *, where: str, environment: Mapping[str, str] = os.environ, several_lines: bool = False
) -> str:
    """Return the text of a secret, without a newline at its end; as it stands where it may have ``several_lines``.

    ``where`` begins the message of an error, as in ``config.toml: mailbox "noc": password``. A secret is looked up
    again at each call, so that a changed one is used without a restart. Raises ConfigurationError, which never
    holds the secret, when it cannot be had, is empty, or has several lines.
    """
    match secret:
        case PlainSecret(value=value):
            text = value
        case EnvironmentSecret(variable=variable):
            text = _from_environment(variable, where, environment)
        case FileSecret(path=path):
            _refuse_open_file(path, where)
            text = _from_file(path, where)
        case CredentialSecret(name=name):
            text = _from_credential(name, where, environment)
        case CommandSecret(program=program, arguments=arguments):
            text = _from_command(program, arguments, where)
    return text if several_lines and text.strip() else _one_line(text, where)


def hidden(secret: Secret) -> str:
    """Return a secret as it may be shown: a reference in TOML, stars instead of a plain text or of arguments."""
    match secret:
        case PlainSecret():
            return '"********"'
        case FileSecret(path=path):
            return f"{{ file = {_quoted(str(path))} }}"
        case EnvironmentSecret(variable=variable):
            return f"{{ env = {_quoted(variable)} }}"
        case CredentialSecret(name=name):
            return f"{{ credential = {_quoted(name)} }}"
        case CommandSecret(program=program, arguments=arguments):
            rest = ', "..."' if arguments else ""
            return f"{{ command = [{_quoted(program)}{rest}] }}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _named_secret(kind: str, argument: object) -> Secret:
    if not isinstance(argument, str) or not argument:
        raise Mistake(f"{kind}: expected text in quotation marks")
    if kind == "file":
        return FileSecret(path=Path(argument))
    if kind == "env":
        return EnvironmentSecret(variable=argument)
    if "/" in argument or argument in (".", ".."):
        raise Mistake("credential: expected the name of a credential, not a path")
    return CredentialSecret(name=argument)


def _command_secret(argument: object) -> CommandSecret:
    texts = argument if isinstance(argument, list) else []
    if not texts or not texts[0] or not all(isinstance(text, str) for text in texts):
        raise Mistake('command: expected a list of the program and its arguments, as in ["pass", "noc-mailbox"]')
    return CommandSecret(program=texts[0], arguments=tuple(texts[1:]))


def _from_environment(variable: str, where: str, environment: Mapping[str, str]) -> str:
    if variable not in environment:
        raise _failure(where, f"the environment variable {variable} is not set: set it before maintd starts")
    return environment[variable]


def _refuse_open_file(path: Path, where: str) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise _unreadable(path, where, error) from None
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        raise _failure(where, f'the file "{path}" can be read by others than its owner: run chmod 600 {path}')


def _from_file(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise _unreadable(path, where, error) from None
    except UnicodeDecodeError:
        # The error of the decoder holds the bytes of the secret, so it is left behind.
        raise _failure(where, f'the file "{path}" is not text in UTF-8: write the secret into it as text') from None


def _from_credential(name: str, where: str, environment: Mapping[str, str]) -> str:
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise _failure(
            where,
            f'the credential "{name}" is only there under systemd ($CREDENTIALS_DIRECTORY is not set): '
            f"add LoadCredential={name}:FILE to the unit",
        )
    return _from_file(Path(directory, name), where)


def _from_command(program: str, arguments: tuple[str, ...], where: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # the configuration names the program, and there is no shell
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _failure(where, f'the command "{program}" took longer than {COMMAND_SECONDS} seconds') from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "an argument holds a null character"
        raise _failure(where, f'the command "{program}" cannot be run: {reason}') from None
    if done.returncode != 0:
        # What it wrote is not repeated: some programs print secrets where they complain of them.
        raise _failure(where, f'the command "{program}" ended with status {done.returncode}: run it by hand to see why')
    try:
        return done.stdout.decode("utf-8")
    except UnicodeDecodeError:
        raise _failure(where, f'the command "{program}" printed something that is not text in UTF-8') from None


def _one_line(text: str, where: str) -> str:
    line = text.rstrip("\r\n")
    if not line:
        raise _failure(where, "the secret is empty")
    if "\n" in line or "\r" in line or "\0" in line:
        raise _failure(where, "the secret has several lines, expected one")
    return line


def _unreadable(path: Path, where: str, error: OSError) -> ConfigurationError:
    return _failure(where, f'the file "{path}" cannot be read: {error.strerror}')


def _failure(where: str, problem: str) -> ConfigurationError:
    return ConfigurationError([f"{where}: {problem}."])
