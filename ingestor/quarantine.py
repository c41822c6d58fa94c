"""The quarantine as a place to work: which mails are alike, which ones a person means, and what becomes of them.

What a person decides of a mail is kept, and heeded by every later reading of it.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from domain.errors import NotFound
from domain.message import Decision, Disposition, Reason
from ingestor import pipeline
from storage import messages, queries
from storage.database import Store

Row = Mapping[str, Any]

# What a person can let in, and what they can accept although it could not be applied by itself.
RELEASABLE = frozenset({Reason.UNTRUSTED})
ACCEPTABLE = frozenset({Reason.INVALID, Reason.AMBIGUOUS, Reason.PARTIAL, Reason.PROPOSAL})
# What was not read at all: it can be accepted as the mail of a provider that is named, or in a form that is named.
NAMEABLE = frozenset({Reason.UNKNOWN_PROVIDER, Reason.UNPARSED})

# How many decisions share one transaction.
BATCH = 500

# Where mails are of which a person may have decided something.
DECIDED = frozenset({Disposition.QUARANTINED, Disposition.APPLIED, Disposition.IRRELEVANT})


# --- which mails are alike ----------------------------------------------------------------------------------------

# How much of a subject tells mails apart, and how many digits name a group.
SHAPE_CHARACTERS = 200
NAME_DIGITS = 6

# What is put before a subject on the way, of any language: a short word with a colon, or in brackets that a mail is
# from outside.
_PREFIX = re.compile(
    r"\s*(?:[^\W\d_]{1,4}\s?:|[\[({*]{1,3}[^\])}*]{0,20}(?:ext|spam|suspic)[^\])}*]{0,20}[\])}*]{1,3}:?)\s*",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\s()\[\]<>{},;|\"'“”‘’]+")
_DIGIT = re.compile(r"\d")
_CALENDAR_WORD = re.compile(
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?|(?:mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?|sun)(?:day)?|[ap]m)\.?",
    re.IGNORECASE,
)
_RUN = re.compile(r"#(?:[\s,;/&+–-]{1,10}#)+")


def shape_of(subject: str) -> str:
    """Return a subject without what was put before it, and with # for what varies: numbers, ids, dates."""
    subject = subject[:SHAPE_CHARACTERS]
    while prefix := _PREFIX.match(subject):
        subject = subject[prefix.end() :]
    return " ".join(_RUN.sub("#", _WORD.sub(_varying, subject)).split())


def _varying(word: re.Match[str]) -> str:
    core = word[0].rstrip(".:!?")
    if _DIGIT.search(core) or _CALENDAR_WORD.fullmatch(core):
        return "#" + word[0][len(core) :]
    return word[0]


def group_of(row: Row) -> str:
    """Return the short name of the group that a message is in, which is the same for all that are alike.

    Alike are mails with the same reason, of the same provider or, where that is not known, the same domain, and with a
    subject of the same shape.
    """
    whose = row["provider"] or (row["sender"] or "").rpartition("@")[2]
    parts = (row["reason"] or row["disposition"], whose, shape_of(row["subject"]).casefold())
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:NAME_DIGITS]


def groups(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the groups of messages, that of the first message first; ``message`` is the first one of each."""
    members: dict[str, list[Row]] = {}
    for row in rows:
        members.setdefault(group_of(row), []).append(row)
    return [
        {
            "group": name,
            "mails": len(alike),
            "newest": max(row["received_at"] for row in alike),
            "oldest": min(row["received_at"] for row in alike),
            "message": alike[0]["id"],
            "from": _from(alike),
            "subject": shape_of(alike[0]["subject"]),
            "disposition": alike[0]["disposition"],
            "reason": alike[0]["reason"],
            "provider": alike[0]["provider"],
            "detail": alike[0]["detail"],
        }
        for name, alike in members.items()
    ]


def _from(alike: Sequence[Row]) -> str:
    """Return who sent mails: the From header where all have the same, else what their addresses have in common."""
    if len({row["from"] for row in alike}) == 1:
        return str(alike[0]["from"])
    senders = {row["sender"] for row in alike}
    domains = {(sender or "").rpartition("@")[2] for sender in senders}
    if len(senders) == 1 and None not in senders:
        return str(senders.pop())
    return f"@{domains.pop()}" if len(domains) == 1 and "" not in domains else "several senders"


# --- which mails are meant ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which mails a person means: those with these numbers, or all for which everything that is set holds."""

    numbers: tuple[int, ...] = ()
    group: str | None = None
    reason: Reason | None = None
    provider: str | None = None
    sender: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Which mails something can be done with; ``act`` is its name. No reasons: any.

    ``elsewhere``: with these dispositions too, if they are named by their numbers.
    """

    act: str
    disposition: Disposition = Disposition.QUARANTINED
    elsewhere: frozenset[Disposition] = frozenset()
    reasons: frozenset[Reason] = frozenset()
    also_beginnings: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The mails that are meant and fit, and for each one that does not fit why."""

    rows: Sequence[Row]
    refused: Sequence[str]

    @property
    def numbers(self) -> list[int]:
        """Return the numbers of the mails, the oldest first."""
        return sorted(row["id"] for row in self.rows)


def rows_of(store: Store, wanted: Filter, disposition: Disposition | None = Disposition.QUARANTINED) -> Sequence[Row]:
    """Return the messages that a filter lets through, the newest first. NotFound for a group that is not there."""
    with store.reading() as connection:
        rows = queries.outlines(
            connection,
            numbers=wanted.numbers or None,
            disposition=disposition,
            reasons=[wanted.reason] if wanted.reason else (),
            provider=wanted.provider,
            sender=wanted.sender,
            since=wanted.since,
        )
    if wanted.group is None:
        return rows
    found = [row for row in rows if group_of(row) == wanted.group.lower()]
    if not found:
        raise NotFound(f'there is no group "{wanted.group}" among these mails: `maintd quarantine list` names them')
    return found


def choose(store: Store, wanted: Filter, fit: Fit) -> Chosen:
    """Return the mails that are meant and fit. What does not fit is refused if it was named by its number.

    Of what a filter lets through the rest is passed over, but NotFound where nothing is left because of its reasons.
    """
    if wanted.numbers:
        rows = rows_of(store, wanted, None)
        known = {row["id"] for row in rows}
        missing = [number for number in dict.fromkeys(wanted.numbers) if number not in known]
        problems = {row["id"]: _misfit(row, fit) for row in rows}
        return Chosen(
            [row for row in rows if problems[row["id"]] is None],
            [f"there is no message {number}: `maintd messages` lists them" for number in missing]
            + [problem for problem in reversed(problems.values()) if problem],
        )
    rows = rows_of(store, wanted, fit.disposition)
    fitting = [row for row in rows if _misfit(row, fit) is None]
    if rows and not fitting and fit.reasons:
        counts = Counter(row["reason"] for row in rows).most_common()
        words = ", ".join(f"{count} {reason}" for reason, count in counts)
        raise NotFound(f"nothing to {fit.act} among {words}: {_expected(fit)}")
    return Chosen(fitting, [])


def _misfit(row: Row, fit: Fit) -> str | None:
    """Return why nothing can be done with a message; None where it fits."""
    if row["disposition"] not in {fit.disposition, *fit.elsewhere}:
        where = "in quarantine" if fit.disposition is Disposition.QUARANTINED else fit.disposition.value
        return f"message {row['id']} is not {where} but {row['disposition']}"
    if fit.reasons and row["reason"] not in fit.reasons:
        return f"message {row['id']} is {row['reason']}: {_expected(fit)}"
    if row["pruned_at"]:
        return f"message {row['id']}: {queries.gone(row['pruned_at'])}"
    if not row["whole"] and not fit.also_beginnings:
        return (
            f"message {row['id']} is too_large: only its beginning is kept, which cannot be read; "
            "`maintd import FILE` takes the whole mail"
        )
    return None


def _expected(fit: Fit) -> str:
    return f"{fit.act} is for {', '.join(sorted(fit.reasons))}{fit.hint}"


# --- what becomes of them -----------------------------------------------------------------------------------------


def requeue(
    store: Store,
    numbers: Sequence[int],
    *,
    expected: Collection[Disposition] = (Disposition.QUARANTINED,),
    forget: bool = False,
) -> list[int]:
    """Have messages read again, with all their attempts; return those that still had an expected disposition.

    ``forget``: what people decided of them, too.
    """
    with store.writing() as connection:
        again = messages.set_disposition(
            connection, numbers, Disposition.RECEIVED, expected=expected, now=pipeline.utc_now()
        )
        messages.forget_proposals(connection, again)
        for number in again if forget else ():
            messages.undecide(connection, number)
    return again


def release(store: Store, rows: Sequence[Row], provider: str | None, *, author: str, because: str) -> list[int]:
    """Let mails in although nothing proves whose they are; return those that are to be read again.

    ``provider``: whose they are, None for what they say themselves.
    """

    def released(_row: Row, held: Decision) -> Decision:
        return replace(held, released=True, provider=provider or held.provider)

    return _decide(store, rows, released, author=author, because=because)


def accept(
    store: Store, rows: Sequence[Row], *, provider: str | None, reader: str | None, author: str, because: str
) -> list[int]:
    """Take what is read of mails as right, or say whose they are and in which form; return those to be read again.

    Where a name settles the question, nothing else is taken as right: what is read then is judged as in any mail.
    """
    named = bool(provider or reader)

    def accepted(row: Row, held: Decision) -> Decision:
        settled = named and row["reason"] in (NAMEABLE | {Reason.AMBIGUOUS})
        return replace(
            held,
            accepted=held.accepted or not settled,
            provider=provider or held.provider,
            reader=reader or held.reader,
        )

    return _decide(store, rows, accepted, author=author, because=because)


def _decide(
    store: Store, rows: Sequence[Row], decision: Callable[[Row, Decision], Decision], *, author: str, because: str
) -> list[int]:
    again: list[int] = []
    # No transaction keeps a daemon waiting that works beside.
    for begin in range(0, len(rows), BATCH):
        by_number = {row["id"]: row for row in rows[begin : begin + BATCH]}
        with store.writing() as connection:
            to_read = messages.set_disposition(
                connection,
                by_number,
                Disposition.RECEIVED,
                expected=[Disposition.QUARANTINED],
                now=pipeline.utc_now(),
            )
            held = messages.decided(connection, to_read)
            for number in to_read:
                said = decision(by_number[number], held.get(number, Decision()))
                messages.decide(connection, number, said, author=author, reason=because, now=pipeline.utc_now())
        again += to_read
    return sorted(again)


def ignore(store: Store, numbers: Sequence[int], *, author: str, because: str | None) -> list[int]:
    """Say that messages are of no concern; return those that were still in quarantine.

    What was applied of a message that is there only in part stays applied.
    """
    words = " ".join((because or "").split())
    with store.writing() as connection:
        return messages.set_disposition(
            connection,
            numbers,
            Disposition.IGNORED,
            expected=[Disposition.QUARANTINED],
            now=pipeline.utc_now(),
            detail=f"ignored by {author}: {words}" if words else f"ignored by {author}",
        )


def senders_of(rows: Sequence[Row]) -> list[str]:
    """Return the addresses that wrote messages. NotFound for one that has not one sender."""
    without = next((row for row in rows if not row["sender"]), None)
    if without is not None:
        raise NotFound(f"message {without['id']} has not one sender to assign: its From is {without['from']!r}")
    return sorted({row["sender"] for row in rows})


def assign(store: Store, senders: Sequence[str], provider: str, *, author: str) -> list[int]:
    """Say that senders are a provider, from now on; return their messages in quarantine, which are to be read again."""
    with store.writing() as connection:
        for sender in senders:
            messages.assign(connection, sender, provider, author, pipeline.utc_now())
    return _requeue_of(store, senders)


def unassign(store: Store, sender: str) -> list[int]:
    """Take back what a sender was assigned; return its messages in quarantine, which are to be read again."""
    with store.writing() as connection:
        if not messages.unassign(connection, sender):
            raise NotFound(f"{sender} is assigned to nobody: `maintd quarantine assignments` lists those that are")
    return _requeue_of(store, [sender])


def _requeue_of(store: Store, senders: Sequence[str]) -> list[int]:
    rows = [row for sender in senders for row in rows_of(store, Filter(sender=sender)) if row["whole"]]
    return requeue(store, sorted(row["id"] for row in rows))
