"""Notices for the unit tests of readers of outages: a text under headers, or one of our own mails with other words."""

from email.message import EmailMessage
from pathlib import Path

from domain.events import StatedOutage
from parsers.mime import Notification, decode
from parsers.providers import Provider
from parsers.statements import Reader, Result
from tests.readings import HARBOUR_FIBRE, OUTAGES


def notice(
    text: str, *, subject: str = "Outage", date: str = "Tue, 09 Mar 2027 06:00:00 +0000", subtype: str = "plain"
) -> Notification:
    message = EmailMessage()
    message["From"] = "noc@harbourfibre.example"
    message["Subject"] = subject
    message["Date"] = date
    message.set_content(text, subtype=subtype)
    return decode(message.as_bytes())


def mail(path: str) -> Path:
    return OUTAGES / f"{path}.eml"


def changed(path: str, *replacements: tuple[str, str]) -> Notification:
    text = mail(path).read_text(encoding="utf-8")
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    return decode(text.encode())


def result_of(reader: Reader, notification: Notification, provider: Provider = HARBOUR_FIBRE) -> Result:
    (result,) = reader.read(notification, provider).results
    return result


def outage_of(reader: Reader, notification: Notification, provider: Provider = HARBOUR_FIBRE) -> StatedOutage:
    outage = result_of(reader, notification, provider).outage
    assert outage is not None
    return outage


def circuits_of(result: Result) -> list[str]:
    return [circuit.circuit_id for circuit in result.circuits or ()]
