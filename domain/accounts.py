"""The accounts that the updates of one event speak of, each with what it holds: what names none is said of all."""

from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

from domain.telling import account_key


class Holds(Protocol):
    """What one account holds of an event."""

    def copy(self) -> Self:
        """Return a copy that can go its own way."""


T = TypeVar("T", bound=Holds)


@dataclass(slots=True)
class Accounts(Generic[T]):
    """What each account holds.

    ``common`` is what was said without naming an account: each account begins with it, and as long as none was named
    it is all.
    """

    common: T
    named: dict[str, T] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def reached(self, account: str | None) -> list[T]:
        """Return the accounts that an update speaks of: what names none it says of all of them."""
        key = account_key(account)
        if not key:
            return self.speaking()
        if key not in self.named:
            self.named[key] = self.common.copy()
        self.names[key] = (account or "").strip()
        return [self.named[key]]

    def all(self) -> list[T]:
        """Return the accounts and what was said of none of them."""
        return [*self.named.values(), self.common]

    def speaking(self) -> list[T]:
        """Return the accounts, or what stands for all of them."""
        return list(self.named.values()) or [self.common]

    def shown(self) -> tuple[str, ...]:
        """Return the accounts in their newest spelling."""
        return tuple(sorted(self.names.values()))
