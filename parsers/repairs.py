"""What happened to the texts of a notice on its way, undone: banners, a second encoding, hard spaces.

Nobody can be sure that something happened, so that each notice is read in several versions.
"""

import binascii
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from parsers.mime import Notification, Text, to_text

_MOST_CHARACTERS = 1_000_000
_SEARCHED_CHARACTERS = 20_000
_BANNER_CHARACTERS = 900
_ELEMENT_CHARACTERS = 6000

_ENCODED = re.compile(r"=3D[\"']")
_EQUALS = re.compile(r"=3D|(?<=[^\n]{40})(?<!==)=\r?\n")
_BARE_EQUALS = re.compile(r"=(?!\r?\n|[0-9A-F]{2}|\Z)")
_BROKEN_LINES = re.compile(r"=\r?\n[^\n]*[^>=\n]=\r?\n")
_LONG_LINE_BREAK = re.compile(r"(?<=[^\n]{40})(?<!==)=\r?\n")
_ELEMENT = re.compile(r"<(/?)(table|div)\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_SPACES = re.compile(r"&nbsp;|&#160;|&#xa0;|[\xa0\u202f\u2007]", re.IGNORECASE)
# What mail servers write on top of mail from outside, in English, German, French, Spanish, Italian, Portuguese, Dutch.
_BANNER_WORDS = re.compile(
    r"\boutside (?:of )?(?:the|your|our|this|my) (?:\w{1,20} )?(?:organi[sz]ation|company|network)"
    r"|\bexternal (?:e-?mail|sender|mail|source|message)\b"
    r"|\b(?:caution|warning|achtung|vorsicht|attention|precaución|atención|attenzione|cuidado|let op)\b"
    r"[^\n]{0,120}\b(?:extern|extér|außerhalb|fuera\b|fora\b|buiten\b|esterno)"
    r"|\bexterne[nrms]? (?:absender|e-?mail|quelle|nachricht|afzender|bron)\b|\bvon außerhalb\b"
    r"|\b(?:expéditeur|e-?mail|courriel|message) externe\b|\bl['’]extérieur de (?:l['’]|votre |notre )"
    r"|\bfuera de (?:la|su|nuestra) (?:organización|empresa)\b|\bremitente externo\b"
    r"|\bmittente esterno\b|\bremetente externo\b|\bfora da (?:organização|empresa)\b",
    re.IGNORECASE,
)


def versions(notification: Notification) -> Iterator[Notification]:
    """Yield the notification as it was probably written, as it came, and with all undone that may have happened."""
    written = decoded(notification)
    # A carrier's notice is shorter by far; what is longer is read twice at most.
    short = sum(len(text.text) for text in notification.texts) <= _MOST_CHARACTERS
    clean = _changed(written, _clean) if short else written
    if written is not notification:
        yield written
    yield notification
    if clean is not written:
        yield clean


def decoded(notification: Notification) -> Notification:
    """Return the notification with its texts decoded that are still in quoted-printable."""
    return _changed(notification, _decoded)


def _changed(notification: Notification, change: Callable[[Text], str]) -> Notification:
    texts = tuple(Text(type=text.type, text=change(text)) for text in notification.texts)
    return notification if texts == notification.texts else replace(notification, texts=texts)


def _decoded(text: Text) -> str:
    return decoded_again(text.text) or text.text


def decoded_again(text: str) -> str | None:
    """Return a text that is still in quoted-printable decoded; None for what is not."""
    if "=" not in text:
        return None
    if "=3D" not in text and _BARE_EQUALS.search(text):
        # Nothing is encoded: only the lines were broken.
        return _LONG_LINE_BREAK.sub("", text) if _LONG_LINE_BREAK.search(text) else None
    if _ENCODED.search(text) or _BROKEN_LINES.search(text) or (_EQUALS.search(text) and not _BARE_EQUALS.search(text)):
        return to_text(binascii.a2b_qp(text.encode()), "utf-8")
    return None


def _clean(text: Text) -> str:
    if text.type == "text/calendar":
        return text.text
    bare = _without_html_banner(text.text) if text.type == "text/html" else _without_plain_banner(text.text)
    return _SPACES.sub(" ", bare)


def _without_plain_banner(text: str) -> str:
    """Return a text without the first paragraph with the words of a banner."""
    position = 0
    for paragraph in re.split(r"(\r?\n[ \t]*\r?\n)", text[:_SEARCHED_CHARACTERS]):
        if _is_banner(paragraph):
            return text[:position] + text[position + len(paragraph) :]
        position += len(paragraph)
    return text


def _without_html_banner(text: str) -> str:
    """Return an html text without the first table or division with the words of a banner, and those only around it."""
    opened: list[tuple[str, int]] = []
    found: tuple[int, int, str] | None = None
    for tag in _ELEMENT.finditer(text, 0, _SEARCHED_CHARACTERS):
        name = tag[2].lower()
        if not tag[1]:
            opened.append((name, tag.start()))
            continue
        # What was opened in it and never closed is closed with it.
        while opened and opened[-1][0] != name:
            opened.pop()
        if not opened:
            continue
        start, end = opened.pop()[1], text.find(">", tag.end()) + 1 or len(text)
        words = _words(text[start:end]) if end - start <= _ELEMENT_CHARACTERS else ""
        if found and start < found[0] and words != found[2]:
            break
        if (found and start < found[0]) or (not found and _is_banner(words)):
            found = (start, end, words)
    return text[: found[0]] + text[found[1] :] if found else text


def _words(element: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", element)).split())


def _is_banner(words: str) -> bool:
    return 0 < len(words) <= _BANNER_CHARACTERS and bool(_BANNER_WORDS.search(words))
