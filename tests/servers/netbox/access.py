"""Who may do what: tokens of both kinds, and the words of the server for each that it does not take."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

NOT_PROVIDED = "Authentication credentials were not provided."
NOT_PERMITTED = "You do not have permission to perform this action."
_FORM = 'Invalid authorization header: Must be in the form "Bearer <key>.<token>" or "Token <token>"'
ACTIONS = {"GET": "view", "HEAD": "view", "POST": "add", "PUT": "change", "PATCH": "change", "DELETE": "delete"}


class Forbidden(Exception):
    """A request that is not let in: the server's words."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(slots=True, kw_only=True)
class Token:
    """A token. ``rights``: what its user may do, as "view circuits.circuit"; None: everything."""

    text: str
    user: str = "maintd"
    rights: set[str] | None = None
    write: bool = True
    enabled: bool = True
    expires_at: datetime | None = None

    @property
    def header(self) -> str:
        """The Authorization header that bears it."""
        return f"{'Bearer' if self.text.startswith('nbt_') else 'Token'} {self.text}"

    def may(self, action: str, label: str) -> bool:
        """Say whether its user may do something with the objects of a model."""
        return self.rights is None or f"{action} {label}" in self.rights


def new_text(version: int) -> str:
    """Return the text of a new token: 40 hexadecimal digits, or a key and a secret."""
    if version == 1:
        return secrets.token_hex(20)
    return f"nbt_{secrets.token_hex(6)}.{secrets.token_hex(20)}"


def let_in(header: str | None, tokens: Mapping[str, Token], *, now: datetime, both_kinds: bool) -> Token:
    """Return the token that a header bears; ``both_kinds``: the server knows those of version 2."""
    token = tokens.get(_text(header, both_kinds=both_kinds))
    if token is None:
        assert header
        kind = ("v2 " if header.split()[1].startswith("nbt_") else "v1 ") if both_kinds else ""
        raise Forbidden(f"Invalid {kind}token")
    if not token.enabled:
        raise Forbidden("Token disabled")
    if token.expires_at and token.expires_at < now:
        raise Forbidden("Token expired")
    return token


def _text(header: str | None, *, both_kinds: bool) -> str:
    words = (header or "").split()
    if not words or (words[0] != "Token" and not (both_kinds and words[0] == "Bearer")):
        raise Forbidden(NOT_PROVIDED)
    if len(words) == 2:
        return words[1]
    if both_kinds:
        raise Forbidden(_FORM)
    missing = "No credentials provided." if len(words) == 1 else "Token string should not contain spaces."
    raise Forbidden(f"Invalid token header. {missing}")
