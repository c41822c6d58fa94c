"""Which reader reads a form: one of ours, else that of the parser library."""

from collections.abc import Callable
from dataclasses import dataclass

from parsers import maintenance
from parsers.mime import Notification
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What turns a notification in one form into findings; ``label`` and ``version`` stand in every update.

    ``read`` raises ``NotUnderstood``. A new version says that stored mails are worth another reading.
    """

    form: str
    label: str
    version: str
    read: Callable[[Notification, Provider], Findings]


# Ours: one form a file, and a line here.
OWN_READERS: tuple[Reader, ...] = ()

_OWN = {reader.form: reader for reader in OWN_READERS}


def reader_of(form: str) -> Reader:
    """Return the reader of a form. Raises ``NotUnderstood`` where nobody reads it."""
    if form in _OWN:
        return _OWN[form]
    if form not in maintenance.READERS:
        raise NotUnderstood(f"nobody reads the form {form}")
    return Reader(
        form=form,
        label=maintenance.READER_PREFIX + form,
        version=maintenance.READER_VERSION,
        read=lambda notification, provider: maintenance.read(notification, form, provider),
    )
