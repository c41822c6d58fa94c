"""A builder of updates: what a test does not name is what most mails say."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from domain.events import StatedCircuit, StatedWindow, Update
from domain.vocabulary import Impact, Kind, MaintenanceStatus

# The first night of all stories: 2026-12-01 22:00 to 02:00. Mails are dated in days before or after it.
NIGHT = datetime(2026, 12, 1, 22, 0, tzinfo=UTC)

Build = Callable[..., Update]


def night(number: int = 1, *, hours: float = 4, shift_hours: float = 0) -> tuple[datetime, datetime]:
    start = NIGHT + timedelta(days=number - 1, hours=shift_hours)
    return start, start + timedelta(hours=hours)


def circuits(names: Sequence[str | tuple[str, str]] | None) -> tuple[StatedCircuit, ...] | None:
    if names is None:
        return None
    return tuple(
        StatedCircuit(circuit_id=name)
        if isinstance(name, str)
        else StatedCircuit(circuit_id=name[0], impact=Impact(name[1]))
        for name in names
    )


def build(
    status: str | None = "CONFIRMED",
    *,
    day: float = -7,
    windows: Sequence[tuple[datetime, datetime]] | None = None,
    listed: Sequence[str | tuple[str, str]] | None = ("C-1", "C-2"),
    uids: Sequence[str] | None = None,
    **facts: object,
) -> Update:
    """Return an update stamped ``day`` days after the first night; its windows list ``listed``."""
    stamp = NIGHT + timedelta(days=day)
    stated = None
    if windows is not None:
        stated = tuple(
            StatedWindow(start=start, end=end, circuits=circuits(listed), ical_uid=uids[index] if uids else None)
            for index, (start, end) in enumerate(windows)
        )
    values: dict[str, object] = {
        "kind": Kind.MAINTENANCE,
        "provider": "zayo",
        "event_id": "TTN-1",
        "stamp": stamp,
        "stamp_inferred": False,
        "source": f"<{stamp.isoformat()}-{status}@zayo.example>",
        "body_digest": f"{stamp.isoformat()}-{status}",
        "reader": "test",
        "reader_version": "1",
        "status": MaintenanceStatus(status) if status else None,
        "windows": stated,
        "circuits": circuits(listed) if windows is None else None,
    }
    return Update(**{**values, **facts})  # type: ignore[arg-type]


@pytest.fixture
def update() -> Build:
    return build


@pytest.fixture
def nights() -> Callable[..., tuple[datetime, datetime]]:
    return night
