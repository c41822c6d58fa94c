"""Mails of status pages: whose page it is, what such a mail must prove, and what it is about."""

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from domain.message import Disposition, Reading, Reason, Terms
from domain.vocabulary import Kind
from parsers.mime import decode
from parsers.outage.pages import SYSTEMS, incidents_in, named_provider, page_of, page_sort, writers_of
from parsers.outage.sorting import Sort, sort_of
from parsers.providers import Directory, Provider, directory
from parsers.reading import read_message

KNOWN = directory()
RECEIVED = datetime(2027, 3, 10, 9, 5, tzinfo=UTC)
OURS = "mx.ridgeline.example"
ASKED = Terms(authserv_id=OURS)
PASSED = f"{OURS}; dmarc=pass header.from=statuspage.io"
LINK = "https://stspg.io/4kq81zvn0d2r"
STATUSPAGE = "noreply@statuspage.io"
BODY = """\
Packet loss in Perth

New incident: Investigating

We are currently investigating this issue.

Time posted
Mar 10, 09:00 UTC

View this incident: {link}

You received this email because you are subscribed to {page}'s service status notifications.
"""


def message(
    page: str = "Megaport",
    *results: str,
    sender: str = f"Megaport Status <{STATUSPAGE}>",
    subject: str | None = None,
    body: str | None = None,
) -> EmailMessage:
    mail = EmailMessage()
    for result in results:
        mail["Authentication-Results"] = result
    mail["From"] = sender
    mail["To"] = "noc@ridgeline.example"
    mail["Subject"] = f"{page} Incident - Packet loss in Perth" if subject is None else subject
    mail["Date"] = "Wed, 10 Mar 2027 09:01:00 +0000"
    mail["Message-ID"] = "<1@statuspage.example>"
    mail.set_content(BODY.format(page=page, link=LINK) if body is None else body)
    return mail


def forwarded(inner: EmailMessage, *results: str, by: str = "jo@ridgeline.example") -> bytes:
    block = f"From: {inner['From']}\nDate: Wed, 10 Mar 2027 09:01:00 +0000\nSubject: {inner['Subject']}\nTo: Jo"
    body = f"---------- Forwarded message ---------\n{block}\n\n{inner.get_content()}"
    return bytes(message("", *results, sender=f"Jo <{by}>", subject=f"Fwd: {inner['Subject']}", body=body))


def read(raw: bytes | EmailMessage, terms: Terms = ASKED, known: Directory = KNOWN) -> Reading:
    return read_message(bytes(raw), received_at=RECEIVED, directory=known, terms=terms)


def providers_of(reading: Reading) -> list[str]:
    return [update.provider for update in reading.updates]


# Names


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("Megaport", "megaport"),
        ("MEGAPORT STATUS", "megaport"),
        ("Megaport Status Page", "megaport"),
        ("PacketFabric Service Status", "packetfabric"),
        ("Zayo Group", "zayo"),
        ("Zayo Group, LLC", "zayo"),
        ("Crown Castle", "crowncastle"),
        ("Equinix, Inc.", "equinix"),
        ("AT&T", "att"),
        ("Summit IG Network Status", "summitig"),
        ("euNetworks", "eunetworks"),
        ("euNetworks Group Limited", "eunetworks"),
        ("Telia", "arelion"),
        ("EXA Networks", "gtt"),
        ("Acme (Megaport)", None),
        ("Zayo Canada", None),
        ("Zayo Europe Status", None),
        ("Mega Port Reseller", None),
        ("Momentum Technologies", None),
        ("Z\u0430yo", None),
        ("Group", None),
        ("Status", None),
        ("", None),
    ],
)
def test_a_page_is_a_providers_by_its_whole_name_with_words_for_a_page_or_a_company_behind_it(
    name: str, provider: str | None
) -> None:
    found = named_provider(name, KNOWN)

    assert (found.name if found else None) == provider


def test_an_alias_of_the_configuration_names_a_page() -> None:
    known = directory([Provider(name="zayo", aliases=("zayo-canada",))])

    assert providers_of(read(message("Zayo Canada", PASSED, sender=f"Zayo Canada <{STATUSPAGE}>"), known=known)) == [
        "zayo"
    ]


def test_a_providers_own_name_wins_over_an_alias_of_another() -> None:
    known = directory([Provider(name="colt", aliases=("zayo",))])
    found = named_provider("Zayo Status", known)

    assert found is not None
    assert found.name == "zayo"


@pytest.mark.parametrize(
    ("sender", "names"),
    [
        (f"Megaport Status <{STATUSPAGE}>", ("Megaport Status",)),
        (f'"Megaport" <{STATUSPAGE}>', ("Megaport",)),
        (f"=?utf-8?q?Megaport_Status?= <{STATUSPAGE}>", ("Megaport Status",)),
        (STATUSPAGE, ("Megaport",)),
        (f"Statuspage <{STATUSPAGE}>", ("Megaport",)),
        (f"Acme <{STATUSPAGE}>", ("Acme", "Megaport")),
    ],
)
def test_a_page_is_named_beside_the_address_in_the_subject_and_in_the_footer(
    sender: str, names: tuple[str, ...]
) -> None:
    notification = decode(bytes(message(sender=sender)))
    page = page_of(notification.sender, notification)

    assert page is not None
    assert page.names == names


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Zayo (via incident.io) <no-reply@status.incident.io>", "Zayo"),
        ("Zayo Status <notifications@notifications.openstatus.dev>", "Zayo Status"),
    ],
)
def test_other_systems_name_the_page_beside_their_address(sender: str, name: str) -> None:
    notification = decode(bytes(message("", sender=sender, subject="Core router down", body="We look into it.\n")))
    page = page_of(notification.sender, notification)

    assert page is not None
    assert page.names == (name,)
    assert [provider.name for provider in writers_of(notification.sender, notification, KNOWN)] == ["zayo"]


def test_a_sender_that_only_looks_like_a_system_is_none() -> None:
    for sender in ("x@notstatuspage.io", "x@statuspage.io.evil.example", "noreply@evil.example"):
        notification = decode(bytes(message(sender=f"Megaport Status <{sender}>")))

        assert page_of(notification.sender, notification) is None
        assert writers_of(notification.sender, notification, KNOWN) == ()


# Whose mail it is


def test_a_mail_of_a_known_page_opens_an_outage_of_its_provider() -> None:
    reading = read(message("Megaport", PASSED))

    assert (reading.disposition, reading.reader) == (Disposition.APPLIED, "maintd/statuspage")
    assert [(update.provider, update.event_id, update.unverified) for update in reading.updates] == [
        ("megaport", "4kq81zvn0d2r", False)
    ]


def test_an_unknown_page_is_quarantined_with_what_to_do() -> None:
    reading = read(message("Acme Cloud (EU)", PASSED, sender=f"Acme Cloud (EU) <{STATUSPAGE}>"))

    assert reading.reason is Reason.UNKNOWN_PROVIDER
    assert reading.detail == (
        'the Statuspage page that it comes from is called "Acme Cloud (EU)", and no one provider is: '
        'give its provider aliases = ["acme-cloud-eu"] in the configuration'
    )


def test_a_mail_that_names_its_page_in_two_ways_is_of_nobody_unless_both_are_one_provider() -> None:
    reading = read(message("Zayo", PASSED, sender=f"Megaport <{STATUSPAGE}>"))
    same = read(message("Telia", PASSED, sender=f"Arelion <{STATUSPAGE}>"))

    assert reading.reason is Reason.UNKNOWN_PROVIDER
    assert reading.detail == (
        'the Statuspage page that it comes from is called "Megaport" and "Zayo", and no one provider is'
    )
    assert providers_of(same) == ["arelion"]


def test_a_known_name_beside_an_unknown_one_is_not_enough() -> None:
    reading = read(message("Megaport", PASSED, sender=f"Acme <{STATUSPAGE}>"))

    assert reading.reason is Reason.UNKNOWN_PROVIDER
    assert 'aliases = ["acme"]' in reading.detail


def test_the_address_of_a_system_that_was_assigned_to_a_provider_makes_no_other_page_its_own() -> None:
    assigned = directory((), {STATUSPAGE: "zayo"})

    assert (
        read(message("Acme", PASSED, sender=f"Acme <{STATUSPAGE}>"), known=assigned).reason is Reason.UNKNOWN_PROVIDER
    )
    assert providers_of(read(message("Megaport", PASSED), known=assigned)) == ["megaport"]


def test_a_mail_of_a_system_that_names_no_page_is_whose_its_address_is() -> None:
    body = BODY.partition("You received")[0].format(link=LINK)
    nameless = message("", PASSED, sender=STATUSPAGE, subject="Packet loss in Perth", body=body)

    assert providers_of(read(nameless, known=directory((), {STATUSPAGE: "zayo"}))) == ["zayo"]
    assert read(nameless).reason is Reason.UNKNOWN_PROVIDER


def test_a_page_that_writes_from_its_providers_own_domain_needs_no_name() -> None:
    results = f"{OURS}; dmarc=pass header.from=megaport.com"

    assert providers_of(read(message("Metro", results, sender="Metro <status@megaport.com>"))) == ["megaport"]


# What it must prove


@pytest.mark.parametrize(
    "results",
    [
        (),
        (f"{OURS}; dmarc=fail header.from=statuspage.io",),
        (f"{OURS}; dmarc=pass header.from=evil.example; dkim=pass header.d=evil.example",),
        (f"{OURS}; spf=pass smtp.mailfrom=statuspage.io",),
        (f"{OURS}; dmarc=pass header.from=megaport.com; dkim=pass header.d=megaport.com",),
        ("mx.evil.example; dmarc=pass header.from=statuspage.io", PASSED),
    ],
)
def test_a_page_that_does_not_prove_its_system_is_untrusted(results: tuple[str, ...]) -> None:
    reading = read(message("Megaport", *results))

    assert (reading.disposition, reading.reason, reading.updates) == (Disposition.QUARANTINED, Reason.UNTRUSTED, ())


@pytest.mark.parametrize("results", [PASSED, f"{OURS}; dkim=pass header.d=statuspage.io"])
def test_the_proof_of_a_page_is_that_of_its_system(results: str) -> None:
    (update,) = read(message("Megaport", results)).updates

    assert not update.unverified


@pytest.mark.parametrize("authentication", ["none", "dkim", "dmarc"])
def test_what_is_asked_of_a_providers_own_mails_is_not_asked_of_its_page(authentication: str) -> None:
    known = directory([Provider(name="megaport", authentication=authentication)])

    assert read(message("Megaport"), known=known).reason is Reason.UNTRUSTED
    assert providers_of(read(message("Megaport", PASSED), known=known)) == ["megaport"]


def test_a_proof_of_the_system_proves_no_mail_that_is_no_page_of_it() -> None:
    reading = read(message("Megaport", PASSED, sender="Megaport <status@megaport.com>"))

    assert reading.reason is Reason.UNTRUSTED


def test_the_name_of_a_page_beside_any_other_address_says_nothing() -> None:
    reading = read(
        message("Megaport", f"{OURS}; dmarc=pass header.from=evil.example", sender="Megaport <x@evil.example>")
    )

    assert (reading.reason, reading.provider, reading.updates) == (Reason.UNKNOWN_PROVIDER, None, ())


def test_a_mail_of_a_page_that_somebody_sends_on_counts_only_from_whom_the_mailbox_trusts() -> None:
    trusted = Terms(authserv_id=OURS, trusted_forwarders=("@ridgeline.example",))
    raw = forwarded(message("Megaport"), f"{OURS}; dmarc=pass header.from=ridgeline.example")

    assert providers_of(read(raw, trusted)) == ["megaport"]
    assert read(raw, ASKED).reason is Reason.UNTRUSTED
    assert read(forwarded(message("Acme", sender=STATUSPAGE)), trusted).reason is Reason.UNKNOWN_PROVIDER


def test_a_page_cannot_send_on_the_mail_of_another() -> None:
    inner = message("Zayo", sender=f"Zayo <{STATUSPAGE}>")
    outer = message("Acme", PASSED, sender=f"Acme <{STATUSPAGE}>")
    outer.add_attachment(inner)

    assert read(outer).updates == ()


def test_a_mail_of_a_page_attached_to_another_is_whose_page_it_is() -> None:
    outer = message("", sender="jo@ridgeline.example", subject="Fwd", body="See there.\n")
    outer.add_attachment(message("Megaport"))

    assert providers_of(read(outer, Terms())) == ["megaport"]


def test_a_system_becomes_no_provider_by_a_calendar() -> None:
    lines = ("UID:1", "DTSTAMP:20270310T080000Z", "DTSTART:20270320T080000Z", "DTEND:20270320T090000Z")
    stated = ("X-MAINTNOTE-PROVIDER:acme", "X-MAINTNOTE-MAINTENANCE-ID:M-1", "X-MAINTNOTE-OBJECT-ID:C-1")
    calendar = "\r\n".join(("BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, *stated, "END:VEVENT", "END:VCALENDAR", ""))
    mail = message("", PASSED, sender=STATUSPAGE, subject="Planned")
    mail.set_content(calendar, subtype="calendar")
    elsewhere = message(
        "", f"{OURS}; dmarc=pass header.from=acme.example", sender="noc@acme.example", subject="Planned"
    )
    elsewhere.set_content(calendar, subtype="calendar")

    assert read(mail).reason is Reason.UNKNOWN_PROVIDER
    assert providers_of(read(elsewhere)) == ["acme.example"]


# What it is about


@pytest.mark.parametrize(
    "head",
    ["New incident: Investigating", "Incident status: Monitoring", "Incident resolved", "Incident status: Postmortem"],
)
@pytest.mark.parametrize("sender", [STATUSPAGE, "status@megaport.com"])
def test_a_mail_with_a_line_of_an_incident_and_its_link_is_about_an_outage(head: str, sender: str) -> None:
    notification = decode(bytes(message(sender=sender, body=BODY.replace("New incident: Investigating", head))))

    assert page_sort(notification) is None
    notification = decode(
        bytes(
            message(
                sender=sender, body=BODY.format(page="Megaport", link=LINK).replace("New incident: Investigating", head)
            )
        )
    )
    assert page_sort(notification) is Kind.OUTAGE
    assert sort_of(notification) is Sort.OUTAGE


@pytest.mark.parametrize(
    ("subject", "head", "about"),
    [
        ("Megaport Incident - Packet loss", "An update has been posted", Kind.OUTAGE),
        ("Megaport Incident - Emergency maintenance on a core router", "Incident status: Identified", Kind.OUTAGE),
        ("[External] Fwd: Megaport Incident - Packet loss", "An update has been posted", Kind.OUTAGE),
        ("Megaport Scheduled Maintenance - Core upgrade", "An update has been posted", Kind.MAINTENANCE),
        ("Megaport Maintenance - Core upgrade", "Scheduled", Kind.MAINTENANCE),
        ("Megaport Maintenance Completed - Core upgrade", "Completed", Kind.MAINTENANCE),
        ("Core upgrade", "An update has been posted", None),
        ("Confirm your subscription to Megaport", "Confirm", None),
    ],
)
def test_planned_work_of_a_page_is_no_outage(subject: str, head: str, about: Kind | None) -> None:
    body = BODY.format(page="Megaport", link=LINK).replace("New incident: Investigating", head)

    assert page_sort(decode(bytes(message(subject=subject, body=body)))) is about


@pytest.mark.parametrize("subject", ["Megaport Maintenance - Core upgrade", "Megaport Scheduled Maintenance - Core"])
def test_planned_work_of_a_page_opens_no_outage_and_is_kept_for_a_person(subject: str) -> None:
    body = BODY.format(page="Megaport", link=LINK).replace("New incident: Investigating", "An update has been posted")
    reading = read(message("Megaport", PASSED, subject=subject, body=body))

    assert (reading.disposition, reading.reason, reading.updates) == (Disposition.QUARANTINED, Reason.UNPARSED, ())
    assert reading.provider == "megaport"


@pytest.mark.parametrize(
    ("subject", "body", "about"),
    [
        (
            "New Incident Reported",
            "# A new incident was reported at Acme.\n\nView: https://s.example/incidents/3",
            Kind.OUTAGE,
        ),
        ("Incident Updated", "# Loss was updated to Watching\n\nView: https://s.example/incidents/3", Kind.OUTAGE),
        (
            "New Schedule Created",
            "# A new scheduled maintenance was created.\n\nCore was scheduled for x",
            Kind.MAINTENANCE,
        ),
        ("Component Status Updated", "Core status changed from Operational to Major Outage.", None),
        ("[Scheduled Maintenance Started] Core", "More: https://s.example/scheduled-events/3", Kind.MAINTENANCE),
        ("Prices", "# Our offer was updated to Fixed\n\nprices for all.", None),
    ],
)
def test_systems_that_send_from_a_pages_own_address_are_told_by_their_words(
    subject: str, body: str, about: Kind | None
) -> None:
    assert page_sort(decode(bytes(message("", sender="status@zayo.com", subject=subject, body=body)))) is about


def test_an_answer_that_quotes_a_mail_of_a_page_is_about_nothing() -> None:
    quoted = "".join(f"> {line}\n" for line in BODY.format(page="Megaport", link=LINK).splitlines())
    answer = message(
        sender="Jo <noc@megaport.com>", subject="Re: Megaport Incident - Packet loss", body=f"Thanks!\n\n{quoted}"
    )

    assert page_sort(decode(bytes(answer))) is None


@pytest.mark.parametrize(
    ("body", "incidents"),
    [
        ("see https://stspg.io/4kq81zvn0d2r.", ("4kq81zvn0d2r",)),
        ("see http://stspg.io/4KQ81 and https://status.acme.example/incidents/ab12cd", ("4KQ81", "ab12cd")),
        ("https://safe.example/?url=https%3A%2F%2Fstspg.io%2F4kq81zvn0d2r&data=1", ("4kq81zvn0d2r",)),
        ("https://guard.example/v3/__https://stspg.io/4kq81zvn0d2r__;!!x", ("4kq81zvn0d2r",)),
        ("https://acme.example/incidents/", ()),
        ("https://notstspg.io/4kq81zvn0d2r", ()),
    ],
)
def test_an_incident_is_the_last_part_of_its_link(body: str, incidents: tuple[str, ...]) -> None:
    assert incidents_in(decode(bytes(message(body=body)))) == incidents


def test_every_system_is_known_from_a_public_source() -> None:
    assert all(system.known_from.startswith("https://") for system in SYSTEMS)
