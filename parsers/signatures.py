"""What the signatures of a mail prove, by the keys of those who signed: DKIM, and ARC of sealers that are trusted.

dkimpy does the sums. Asked for is more than a good sum, for what is read must be what was signed: every From, Subject
and Date, and the whole body. Whether a signature had expired is judged by when the mail came, so that a later reading
finds the same; so are its keys, which the caller gives. Source: RFC 6376, RFC 8301, RFC 8463, RFC 8617.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dkim import ARC, DKIM, DKIMException, validate_signature_fields
from dkim.crypto import UnparsableKeyError, parse_public_key
from dkim.util import InvalidTagValueList, parse_tag_value

from parsers.keys import NotProven, Signed, Unanswered

MOST_SIGNATURES = 5
MOST_SETS = 50
LONGEST_SIGNATURE = 8192
# Those of 4096 bits have 750.
LONGEST_KEY = 2000
LEAST_KEY_BITS = 1024
CLOCKS_APART = timedelta(hours=1)

_ALGORITHMS = frozenset({b"rsa-sha256", b"ed25519-sha256"})
_SIGNATURE_TAGS = [b"v", b"a", b"b", b"bh", b"d", b"h", b"s"]
_SEAL_TAGS = [b"i", b"a", b"b", b"cv", b"d", b"s"]
_SEALED_TAGS = [b"i", b"a", b"b", b"bh", b"d", b"h", b"s"]
_ARC_FIELDS = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")

# What an event is made of; of the others that steer how a mail is read some signers leave out one or two.
_SIGNED_FIELDS = (b"from", b"subject", b"date")
_SINGLE_FIELDS = (b"message-id", b"mime-version", b"content-type", b"content-transfer-encoding")

_FIELD = re.compile(rb"([!-9;-~]{1,200}):")
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,126}")
_MUCH_WHITE_SPACE = re.compile(rb"\s{100}")
_WHITE_SPACE = re.compile(rb"[\t ]+")
_INSTANCE = re.compile(rb"\s{0,50}i\s{0,50}=\s{0,50}([1-9][0-9]?)\s{0,50};")
_NUMBER = re.compile(rb"[0-9]{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signers:
    """The domains whose signatures of a mail are good; ``words`` say for a person what was found."""

    domains: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """What a sealer found when it received a mail: the text of its results, None where nothing vouches for them."""

    results: str | None = None
    words: str = ""


def signers(mail: Signed, domain: str, aligned: Callable[[str], bool]) -> Signers:
    """Return which of the signatures that could speak for a domain are good. ``aligned``: whether a signer could."""
    asked = ("dkim", domain)
    if asked not in mail.found:
        mail.found[asked] = _signers(mail, domain, aligned)
    return mail.found[asked]  # type: ignore[no-any-return]


def sealing(mail: Signed, sealers: Collection[str]) -> Sealing:
    """Return what the newest sealer of a mail found, if it is one of those trusted and its whole chain is good."""
    asked = ("arc", *sorted(sealers))
    if asked not in mail.found:
        try:
            results, sealer = _sealing(mail, sealers)
            mail.found[asked] = Sealing(results=results, words=f"sealed by {sealer}")
        except NotProven as problem:
            mail.found[asked] = Sealing(words=str(problem))
    return mail.found[asked]  # type: ignore[no-any-return]


# DKIM


def _signers(mail: Signed, domain: str, aligned: Callable[[str], bool]) -> Signers:
    try:
        message = _message(mail.raw)
        candidates = [one for one in _signatures(message) if aligned(one.domain)]
    except NotProven as problem:
        return Signers(words=str(problem))
    if not candidates:
        return Signers(words=f"no DKIM signature of {domain}")
    good, problems = [], []
    for signature in candidates[:MOST_SIGNATURES]:
        try:
            _verify(signature, message, mail)
            good.append(signature.domain)
        except NotProven as problem:
            problems.append(f"the DKIM signature of {signature.domain} {problem}")
    words = [f"a good DKIM signature of {one}" for one in good] or list(dict.fromkeys(problems))
    return Signers(domains=tuple(good), words=", ".join(words))


@dataclass(frozen=True, slots=True)
class _Message:
    """The header fields of a message as they are written, and its body; every line ends in CRLF."""

    fields: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Signature:
    """One signature: its header field, its tags, and the domain that made it."""

    name: bytes
    value: bytes
    tags: dict[bytes, bytes]
    domain: str


def _message(raw: bytes) -> _Message:
    """Return a message in the parts that are signed. Raises ``NotProven`` where its headers can be read in two ways."""
    fields: list[tuple[bytes, list[bytes]]] = []
    position = 0
    while position < len(raw):
        newline = raw.find(b"\n", position)
        following = len(raw) if newline < 0 else newline + 1
        line = raw[position:following].removesuffix(b"\n").removesuffix(b"\r")
        position = following
        if not line:
            break
        _add_line(line, fields)
    body = raw[position:].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return _Message([(name, b"".join(lines)) for name, lines in fields], body)


def _add_line(line: bytes, fields: list[tuple[bytes, list[bytes]]]) -> None:
    """Add a line of the headers to the field that it continues, or as the one that it begins."""
    found = _FIELD.match(line)
    if b"\r" not in line and line[:1] in (b" ", b"\t") and fields:
        fields[-1][1].append(line + b"\r\n")
    elif b"\r" not in line and found:
        fields.append((found[1], [line[found.end() :] + b"\r\n"]))
    else:
        raise NotProven("its headers are not written so that a signature could speak for them")


def _signatures(message: _Message) -> Iterator[_Signature]:
    """Yield the DKIM signatures that can be read."""
    for name, value in message.fields:
        if name.lower() == b"dkim-signature":
            with suppress(NotProven):
                yield _signature(name, value)


def _signature(name: bytes, value: bytes) -> _Signature:
    if len(value) > LONGEST_SIGNATURE or _MUCH_WHITE_SPACE.search(value):
        raise NotProven("is too long")
    try:
        tags = parse_tag_value(value)
    except InvalidTagValueList:
        raise NotProven("cannot be read") from None
    return _Signature(name, value, tags, _name_in(tags, b"d"))


def _name_in(tags: Mapping[bytes, bytes], tag: bytes) -> str:
    """Return the name that a tag holds, as it is asked for in the DNS."""
    name = tags.get(tag, b"").decode("ascii", "replace").lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise NotProven("names no domain")
    return name


def _verify(signature: _Signature, message: _Message, mail: Signed) -> None:
    """Raise ``NotProven`` if a signature is not good."""
    tags = signature.tags
    _hold_to_rules(tags, _SIGNATURE_TAGS, mail.received_at)
    _hold_to_cover(tags, message)
    key = _key_of(tags, mail)
    if b"s" in _flags(key).get(b"t", ()) and not _is_own_identity(tags):
        raise NotProven("speaks for a part of the domain for which its key does not")
    calculation = _calculation(DKIM, message, shortened=_is_relaxed(tags))
    header = (signature.name, signature.value)
    if not _holds(calculation.verify_sig, tags, _signed_names(tags), header, lambda name, timeout: key.encode()):
        raise NotProven("does not fit what it signs")


def _hold_to_rules(tags: Mapping[bytes, bytes], needed: list[bytes], received_at: datetime) -> None:
    """Raise ``NotProven`` for a signature that is not to be believed, whatever its sum."""
    if b"l" in tags:
        raise NotProven("covers only the beginning of the body")
    if tags.get(b"a") not in _ALGORITHMS:
        raise NotProven("is made in a way that is no longer believed")
    at = received_at.timestamp()
    if b"t" in tags and _seconds(tags[b"t"]) > at + CLOCKS_APART.total_seconds():
        raise NotProven("was made after the mail came")
    if b"x" in tags and _seconds(tags[b"x"]) < at:
        raise NotProven("had expired when the mail came")
    timeless = {tag: value for tag, value in tags.items() if tag not in (b"t", b"x")}
    try:
        validate_signature_fields(timeless, needed, arc=b"v" not in needed)
    except (DKIMException, ValueError, LookupError):
        raise NotProven("is not written as one") from None


def _seconds(value: bytes) -> int:
    if not _NUMBER.fullmatch(value):
        raise NotProven("states a time that is none")
    return int(value)


def _hold_to_cover(tags: Mapping[bytes, bytes], message: _Message) -> None:
    """Raise ``NotProven`` where a field that is read could be changed, or added, without the signature noticing it.

    Signed are the lowest fields of a name, as many as it names; read is the topmost.
    """
    signed = Counter(_signed_names(tags))
    there = Counter(name.lower() for name, _ in message.fields)
    for name in (*_SIGNED_FIELDS, *_SINGLE_FIELDS):
        needed = name in _SIGNED_FIELDS or there[name] > 1
        if there[name] > signed[name] and (needed or signed[name]):
            raise NotProven(f"does not cover every {name.decode().title()} header")
    if not signed[b"from"]:
        raise NotProven("does not cover the From header")


def _signed_names(tags: Mapping[bytes, bytes]) -> list[bytes]:
    return [name.strip().lower() for name in tags.get(b"h", b"").split(b":")]


def _is_relaxed(tags: Mapping[bytes, bytes]) -> bool:
    return tags.get(b"c", b"").lower().endswith(b"/relaxed")


def _is_own_identity(tags: Mapping[bytes, bytes]) -> bool:
    domain = tags[b"d"].lower()
    return tags.get(b"i", domain).lower().rpartition(b"@")[2] == domain


# Keys


def _key_of(tags: Mapping[bytes, bytes], mail: Signed) -> str:
    """Return the key of a signature. Raises ``NotProven`` for one that is not there, or not to be used."""
    key = mail.key(_key_name(tags))
    if not key:
        raise NotProven("has no key in the DNS")
    if len(key) > LONGEST_KEY:
        raise NotProven("has a key that is too long")
    flags = _flags(key)
    if not flags.get(b"p"):
        raise NotProven("has a key that was revoked")
    if b"y" in flags.get(b"t", ()):
        raise NotProven("has a key that is only being tried")
    kind, _, hashing = tags[b"a"].partition(b"-")
    if kind not in flags.get(b"k", [b"rsa"]) or hashing not in flags.get(b"h", [hashing]):
        raise NotProven("has a key of another kind")
    if kind == b"rsa" and _bits(flags[b"p"][0]) < LEAST_KEY_BITS:
        raise NotProven(f"has a key of less than {LEAST_KEY_BITS} bits")
    return key


def _key_name(tags: Mapping[bytes, bytes]) -> str:
    return f"{_name_in(tags, b's')}._domainkey.{_name_in(tags, b'd')}"


def _flags(key: str) -> dict[bytes, list[bytes]]:
    """Return the tags of a key, each with the values that colons part; a tag that is empty has none."""
    try:
        tags = parse_tag_value(key.encode())
    except InvalidTagValueList:
        raise NotProven("has a key that cannot be read") from None
    return {tag: [one.strip() for one in value.split(b":") if one.strip()] for tag, value in tags.items()}


def _bits(encoded: bytes) -> int:
    try:
        return int(parse_public_key(base64.b64decode(encoded))["modulus"]).bit_length()
    except (UnparsableKeyError, ValueError, LookupError, TypeError, AssertionError):
        raise NotProven("has a key that cannot be read") from None


# ARC


@dataclass(frozen=True, slots=True)
class _Set:
    """What one sealer wrote: its results, its signature of the mail, and its seal of the sets so far."""

    results: bytes
    signature: _Signature
    seal: _Signature


def _sealing(mail: Signed, sealers: Collection[str]) -> tuple[str, str]:
    """Return what the newest sealer found, and its name. Raises ``NotProven``."""
    message = _message(mail.raw)
    sets = _sets(message)
    sealer = sets[-1].seal.domain
    if not {sealer, sets[-1].signature.domain} <= set(sealers):
        raise NotProven(f"sealed by {sealer}, who is not among the trusted_arc_sealers")
    try:
        _verify_chain(sets, message, mail)
    except NotProven as problem:
        raise type(problem)(f"the seal of {sealer} {problem}") from None
    return sets[-1].results.decode("utf-8", "replace"), sealer


def _sets(message: _Message) -> list[_Set]:
    """Return the sets of a message in their order. Raises ``NotProven`` unless each is there, whole and once."""
    found: dict[int, dict[bytes, bytes]] = {}
    for written, value in message.fields:
        if (name := written.lower()) in _ARC_FIELDS:
            of_its_set = found.setdefault(_instance(value), {})
            if of_its_set.setdefault(name, value) is not value:
                raise NotProven("its ARC headers are not a chain")
    if not found:
        raise NotProven("it has no ARC headers")
    whole = all(len(fields) == len(_ARC_FIELDS) for fields in found.values())
    if not whole or sorted(found) != list(range(1, len(found) + 1)) or len(found) > MOST_SETS:
        raise NotProven("its ARC headers are not a chain")
    return [_set(found[number], number) for number in sorted(found)]


def _instance(value: bytes) -> int:
    """Return the number of an ARC header, which begins with it: only then all who read it find the same."""
    found = _INSTANCE.match(value)
    if len(value) > LONGEST_SIGNATURE or not found:
        raise NotProven("one of its ARC headers does not begin with its number")
    return int(found[1])


def _set(fields: Mapping[bytes, bytes], number: int) -> _Set:
    results, signature, seal = (fields[name] for name in _ARC_FIELDS)
    one = _Set(
        results[_INSTANCE.match(results).end() :],  # type: ignore[union-attr]
        _signature(_ARC_FIELDS[1], signature),
        _signature(_ARC_FIELDS[2], seal),
    )
    if one.seal.tags.get(b"cv") != (b"none" if number == 1 else b"pass"):
        raise NotProven(f"the seal {number} of its ARC headers says that the chain is broken")
    return one


def _verify_chain(sets: Sequence[_Set], message: _Message, mail: Signed) -> None:
    """Raise ``NotProven`` if a chain does not hold: first its newest set, which alone is known to be of a sealer."""
    newest = sets[-1]
    _hold_to_rules(newest.signature.tags, _SEALED_TAGS, mail.received_at)
    _hold_to_cover(newest.signature.tags, message)
    keys = _keys_of([newest.signature, newest.seal], mail)
    chain = _calculation(ARC, message, shortened=_is_relaxed(newest.signature.tags))

    def look_up(name: bytes, timeout: float) -> bytes:
        return keys.get(name.decode("ascii").lower().removesuffix("."), "").encode()

    _, headers = chain.sorted_arc_headers()
    if not _holds(lambda: _is_valid(chain.verify_instance(headers, len(sets), dnsfunc=look_up))):
        raise NotProven("does not fit what it seals")
    keys |= _keys_of([each.seal for each in sets], mail)
    if not _holds(lambda: chain.verify(dnsfunc=look_up)[0] == b"pass"):
        raise NotProven("ends a chain that does not hold")


def _is_valid(result: Mapping[str, Any]) -> bool:
    return bool(result["ams-valid"] and result["as-valid"])


def _keys_of(signatures: Sequence[_Signature], mail: Signed) -> dict[str, str]:
    """Return the keys of signatures by name; all that are missing are wanted at once."""
    keys, problem = {}, None
    for signature in signatures:
        _hold_to_rules_of_seals(signature, mail)
        try:
            keys[_key_name(signature.tags)] = _key_of(signature.tags, mail)
        except Unanswered as unanswered:
            problem = unanswered
    if problem:
        raise problem
    return keys


def _hold_to_rules_of_seals(signature: _Signature, mail: Signed) -> None:
    if signature.name == _ARC_FIELDS[2]:
        if b"h" in signature.tags:
            raise NotProven("is not written as one")
        _hold_to_rules(signature.tags, _SEAL_TAGS, mail.received_at)


# Sums


def _calculation(kind: type[DKIM | ARC], message: _Message, *, shortened: bool) -> Any:
    """Return dkimpy's calculation for a message, in the parts that it would else cut out in ways of its own.

    ``shortened``: runs of white space in the body count as one blank, for which dkimpy would take time in proportion
    to their square.
    """
    calculation = kind(minkey=LEAST_KEY_BITS)
    calculation.headers = list(message.fields)
    calculation.body = _WHITE_SPACE.sub(b" ", message.body) if shortened else message.body
    return calculation


def _holds(calculate: Callable[..., bool], *arguments: Any) -> bool:
    """Return whether a calculation comes out right; what it cannot be made of comes out wrong."""
    try:
        return bool(calculate(*arguments))
    except (DKIMException, ValueError, LookupError, TypeError, ArithmeticError, AssertionError):
        return False
