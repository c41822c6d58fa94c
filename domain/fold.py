"""From updates to the event: one total order, one fold, no edit.

The state of an event is recomputed from all of its updates whenever one arrives. So it cannot depend on the order of
arrival, on repetition, or on where the process was stopped. How a maintenance takes an update in stands in
``domain.maintenances``, how an outage does in ``domain.outages``.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from domain.events import Edit, Event, Update
from domain.maintenances import Maintenance
from domain.outages import Outage
from domain.telling import in_order
from domain.vocabulary import Kind


class _Generation(Protocol):
    """One use of a number."""

    @property
    def start(self) -> datetime | None:
        """Return when the event begins, as far as is known."""

    def take(self, stated: Update) -> None:
        """Take in the next update of the total order."""

    def correct(self, edit: Edit) -> None:
        """Take in what a person says."""

    def is_over_before(self, said: Update | Edit) -> bool:
        """Tell whether something is said of another event than this one, under the same number."""

    def event(self, number: int) -> Event:
        """Return the event that all of it amounts to."""


_G = TypeVar("_G", bound=_Generation)


def fold(updates: Iterable[Update], edits: Iterable[Edit] = ()) -> tuple[Event, ...]:
    """Return what the updates of one key amount to: one event for each generation, the oldest first.

    Any permutation and any repetition of the same updates gives the same events. No updates give no events, unless a
    person has opened an outage; nor do those alone that name the event by which this one, of which nobody has told, is
    replaced.
    """
    told, said = list(updates), {*edits}
    if any(one.kind is Kind.OUTAGE for one in [*(update.key for update in told), *(edit.key for edit in said)]):
        return _folded(told, said, Outage)
    if all(update.replaced_by for update in told):
        return ()
    return _folded(told, said, Maintenance)


def _folded(updates: Sequence[Update], edits: Iterable[Edit], new: Callable[[], _G]) -> tuple[Event, ...]:
    generations: list[_G] = []
    said = sorted(edits, key=_order_of_edit, reverse=True)
    for update in in_order(updates):
        while said and said[-1].stamp < update.stamp:
            _correct(generations, said.pop(), new)
        if not generations or generations[-1].is_over_before(update):
            generations.append(new())
        generations[-1].take(update)
    while said:
        _correct(generations, said.pop(), new)
    return tuple(generation.event(number) for number, generation in enumerate(generations, start=1))


def _order_of_edit(edit: Edit) -> tuple[datetime, str, str]:
    return edit.stamp, edit.author, repr(edit)


def _correct(generations: list[_G], edit: Edit, new: Callable[[], _G]) -> None:
    """Let a person correct the generation that they saw; what they saw may be gone, with the mail that told of it."""
    if edit.opens and (not generations or generations[-1].is_over_before(edit)):
        generations.append(new())
        generations[-1].correct(edit)
        return
    if not generations:
        return
    meant = generations[min(edit.generation, len(generations)) - 1]
    if edit.seen_start is not None:
        seen = edit.seen_start
        begun = [(abs(one.start - seen), one) for one in generations if one.start is not None]
        _, meant = min(begun, key=lambda one: one[0], default=(None, meant))
    meant.correct(edit)
