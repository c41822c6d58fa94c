"""Keep a secret out of a text: as it is, and as programs write it for one another.

A server may repeat in its answer what it was sent, and that was rarely sent as it stands in the configuration.
"""

import base64
import html
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

# Shorter ones stand in many a text by chance.
_LEAST_IN_BASE64 = 8


def hide(text: str, secrets: Iterable[str], *, mark: str = "***") -> str:
    """Return a text with a mark in place of each secret. Hide first, and cut what is too long after that."""
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, mark)
    return text


def _forms(secret: str) -> Iterator[str]:
    yield secret
    # As it stands in a text that was made one line.
    yield " ".join(secret.split()) or secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield html.escape(secret)
    yield from (quote(secret), quote(secret, safe=""), quote_plus(secret))
    octets = secret.encode("utf-8", "surrogateescape")
    yield repr(octets)[2:-1]
    yield from _in_base64(octets)


def _in_base64(octets: bytes) -> Iterator[str]:
    """Yield what is the same of a secret in base64 whatever stands around it, by its place in a group of three."""
    for before in range(3):
        first, end = -(-before * 8 // 6), (before + len(octets)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            form = encode(bytes(before) + octets).decode()[first:end]
            if len(form) >= _LEAST_IN_BASE64:
                yield form
