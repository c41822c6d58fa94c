"""The sample notices: rendered at any time, each is a whole mail that says what was meant."""

import email
import email.policy
import email.utils
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from domain.events import EventKey, Update
from domain.fold import fold
from domain.lifecycle import phase_of
from domain.message import Disposition, Reason
from domain.vocabulary import Kind
from ingestor import config, demo
from parsers.mime import read_envelope
from parsers.providers import Directory, directory
from parsers.reading import read_message

NOON = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)
MOMENTS = [
    pytest.param(NOON, id="an ordinary noon"),
    pytest.param(datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC), id="the last minute of the year"),
    pytest.param(datetime(2027, 1, 1, 0, 0, tzinfo=UTC), id="the first minute of the year"),
    pytest.param(datetime(2028, 2, 28, 9, 5, tzinfo=UTC), id="before a leap day"),
    pytest.param(datetime(2027, 3, 27, 23, 30, tzinfo=UTC), id="the night before summer time in Europe"),
    pytest.param(datetime(2027, 10, 31, 1, 15, tzinfo=UTC), id="the night of winter time in Europe"),
    pytest.param(datetime(2027, 4, 12, 12, 0, tzinfo=UTC), id="days that could be months"),
]

# File (without its number): provider, id (None: the carrier gives none), status, windows, circuits.
TELSTRA = {"TOK SIN EPL 9051220", "TOK HKG EPL 9051224"}
CROWN_CASTLE = {"402811-WAVE-CCF", "402815-ETHR-CCF"}
PACKETFABRIC = {"PF-BC-PHX1-LAX1-310077", "PF-BC-PHX1-DAL1-310078"}
NIGHTS = [("+3d 05:00", "+3d 11:00"), ("+4d 05:00", "+4d 11:00"), ("+5d 05:00", "+5d 11:00")]
MEANT = {
    "packetfabric-tentative": ("packetfabric", "PF-MNT-61107", "TENTATIVE", [("-1h", "+5h")], PACKETFABRIC),
    "eunetworks-confirmed": (
        "eunetworks",
        "03520881",
        "CONFIRMED",
        [("+2d 23:00", "+3d 05:00")],
        {"LAMBDA-118830", "ETH-219904"},
    ),
    "exa-new": ("gtt", "7330912", "CONFIRMED", [("+2d 22:00", "+3d 04:00")], {"730990-5520418"}),
    "colt-announced": ("colt", "CRQ1-00904417720", "CONFIRMED", [("+2d 23:00", "+3d 05:00")], {"C-8120017"}),
    "packetfabric-confirmed": ("packetfabric", "PF-MNT-61107", "CONFIRMED", [("-1h", "+5h")], PACKETFABRIC),
    "aws-planned": ("aws", None, "CONFIRMED", [("+5d 01:00", "+5d 05:00")], {"dxcon-fh2b77qk", "dxvif-fgk3310d"}),
    "zayo-three-nights": (
        "zayo",
        "TTN-0009120417",
        "CONFIRMED",
        NIGHTS,
        {"/OQYX/330145/ /ZYO /", "/IPYX/220981/ /ZYO /"},
    ),
    "crowncastle-scheduled": (
        "crowncastle",
        "CM20260417007",
        "CONFIRMED",
        [("-1d 02:00", "-1d 08:00")],
        CROWN_CASTLE,
    ),
    "crowncastle-scheduled-again-by-a-list": (
        "crowncastle",
        "CM20260417007",
        "CONFIRMED",
        [("-1d 02:00", "-1d 08:00")],
        CROWN_CASTLE,
    ),
    "pccw-planned": ("pccw", "INC0005520133C", "CONFIRMED", [("-1d 16:00", "-1d 21:00")], {"HKG/TYO/EPL-220915"}),
    "lumen-scheduled": ("lumen", "42118830", "CONFIRMED", [("-2h", "+4h")], {"BBTX40172"}),
    "arelion-confirmed": (
        "arelion",
        "PWIC219904.1",
        "CONFIRMED",
        [("+1d 22:00", "+2d 04:00")],
        {"IC-402210", "IC-402211"},
    ),
    "equinix-no-impact": (
        "equinix",
        "5-230088412207",
        "CONFIRMED",
        [("+6d 20:00", "+7d 02:00")],
        {"21408813-A", "20550917-B"},
    ),
    "telstra-rescheduled": ("telstra", "PN430118", "RE-SCHEDULED", [("+7d 15:00", "+7d 20:00")], TELSTRA),
    "verizon-forwarded-by-a-colleague": (
        "verizon",
        "2310771",
        "CONFIRMED",
        [("+4d 00:00", "+4d 06:00")],
        {"W0E90117", "W0E90118"},
    ),
    "crowncastle-completed-without-circuits": (
        "crowncastle",
        "CM20260417007",
        "COMPLETED",
        [("-1d 02:00", "-1d 08:00")],
        set(),
    ),
    "exa-rescheduled": ("gtt", "7330912", "RE-SCHEDULED", [("+9d 22:00", "+10d 04:00")], {"730990-5520418"}),
    "telstra-original-arrives-late": ("telstra", "PN430118", "CONFIRMED", [("+1d 15:00", "+1d 20:00")], TELSTRA),
    "ntt-no-status": (
        "ntt",
        "GIN-0480233",
        None,
        [("+1d 08:00", "+1d 12:00")],
        {"xe-0-0-31-1.r22.asbnva02.us.ce"},
    ),
    "pccw-completed-without-circuits": (
        "pccw",
        "INC0005520133C",
        "COMPLETED",
        [("-1d 16:00", "-1d 21:00")],
        set(),
    ),
    "eunetworks-cancelled": ("eunetworks", "03520881", "CANCELLED", [("+2d 23:00", "+3d 05:00")], set()),
    "packetfabric-in-process": ("packetfabric", "PF-MNT-61107", "IN-PROCESS", [("-1h", "+5h")], PACKETFABRIC),
}
# Of a mail about an outage: provider, ticket, status, start, end, ETR, circuits; None: it does not say.
OUTAGES_MEANT = {
    "lumen-outage-opened": ("lumen", "28300417", "INVESTIGATING", "-318m", None, None, {"BBTX51938"}),
    "lumen-outage-estimate": ("lumen", "28300417", "IDENTIFIED", "-318m", None, "-120m", set()),
    "lumen-outage-estimate-moved": ("lumen", "28300417", "IDENTIFIED", "-318m", None, "-60m", set()),
    "lumen-outage-restored": ("lumen", "28300417", "RESOLVED", "-318m", "-46m", None, set()),
    "megaport-status-page": ("megaport", "5kd8q2m0x7vh", "INVESTIGATING", "-20m", None, "+95m", {"Metro SIN2"}),
}
# What the demo shows at NOON, once all samples are read: status, phase, starts of the windows.
SHOWN = {
    ("arelion", "PWIC219904.1"): ("CONFIRMED", "upcoming", ["+1d 22:00"]),
    ("colt", "CRQ1-00904417720"): ("CONFIRMED", "upcoming", ["+2d 23:00"]),
    ("crowncastle", "CM20260417007"): ("COMPLETED", "past", ["-1d 02:00"]),
    ("equinix", "5-230088412207"): ("CONFIRMED", "upcoming", ["+6d 20:00"]),
    ("eunetworks", "03520881"): ("CANCELLED", "past", ["+2d 23:00"]),
    ("gtt", "7330912"): ("RE-SCHEDULED", "upcoming", ["+9d 22:00"]),
    ("lumen", "42118830"): ("CONFIRMED", "active", ["-2h"]),
    ("ntt", "GIN-0480233"): ("UNKNOWN", "upcoming", ["+1d 08:00"]),
    ("packetfabric", "PF-MNT-61107"): ("IN-PROCESS", "active", ["-1h"]),
    ("pccw", "INC0005520133C"): ("COMPLETED", "past", ["-1d 16:00"]),
    ("telstra", "PN430118"): ("RE-SCHEDULED", "upcoming", ["+7d 15:00"]),
    ("verizon", "2310771"): ("CONFIRMED", "upcoming", ["+4d 00:00"]),
    ("zayo", "TTN-0009120417"): ("CONFIRMED", "upcoming", ["+3d 05:00", "+4d 05:00", "+5d 05:00"]),
}
# The same of outages: status, phase, start, end, the estimates, and how far each was moved, in seconds.
OUTAGES_SHOWN = {
    ("lumen", "28300417"): ("RESOLVED", "past", "-318m", "-46m", [("-120m", None), ("-60m", 3600)]),
    ("megaport", "5kd8q2m0x7vh"): ("INVESTIGATING", "active", "-20m", None, [("+95m", None)]),
}
NOT_UNDERSTOOD = {"free-text-of-an-unknown-carrier"}


@pytest.fixture(scope="module")
def providers() -> Directory:
    return directory()


def name_of(file_name: str) -> str:
    return file_name.removesuffix(".eml")[3:]


def instant(offset: str, now: datetime) -> datetime:
    text = demo.render(f"{{{{{offset} %Y-%m-%dT%H:%M:%S+00:00}}}}", now)
    return datetime.fromisoformat(text)


def instant_if(offset: str | None, now: datetime) -> datetime | None:
    return instant(offset, now) if offset else None


def outage_facts(
    update: Update,
) -> tuple[str, str, str, datetime | None, datetime | None, datetime | None, set[str]]:
    said = update.outage
    assert said is not None
    assert said.status is not None
    circuits = {circuit.circuit_id for circuit in update.circuits or ()}
    return (
        update.provider,
        update.event_id,
        said.status.value,
        said.start,
        said.end,
        said.etr.at if said.etr else None,
        circuits,
    )


def facts(update: Update) -> tuple[str, str, str | None, list[tuple[datetime, datetime]], set[str]]:
    windows = update.windows or ()
    stated = [*(update.circuits or ()), *(circuit for window in windows for circuit in window.circuits or ())]
    return (
        update.provider,
        update.event_id,
        update.status and update.status.value,
        sorted((window.start, window.end) for window in windows),
        {circuit.circuit_id for circuit in stated},
    )


@pytest.mark.parametrize(
    ("placeholder", "expected"),
    [
        ("{{+3d 23:00 %d-%b-%Y %H:%M}}", "26-Nov-2026 23:00"),
        ("{{-1d 04:05 %Y%m%dT%H%M00Z}}", "20261122T040500Z"),
        ("{{-2h %H:%M}}", "10:00"),
        ("{{+14h %d %H:%M}}", "24 02:00"),
        ("{{-90m %H:%M}}", "11:04"),
        ("no placeholder, {one brace}", "no placeholder, {one brace}"),
    ],
)
def test_a_placeholder_is_an_instant_relative_to_now(placeholder: str, expected: str) -> None:
    assert demo.render(placeholder, NOON) == expected


def test_an_offset_counts_days_in_utc_whatever_the_zone_of_now() -> None:
    late_evening_in_denver = datetime.fromisoformat("2026-11-22T18:00:00-07:00")

    assert demo.render("{{+0d 05:00 %d %H:%M}}", late_evening_in_denver) == "23 05:00"


@pytest.mark.parametrize("text", ["{{tomorrow %H}}", "{{+3d %H}}", "{{+3d 25:00 %H}}", "{{-2h}}"])
def test_a_placeholder_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"sample notice|hour must be"):
        demo.render(text, NOON)


def test_every_sample_has_its_meaning_here() -> None:
    assert {name_of(name) for name, _ in demo.samples()} == MEANT.keys() | OUTAGES_MEANT.keys() | NOT_UNDERSTOOD


@pytest.mark.parametrize("now", MOMENTS)
def test_every_sample_is_read_with_the_windows_that_were_asked_for(now: datetime, providers: Directory) -> None:
    for file_name, template in demo.samples():
        name = name_of(file_name)
        raw = demo.render(template, now).encode()
        received_at = read_envelope(raw).received_at
        assert received_at is not None, name

        reading = read_message(raw, received_at=received_at, directory=providers)

        if name in NOT_UNDERSTOOD:
            assert (reading.disposition, reading.reason) == (Disposition.QUARANTINED, Reason.UNKNOWN_PROVIDER), name
            continue
        assert reading.disposition is Disposition.APPLIED, (name, reading.detail)
        if name in OUTAGES_MEANT:
            provider, ticket, status, start, end, etr, circuits = OUTAGES_MEANT[name]
            (update,) = reading.updates
            times = [instant_if(offset, now) for offset in (start, end, etr)]
            assert outage_facts(update) == (provider, ticket, status, *times, circuits), name
            continue
        provider, event_id, status, windows, circuits = MEANT[name]
        expected_windows = [(instant(start, now), instant(end, now)) for start, end in windows]
        (update,) = reading.updates
        expected_id = event_id or update.event_id
        assert facts(update) == (provider, expected_id, status, expected_windows, circuits), name


def test_the_samples_fold_into_the_events_that_the_demo_shows(providers: Directory) -> None:
    updates: dict[EventKey, list[Update]] = {}
    for _, template in demo.samples():
        raw = demo.render(template, NOON).encode()
        reading = read_message(raw, received_at=read_envelope(raw).received_at or NOON, directory=providers)
        for update in reading.updates:
            updates.setdefault(update.key, []).append(update)

    shown = {}
    outages = {}
    for same_event in updates.values():
        (event,) = fold(same_event)
        if event.kind is Kind.OUTAGE:
            estimates = [(revision.etr, revision.slip_seconds) for revision in event.etr_revisions]
            phase = phase_of(event, NOON).value
            outages[event.provider, event.event_id] = (event.status.value, phase, event.start, event.end, estimates)
        elif event.provider != "aws":
            starts = [window.start for window in event.windows if not window.withdrawn]
            shown[event.provider, event.event_id] = (event.status.value, phase_of(event, NOON).value, starts)

    assert shown == {
        key: (status, phase, [instant(start, NOON) for start in starts])
        for key, (status, phase, starts) in SHOWN.items()
    }
    assert outages == {
        key: (
            status,
            phase,
            instant(start, NOON),
            instant_if(end, NOON),
            [(instant(at, NOON), slip) for at, slip in estimates],
        )
        for key, (status, phase, start, end, estimates) in OUTAGES_SHOWN.items()
    }


@pytest.mark.parametrize("now", MOMENTS)
def test_every_sample_was_written_shortly_before_it_was_received_and_before_now(now: datetime) -> None:
    for name, template in demo.samples():
        envelope = read_envelope(demo.render(template, now).encode())

        assert envelope.date is not None, name
        assert envelope.received_at is not None, name
        assert timedelta(0) <= envelope.received_at - envelope.date < timedelta(days=7), name
        assert envelope.received_at < now, name


def test_the_samples_hold_an_out_of_order_pair() -> None:
    envelopes = {name_of(name): read_envelope(demo.render(text, NOON).encode()) for name, text in demo.samples()}
    new, old = envelopes["telstra-rescheduled"], envelopes["telstra-original-arrives-late"]

    assert (new.date, new.received_at) == (instant("-1561m", NOON), instant("-1560m", NOON))
    assert (old.date, old.received_at) == (instant("-1805m", NOON), instant("-1180m", NOON))


def test_the_samples_hold_one_message_twice() -> None:
    raws = {name_of(name): demo.render(text, NOON).encode() for name, text in demo.samples()}
    first, again = (raws["crowncastle-scheduled"], raws["crowncastle-scheduled-again-by-a-list"])

    assert first != again
    assert read_envelope(first).identity == read_envelope(again).identity


def test_the_samples_show_at_least_eight_carriers_and_no_real_address() -> None:
    assert len({meaning[0] for meaning in MEANT.values()}) >= 8
    for name, template in demo.samples():
        message = email.message_from_string(template, policy=email.policy.default)
        (recipient,) = email.utils.getaddresses([message["To"]])
        assert recipient[1].endswith("@example.net"), name
        assert re.search(r"\.example>$|@example\.net>$", message["Message-ID"]), name


def test_a_prepared_mailbox_is_a_maildir_with_every_sample(tmp_path: Path) -> None:
    count = demo.prepare(tmp_path / "demo", NOON)

    mails = sorted((tmp_path / "demo/mail/cur").iterdir())
    assert count == len(mails) == len(MEANT) + len(OUTAGES_MEANT) + len(NOT_UNDERSTOOD)
    assert (tmp_path / "demo/mail/new").is_dir()
    assert all(b"{{" not in path.read_bytes() for path in mails)


def test_preparing_again_replaces_the_sample_mailbox_and_its_database(tmp_path: Path) -> None:
    demo.prepare(tmp_path, NOON)
    (tmp_path / "maintd.db").write_bytes(b"of an earlier run")
    (tmp_path / "mail/new/dropped.eml").write_bytes(b"Subject: dropped\n\n")

    demo.prepare(tmp_path, NOON + timedelta(days=1))

    assert not (tmp_path / "maintd.db").exists()
    assert not (tmp_path / "mail/new/dropped.eml").exists()
    assert len(list((tmp_path / "mail/cur").iterdir())) == len(MEANT) + len(OUTAGES_MEANT) + len(NOT_UNDERSTOOD)


def test_a_folder_that_holds_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(ConfigurationError, match="expected an empty one"):
        demo.prepare(tmp_path, NOON)

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_configuration_is_toml_even_for_an_awkward_folder(tmp_path: Path) -> None:
    folder = tmp_path / 'a "quoted" folder'

    settings = tomllib.loads(demo.configuration(folder, 1143))

    assert settings["database"] == {"url": f"sqlite:///{folder}/maintd.db"}
    assert settings["mailbox"][0]["port"] == 1143
    assert settings["mailbox"][0]["password"] == {"file": f"{folder}/password"}


def test_the_daemon_takes_the_configuration_without_a_complaint(tmp_path: Path) -> None:
    demo.prepare(tmp_path / "demo", NOON)
    path = tmp_path / "config.toml"
    path.write_text(demo.configuration(tmp_path / "demo", 1143), encoding="utf-8")

    (mailbox,) = config.load(path).mailboxes

    assert (mailbox.host, mailbox.port, mailbox.tls, mailbox.folders) == ("127.0.0.1", 1143, "none", ("INBOX",))
