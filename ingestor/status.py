"""How it stands, for ``maintd status``: what the database says, what the daemon says, and what a person is to do."""

import contextlib
import http.client
import json
import shlex
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from domain.events import iso_utc
from domain.message import Disposition
from ingestor.config import OFF, MailboxTable, Settings
from ingestor.watching import Pace
from storage import database, figures
from storage.database import Store
from storage.figures import Figures

# By how much a poll may come later than it is due.
_LATER = 1.2
# A folder that has missed two looks, and some minutes more, is deaf. Messages and NetBox are behind after these.
_LOOKS, _GRACE_SECONDS = 2, 300
_WAITS_LONG = timedelta(minutes=15)

# How long the daemon may take to say how it is: it asks its database first.
_ASK_SECONDS = 15.0

Shape = dict[str, Any]


def own_version() -> str:
    """Return the version of maintd; "unknown" where it runs without having been installed."""
    try:
        return version("maintd")
    except PackageNotFoundError:
        return "unknown"


def expected_seconds(table: MailboxTable, by: Literal["idle", "poll"] | None) -> float:
    """Return how far apart two looks at a folder are at most; ``by`` is how it is watched, None: nobody knows."""
    idle, poll = Pace().idle, table.poll_seconds * _LATER
    if by is None and table.watch == "idle":
        return max(idle, poll)
    return idle if by == "idle" else poll


def status(settings: Settings, store: Store, *, now: datetime, completions: Collection[str]) -> Shape:
    """Return how it stands, in JSON's terms; ``to_do`` has one line for each thing that needs a person.

    ``completions`` names the providers that are known to send completions.
    """
    with store.reading() as connection:
        found = figures.read(connection, now=now, completions=completions)
    health = ask(settings.web.listen)
    shape = {
        "version": own_version(),
        "daemons": _daemons(settings, store, found, now),
        "health": health,
        "mailboxes": list(_mailboxes(settings, found, health, now)),
        "messages": {
            "total": sum(found.messages(one) for one in Disposition),
            "waiting": found.messages(Disposition.RECEIVED),
            "waiting_since": _iso(found.waiting_since),
        },
        "quarantine": {
            "messages": found.messages(Disposition.QUARANTINED),
            "oldest_at": _iso(min((one.oldest_at for one in found.quarantine), default=None)),
            "reasons": {one.reason: one.messages for one in found.quarantine},
        },
        "silent": list(_silent(settings, found, now)),
        "netbox": _netbox(settings, found),
        "database": {"place": store.place, "bytes": found.database_bytes},
    }
    return {**shape, "to_do": list(to_do(shape, now))}


def ask(listen: str) -> Shape | None:
    """Return what the daemon answers at /healthz; None where none is to, or none does.

    With port 0 nobody but the daemon's log knows where it listens.
    """
    host, _, port = listen.rpartition(":")
    if listen == OFF or port == "0":
        return None
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=_ASK_SECONDS)
    with contextlib.closing(connection), contextlib.suppress(OSError, ValueError, http.client.HTTPException):
        connection.request("GET", "/healthz")
        answer = json.loads(connection.getresponse().read(1_000_000))
        if isinstance(answer, dict) and {"ok", "reasons", "pid", "version", "folders"} <= answer.keys():
            return answer
    return None


def _daemons(settings: Settings, store: Store, found: Figures, now: datetime) -> list[Shape]:
    """Return the daemons that work on the database now, and those that did until a while ago."""
    if store.dialect == "sqlite":
        pid = database.lock_holder(settings.database.url)
        return [] if pid is None else [{"name": f"pid {pid}", "alive": True}]
    return [
        {
            "name": one.name,
            "alive": one.alive_until > now,
            "started_at": _iso(one.started_at),
            "alive_until": _iso(one.alive_until),
            "holds": sorted(box for box, holder in found.holders.items() if holder == one.name),
        }
        for one in found.daemons
    ]


def _mailboxes(settings: Settings, found: Figures, health: Shape | None, now: datetime) -> Iterator[Shape]:
    held = {(one.mailbox, one.folder): one for one in found.folders}
    watched = _watched(health)
    # What the database could not be told.
    problems = {(one["mailbox"], one["folder"]): one.get("problem") for one in (health or {}).get("folders", ())}
    for table in settings.mailboxes:
        for folder in table.folders:
            one = held.get((table.name, folder))
            way = watched.get((table.name, folder))
            last = one.last_success_at if one else None
            expected = expected_seconds(table, "idle" if way == "idle" else "poll" if way == "poll" else None)
            latest = timedelta(seconds=_LOOKS * expected + _GRACE_SECONDS)
            yield {
                "mailbox": table.name,
                "folder": folder,
                "watched": way,
                "last_success": _iso(last),
                "lag_seconds": _seconds(one.waiting_since if one else None, now),
                "deaf": last is None or now - last > latest,
                "error": (one.error if one else None) or problems.get((table.name, folder)),
            }


def _seconds(since: datetime | None, now: datetime) -> int:
    return 0 if since is None else max(0, int((now - since).total_seconds()))


def _watched(health: Shape | None) -> Mapping[tuple[str, str], str]:
    return {(one["mailbox"], one["folder"]): one["watched"] for one in (health or {}).get("folders", ())}


def _silent(settings: Settings, found: Figures, now: datetime) -> Iterator[Shape]:
    """Return the providers of which nothing has come for longer than their silent_after."""
    last = {one.provider: one.last_received_at for one in found.providers}
    for table in settings.providers:
        at = last.get(table.name)
        if table.silent_after and (at is None or now - at > timedelta(days=table.silent_after)):
            yield {"provider": table.name, "last_message": _iso(at), "silent_after_days": table.silent_after}


def _netbox(settings: Settings, found: Figures) -> Shape | None:
    if settings.netbox.url is None:
        return None
    outbox = found.outbox
    return {
        "due": outbox.due,
        "failed": outbox.failed,
        "parked": outbox.parked,
        "oldest_at": _iso(outbox.oldest_at),
        "problem": found.netbox_problem,
    }


# --- what a person is to do -------------------------------------------------------------------------------------


def to_do(shape: Shape, now: datetime) -> Iterator[str]:
    """Return one line for each thing that needs a person, with what to type."""
    if not any(one["alive"] for one in shape["daemons"]):
        yield "no daemon is running: `maintd run`, or `systemctl start maintd`"
    for reason in (shape["health"] or {}).get("reasons", ()):
        yield f"the daemon is stuck: {reason}: `systemctl restart maintd`"
    for one in shape["mailboxes"]:
        yield from _to_do_of_folder(one)
    messages, quarantine = shape["messages"], shape["quarantine"]
    if _long_ago(messages["waiting_since"], now):
        yield f"{_messages(messages['waiting'])} not read for long: the log of maintd tells why"
    if quarantine["messages"]:
        yield f"{_messages(quarantine['messages'])} in quarantine: `maintd quarantine list`"
    for one in shape["silent"]:
        since = f"since {one['last_message']}" if one["last_message"] else "ever"
        command = shlex.join(["maintd", "messages", "--provider", one["provider"]])
        yield f"{one['provider']}: no mail {since}: ask it whether it still writes to you, or see `{command}`"
    yield from _to_do_of_netbox(shape["netbox"], now)


def _to_do_of_folder(one: Shape) -> Iterator[str]:
    name = f'mailbox "{one["mailbox"]}", folder "{one["folder"]}"'
    if one["error"]:
        yield f"{name}: it fails: `maintd check`"
    elif one["deaf"]:
        yield f"{name}: not read {'for long' if one['last_success'] else 'yet'}: `maintd check`"


def _to_do_of_netbox(netbox: Shape | None, now: datetime) -> Iterator[str]:
    if netbox is None:
        return
    if netbox["parked"]:
        yield f"NetBox refuses {netbox['parked']} events as they are: mend what it says, then `maintd netbox push`"
    if netbox["problem"]:
        yield "NetBox is left alone: `maintd netbox check`"
    elif _long_ago(netbox["oldest_at"], now):
        yield f"NetBox is {netbox['due']} events behind: `maintd netbox check`"


def _messages(count: int) -> str:
    return f"{count} message{'s' if count != 1 else ''}"


def _long_ago(instant: str | None, now: datetime) -> bool:
    return instant is not None and now - datetime.fromisoformat(instant) > _WAITS_LONG


def _iso(instant: datetime | None) -> str | None:
    return iso_utc(instant) if instant is not None else None
