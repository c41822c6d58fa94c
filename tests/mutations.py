"""Notices damaged at random: what wires, gateways, lists, and careless or hostile people make of them.

Pure but for the chance that is handed in: the same chance gives the same bytes.
"""

import base64
import email
import random
import re
from collections.abc import Callable
from email.errors import MessageError
from email.message import Message

_WORDS = (
    *(b"<td>", b"</td>", b"<tr>", b"</table>", b"<b>", b"GMT", b"UTC", b"EST", b"CANCELLED", b"COMPLETED", b"None"),
    *(b"BEGIN:VEVENT\r\n", b"END:VCALENDAR\r\n", b"DTSTART:", b"0", b"-1", b"%s", b"\\", b"'", b'"', b"--", b"=", b":"),
    b"\r\n\r\n",
)
_LETTERS = (
    *("\u202e", "\u2066", "\u200f", "\ufeff", "\u2028", "\x85", "\x1b[2J", "\0", "\u0130", "\xad", "\xa0", "\u0663"),
    "\U0001f600",
)
_JUNK_HEADERS = {
    "Subject": (
        *("=?x-nope?q?=FF?=", "=?utf-8?b?////?=", "=?utf-8?q?=00=0A=1B?=", "\xe9\xff", ""),
        *("A" * 20_000, "[" * 900 + "]"),
    ),
    "Date": (
        *("Mon, 01 Jan 0001 00:00:00 +0000", "Fri, 31 Dec 99999 00:00:00 +0000", "yesterday", "", "0"),
        *("Mon, 01 Feb 2027 12:00:00 +9999", "Thu, 01 Jan 1970 00:00:00 +0000", "Mon, 01 Feb 2027 12:00:00"),
    ),
    "Received": ("from x; Mon, 01 Feb 1999 12:00:00 +0000", "from x; Mon, 01 Feb 2099 12:00:00 +0000", "x;"),
    "Content-Type": (
        *("text/plain", "text/html", "text/calendar", "message/rfc822", "multipart/mixed", "application/octet-stream"),
        *("text/html; charset=utf-16", "text/html; charset=x-nope", "text/html; charset=utf-7"),
        *('multipart/mixed; boundary=""', "text/html; charset=\0", "application/ms-tnef", "x", ""),
    ),
    "Content-Transfer-Encoding": ("base64", "quoted-printable", "x-uuencode", "8bit", "binary", ""),
    "From": ("", "<>", "a@b, c@d", "mr@zayo.com", '"mr@zayo.com" <x@evil.example>', "(" * 500),
    "Message-ID": ("", "<>", "<" + "x" * 2000 + ">", "no brackets"),
}
_TAG = re.compile(r"<[^<>]{1,300}>")
_NUMBER = re.compile(r"\d+")
_CELL = re.compile(r">([^<>]+)<")
_NUMBERS = ("0", "00", "99", "1" + "0" * 15, "9" * 400, "2099", "1970", "13", "31", "-5", "\u0663")


def mutated(raw: bytes, chance: random.Random) -> bytes:
    """Return a notice with one to four kinds of damage."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        raw = chance.choice(_DAMAGES)(raw, chance)
    return raw


# To the bytes


def _flip(raw: bytes, chance: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(min(len(changed), chance.choice((1, 3, 20)))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _span(raw: bytes, chance: random.Random, most: int) -> tuple[int, int]:
    begin = chance.randrange(len(raw) + 1)
    return begin, min(len(raw), begin + chance.randint(1, most))


def _delete(raw: bytes, chance: random.Random) -> bytes:
    begin, end = _span(raw, chance, chance.choice((1, 10, 500)))
    return raw[:begin] + raw[end:]


def _double(raw: bytes, chance: random.Random) -> bytes:
    begin, end = _span(raw, chance, chance.choice((10, 500, 5000)))
    return raw[:end] + raw[begin:end] * chance.choice((1, 1, 50)) + raw[end:]


def _truncate(raw: bytes, chance: random.Random) -> bytes:
    return raw[: chance.randrange(len(raw) + 1)]


def _shuffle_lines(raw: bytes, chance: random.Random) -> bytes:
    lines = raw.split(b"\n")
    begin = chance.randrange(len(lines))
    some = lines[begin : begin + chance.randint(2, 12)]
    chance.shuffle(some)
    return b"\n".join((*lines[:begin], *some, *lines[begin + len(some) :]))


def _line_ends(raw: bytes, chance: random.Random) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\n", b"\r\r\n", b" \n")))


def _insert_word(raw: bytes, chance: random.Random) -> bytes:
    begin = chance.randrange(len(raw) + 1)
    return raw[:begin] + chance.choice(_WORDS) * chance.choice((1, 1, 1, 300)) + raw[begin:]


def _digits(raw: bytes, chance: random.Random) -> bytes:
    places = [match.start() for match in re.finditer(rb"\d", raw)]
    changed = bytearray(raw)
    for place in chance.sample(places, min(len(places), chance.choice((1, 5, 40)))):
        changed[place] = ord("0") + chance.randrange(10)
    return bytes(changed)


# To the headers


def _drop_header(raw: bytes, chance: random.Random) -> bytes:
    head, blank, body = raw.partition(b"\n\n")
    lines = head.split(b"\n")
    del lines[chance.randrange(len(lines))]
    return b"\n".join(lines) + blank + body


def _junk_header(raw: bytes, chance: random.Random) -> bytes:
    name = chance.choice(sorted(_JUNK_HEADERS))
    line = f"{name}: {chance.choice(_JUNK_HEADERS[name])}\n".encode("utf-8", "surrogateescape")
    head, blank, body = raw.partition(b"\n\n")
    if chance.random() < 0.7:
        head = re.sub(rb"(?im)^%s:.*\n(?:[ \t].*\n)*" % name.encode(), b"", head + b"\n").rstrip(b"\n")
    return line + head + blank + body


# To the texts


def _in_text(change: Callable[[str, random.Random], str]) -> Callable[[bytes, random.Random], bytes]:
    """Return a damage to the decoded text of one part."""

    def damage(raw: bytes, chance: random.Random) -> bytes:
        parsed = email.message_from_bytes(raw)
        parts = [part for part in parsed.walk() if part.get_content_maintype() == "text"]
        if not parts:
            return raw
        part = chance.choice(parts)
        text = _payload(part).decode("utf-8", "replace")
        return _with_text(parsed, part, change(text, chance), chance)

    return damage


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _with_text(parsed: Message, part: Message, text: str, chance: random.Random) -> bytes:
    encoding = chance.choice(("utf-8",) * 8 + ("latin-1", "utf-16", "utf-7", "cp1252"))
    content = text.encode(encoding, "replace")
    del part["Content-Transfer-Encoding"]
    part["Content-Transfer-Encoding"] = "base64"
    part.set_payload(base64.encodebytes(content).decode("ascii"))
    try:
        return parsed.as_bytes()
    except (MessageError, LookupError, ValueError, TypeError, AttributeError, IndexError):
        return b"Content-Type: text/html\n\n" + content


def _remove_tags(text: str, chance: random.Random) -> str:
    share = chance.choice((0.02, 0.2, 0.9))
    return _TAG.sub(lambda tag: "" if chance.random() < share else tag[0], text)


def _double_tags(text: str, chance: random.Random) -> str:
    share = chance.choice((0.05, 0.5))
    return _TAG.sub(lambda tag: tag[0] * 2 if chance.random() < share else tag[0], text)


def _nest(text: str, chance: random.Random) -> str:
    name, count = chance.choice((("div", 500), ("table", 300), ("span", 2000), ("b", 60), ("table", 40)))
    place = chance.randrange(len(text) + 1)
    return text[:place] + f"<{name}>" * count + text[place:]


def _numbers(text: str, chance: random.Random) -> str:
    share = chance.choice((0.02, 0.3))
    return _NUMBER.sub(lambda number: chance.choice(_NUMBERS) if chance.random() < share else number[0], text)


def _strange_letters(text: str, chance: random.Random) -> str:
    for _ in range(chance.choice((1, 5, 30))):
        place = chance.randrange(len(text) + 1)
        text = text[:place] + chance.choice(_LETTERS) + text[place:]
    return text


def _meta(text: str, chance: random.Random) -> str:
    charset = chance.choice(("utf-16", "x", "utf-7"))
    return f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">{text}'


def _empty_cells(text: str, chance: random.Random) -> str:
    share = chance.choice((0.1, 0.8))
    return _CELL.sub(lambda cell: "><" if chance.random() < share else cell[0], text)


def _calendar_lines(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    for _ in range(min(len(lines), chance.randint(1, 4))):
        place = chance.randrange(len(lines))
        name, colon, value = lines[place].partition(":")
        lines[place] = chance.choice(
            (
                "",
                lines[place] * 2,
                name + "\n",
                f"{name};X=Y;TZID=Nowhere/Else{colon}{value}",
                f"{name}{colon}\n",
                f"{name.lower()}{colon}{value.lower()}",
                f"{name}{colon}{value.strip()[:8]}\n",
                f"{name}{colon}{value.strip()}Z\n",
                f"{name}\n {colon}{value}",
            )
        )
    return "".join(lines)


_DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_flip, _delete, _double, _truncate, _shuffle_lines, _line_ends, _insert_word, _digits),
    *(_drop_header, _junk_header),
    *map(
        _in_text, (_remove_tags, _double_tags, _nest, _numbers, _strange_letters, _meta, _empty_cells, _calendar_lines)
    ),
)
