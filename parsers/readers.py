"""Which reader reads a form: one of ours, else that of the parser library; and which of them understand a notice."""

from dataclasses import replace

from parsers import maintenance
from parsers.forms import BCOP
from parsers.mime import Notification
from parsers.outage import readers as outage
from parsers.own import bcop, cogent, equinix, hawaiki, kpn, summitig, telxius, turkcell
from parsers.providers import Provider
from parsers.statements import Findings, NotUnderstood, Reader

# Ours: one form a file, and a line here.
OWN_READERS: tuple[Reader, ...] = (
    bcop.READER,
    cogent.READER,
    equinix.READER,
    hawaiki.READER,
    kpn.READER,
    summitig.READER,
    telxius.READER,
    turkcell.READER,
)

_OWN = {reader.form: reader for reader in OWN_READERS}
_OUTAGE = {reader.form: reader for reader in outage.READERS}
_TAGS_TRIED = 4000


def reader_of(form: str) -> Reader:
    """Return the reader of a form. Raises ``NotUnderstood`` where nobody reads it."""
    if own := _OWN.get(form) or _OUTAGE.get(form):
        return own
    if form not in maintenance.READERS:
        raise NotUnderstood(f"nobody reads the form {form}")
    return Reader(
        form=form,
        label=maintenance.READER_PREFIX + form,
        version=maintenance.READER_VERSION,
        read=lambda notification, provider: _by_library(notification, form, provider),
    )


def readers_of(notification: Notification) -> list[str]:
    """Return the forms, calendars apart, whose readers understand a notification, whoever wrote it: ours first.

    None for a large one: 2,000 rows of a table cost all the readers together 2.5 s.
    """
    if sum(text.text.count("<") for text in notification.texts) > _TAGS_TRIED:
        return []
    ours = [reader.form for reader in OWN_READERS if reader.form != BCOP and _understands(reader, notification)]
    return [*ours, *maintenance.readers_of(notification, without=_OWN.keys())]


def _understands(reader: Reader, notification: Notification) -> bool:
    try:
        return bool(reader.read(notification, Provider(name="")).results)
    except NotUnderstood:
        return False


def _by_library(notification: Notification, form: str, provider: Provider) -> Findings:
    """Return what the library finds beside the calendars of maintenances, which are read by us alone."""
    texts = tuple(map(bcop.without_calendar, notification.texts))
    return maintenance.read(replace(notification, texts=texts), form, provider)
