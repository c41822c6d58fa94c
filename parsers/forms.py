"""The forms of notices, one line each, and what a notice in that form states. A reader bears the name of its form.

Who writes in which form stands in ``parsers.providers``; what reads a form is found in ``parsers.readers``.
"""

from dataclasses import dataclass
from enum import StrEnum

BCOP = "bcop"


class DateOrder(StrEnum):
    """In which order a form writes a date."""

    DAY_MONTH = "day-month"
    MONTH_DAY = "month-day"
    YEAR_MONTH_DAY = "year-month-day"
    MONTH_BY_NAME = "month by name"


class IdRule(StrEnum):
    """How a form names the event that it is about."""

    STATED = "stated"
    # ``N-k`` is window k of the maintenance N.
    NUMBERED_WINDOWS = "numbered windows"
    # The form states no id: the digest of the sorted circuits stands for one.
    CIRCUITS = "circuits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of notices. ``states_impact``: it says what happens to a circuit, and OUTAGE is not merely filled in.

    ``date_order`` and ``zone`` say how it writes times: ``zone`` is an IANA name, or "stated" where each notice names
    it. ``known_from`` is where that is known from. ``faults`` are known faults of the parser library in this form, each
    with what is done about it.
    """

    name: str
    date_order: DateOrder
    zone: str
    known_from: str
    faults: tuple[str, ...] = ()
    states_impact: bool = False
    id_rule: IdRule = IdRule.STATED


# Impact: by the library's parsers of 2.12.0.
FORMS: tuple[Form, ...] = (
    # The calendars of BCOP maintnote, whoever wrote them.
    Form(
        name=BCOP,
        states_impact=True,
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="stated",
        known_from="RFC 5545 3.3.5",
        faults=(
            "Two maintenance ids become one text: the PRIMARY one is taken, the other finds the event too.",
            "The impact of a single object is passed over: it is read.",
            "METHOD and STATUS are not read, words in small letters are an error: they are understood.",
        ),
    ),
    Form(
        name="apple",
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="stated",
        known_from="tests/mail/apple/planned.eml",
        faults=(
            "The stamp is the start: the Date of the notice orders it.",
            "Every notice is confirmed: what its subject or headline says of the work counts.",
        ),
    ),
    Form(
        name="aquacomms",
        date_order=DateOrder.DAY_MONTH,
        zone="stated",
        known_from="tests/mail/aquacomms/planned.eml",
        faults=("Every notice is confirmed: what its subject or headline says of the work counts.",),
    ),
    Form(
        name="arelion",
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="UTC",
        known_from="tests/mail/arelion/confirmed.eml",
    ),
    Form(
        name="att",
        date_order=DateOrder.MONTH_BY_NAME,
        zone="UTC",
        known_from="tests/mail/att/planned_with_spreadsheet.eml",
        faults=("Every notice is confirmed: what its subject or headline says of the work counts.",),
    ),
    Form(
        name="aws",
        id_rule=IdRule.CIRCUITS,
        date_order=DateOrder.MONTH_BY_NAME,
        zone="stated",
        known_from="tests/mail/aws/planned.eml",
        faults=(
            "The html form is understood only as a whole mail: the hand-over gives it the lines that it wants.",
            "Its made-up id changes with the window: that of the circuits stands for it.",
        ),
    ),
    Form(
        name="bso",
        states_impact=True,
        date_order=DateOrder.MONTH_BY_NAME,
        zone="stated",
        known_from="tests/mail/bso/two_timeslots_and_a_backup.eml",
        faults=(
            "Several timeslots become one, from the first start to the last end: they are read again.",
            "A start is taken for an announcement: its headline is read.",
            "A zone other than UTC is dropped: the times are read again.",
        ),
    ),
    Form(
        name="cirion",
        states_impact=True,
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="UTC",
        known_from="tests/mail/cirion/planned.eml",
        faults=("A circuit with another impact than an outage is left out: the rows are read again.",),
    ),
    Form(
        name="cogent",
        date_order=DateOrder.MONTH_DAY,
        zone="stated",
        known_from="tests/mail/cogent/planned.eml",
        faults=("Read as day/month, and a city is looked for without its state: a reader of our own reads it.",),
    ),
    Form(
        name="colt",
        date_order=DateOrder.DAY_MONTH,
        zone="stated",
        known_from="tests/mail/colt/announced.eml",
        faults=("What it does not know is confirmed: what the subject or headline says of the work counts.",),
    ),
    Form(
        name="crowncastle",
        states_impact=True,
        date_order=DateOrder.MONTH_DAY,
        zone="UTC",
        known_from="tests/mail/crowncastle/scheduled.eml",
        faults=(
            "Of several days the first that ends completes the event: the last one does.",
            'Whatever is not "None" is an outage: the impacts are read again.',
        ),
    ),
    Form(
        name="equinix",
        states_impact=True,
        date_order=DateOrder.MONTH_BY_NAME,
        zone="UTC",
        known_from="tests/mail/equinix/local_new_year.eml",
        faults=(
            "A time in UTC has the year of the local date, a year off at new year: a reader of our own reads it.",
            "An impact in unknown words is an error, cancelled scheduled work is confirmed: neither is so there.",
        ),
    ),
    Form(
        name="eunetworks",
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="UTC",
        known_from="tests/mail/eunetworks/announced.eml",
    ),
    Form(
        name="flag",
        states_impact=True,
        date_order=DateOrder.MONTH_BY_NAME,
        zone="UTC",
        known_from="tests/mail/flag/two_windows_and_backups.eml",
        faults=(
            "Of several windows the last one stands for all: they are read again.",
            "A loss of resiliency, and no impact, are taken for an outage: the impacts are read again.",
            "What it does not know is confirmed: what the subject or headline says of the work counts.",
        ),
    ),
    Form(
        name="globalcloudxchange",
        states_impact=True,
        date_order=DateOrder.MONTH_BY_NAME,
        zone="UTC",
        known_from="tests/mail/globalcloudxchange/emergency.eml",
        faults=(
            "Several windows are one, as in the subject: they are read again.",
            "A notice of a cancellation is taken for confirmed: the subject says cancelled.",
        ),
    ),
    Form(
        name="google",
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="stated",
        known_from="tests/mail/google/scheduled.eml",
        faults=(
            'The first word in brackets of the subject is the status: the one before "Google" is taken.',
            "Without an end it lasts an hour: the duration is taken; without that too it stands, with a warning.",
        ),
    ),
    Form(
        name="gtt",
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="UTC",
        known_from="tests/mail/gtt/planned.eml",
        faults=(
            "A cancellation that states no times has those of 1970: they are left out.",
            "The number of an order is taken for the account: only a column Customer names one, row by row.",
            "An update is taken for a new time: only one with a time struck out is.",
            "A street with End in its name is taken for the end: the hand-over writes it small.",
        ),
    ),
    Form(
        name="hawaiki",
        states_impact=True,
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="stated",
        known_from="tests/mail/hawaiki/announced.eml",
        faults=("Not read by the library of 2.12.0: a reader of our own reads it.",),
    ),
    Form(
        name="hgc",
        date_order=DateOrder.MONTH_BY_NAME,
        zone="stated",
        known_from="tests/mail/hgc/half_past_the_hour.eml",
        faults=(
            "Without a table it loses the minutes, and a zone other than UTC is dropped: the times are read again.",
            "Every notice is confirmed: what its subject or headline says of the work counts.",
        ),
    ),
    Form(
        name="kpn",
        states_impact=True,
        date_order=DateOrder.DAY_MONTH,
        zone="Europe/Amsterdam",
        known_from="tests/mail/kpn/announced.eml",
        faults=("Not read by the library of 2.12.0: a reader of our own reads it.",),
    ),
    Form(
        name="lumen",
        states_impact=True,
        id_rule=IdRule.NUMBERED_WINDOWS,
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="UTC",
        known_from="tests/mail/lumen/scheduled.eml",
        faults=(
            "Of several windows all have the number, status and circuits of one: each is read by its own.",
            "Ten rows of nine cells are taken for nine rows of ten: the hand-over adds an empty row.",
        ),
    ),
    Form(
        name="megaport",
        date_order=DateOrder.MONTH_BY_NAME,
        zone="UTC",
        known_from="tests/mail/megaport/reminder.eml",
        faults=("Every notice is confirmed: what its subject or headline says of the work counts.",),
    ),
    Form(
        name="momentum",
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="stated",
        known_from="tests/mail/momentum/in_central_time.eml",
        faults=(
            "A zone other than UTC is dropped: the times are read again.",
            "Every notice is confirmed: what its subject or headline says of the work counts.",
        ),
    ),
    Form(
        name="netflix",
        id_rule=IdRule.CIRCUITS,
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="UTC",
        known_from="tests/mail/netflix/scheduled.eml",
        faults=(
            "Its made-up id changes with the window: that of the circuits stands for it.",
            "Every notice is confirmed: what its subject or headline says of the work counts.",
            "A single hour is no length, and that of the draining is added: the expected downtime is taken.",
        ),
    ),
    Form(
        name="ntt",
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="UTC",
        known_from="tests/mail/ntt/no_change.eml",
    ),
    Form(
        name="packetfabric",
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="UTC",
        known_from="tests/mail/packetfabric/series_1_tentative.eml",
    ),
    Form(
        name="pccw",
        date_order=DateOrder.DAY_MONTH,
        zone="UTC",
        known_from="tests/mail/pccw/completed_without_circuits.eml",
        faults=("Its calendars are passed over: the hand-over gives them the type that the filter asks for.",),
    ),
    Form(
        name="retn",
        states_impact=True,
        date_order=DateOrder.DAY_MONTH,
        zone="UTC",
        known_from="tests/mail/retn/opened.eml",
        faults=(
            "The heading of a second group of services is taken for a circuit: the groups are read again.",
            "Every update is taken for work in process: it is what it says.",
        ),
    ),
    Form(
        name="seaborn",
        date_order=DateOrder.MONTH_DAY,
        zone="stated",
        known_from="tests/mail/seaborn/rescheduled.eml",
        faults=(
            "A subject without a prefix is not understood: the hand-over gives it one.",
            "A zone other than UTC is dropped: the times are read again.",
            "Every notice is confirmed: what its subject or headline says of the work counts.",
        ),
    ),
    Form(
        name="sparkle",
        date_order=DateOrder.MONTH_DAY,
        zone="stated",
        known_from="tests/mail/sparkle/two_days_under_one_ticket.eml",
        faults=(
            "Of several windows under one ticket the first stands for all: they are read again.",
            "Every notice is confirmed: what its subject or headline says of the work counts.",
        ),
    ),
    Form(
        name="summitig",
        states_impact=True,
        date_order=DateOrder.MONTH_DAY,
        zone="stated",
        known_from="tests/mail/summitig/scheduled_in_utc.eml",
        faults=("Times in UTC are not understood: a reader of our own reads it.",),
    ),
    Form(
        name="tata",
        date_order=DateOrder.YEAR_MONTH_DAY,
        zone="UTC",
        known_from="tests/mail/tata/first_reminder.eml",
        faults=("What it does not know is confirmed: what the subject or headline says of the work counts.",),
    ),
    Form(
        name="telstra",
        date_order=DateOrder.MONTH_BY_NAME,
        zone="UTC",
        known_from="tests/mail/telstra/out_of_order_then_in_original.eml",
        faults=(
            "In the newer form the account and the summary are spoilt: they are read again.",
            "Any word of the notice is taken for its status: the one at its head is taken.",
        ),
    ),
    Form(
        name="telxius",
        states_impact=True,
        date_order=DateOrder.MONTH_BY_NAME,
        zone="UTC",
        known_from="tests/mail/telxius/scheduled.eml",
        faults=(
            "A cancellation is not understood, or is confirmed: a reader of our own reads it.",
            "Each window is a maintenance of its own, a backup too: they are windows of one.",
            "A loss of protection is taken for an outage: it is none.",
        ),
    ),
    Form(
        name="turkcell",
        states_impact=True,
        date_order=DateOrder.DAY_MONTH,
        zone="Europe/Istanbul",
        known_from="tests/mail/turkcell/planned.eml",
        faults=(
            "Read as month.day and behind GMT, circuits of 0 and 1 alone: a reader of our own reads it.",
            "Every notice is confirmed: what its subject or headline says of the work counts.",
        ),
    ),
    Form(
        name="verizon",
        date_order=DateOrder.MONTH_BY_NAME,
        zone="UTC",
        known_from="tests/mail/verizon/rescheduled.eml",
        faults=("What it does not know is confirmed: what the subject or headline says of the work counts.",),
    ),
    Form(
        name="vodafone",
        states_impact=True,
        date_order=DateOrder.DAY_MONTH,
        zone="stated",
        known_from="tests/mail/vodafone/planned.eml",
        faults=(
            "A zone other than UTC is dropped: the times are read again.",
            "All circuits are given to the customer of the last row: each is given to that of its row.",
            "What it does not know is confirmed: what the subject or headline says of the work counts.",
            "What is no loss of service is degraded, no impact too: the impacts are read again.",
        ),
    ),
    Form(
        name="windstream",
        states_impact=True,
        date_order=DateOrder.MONTH_DAY,
        zone="stated",
        known_from="tests/mail/windstream/planned.eml",
        faults=(
            "A start in the hour that comes twice is an hour late, and EST is literal: the times are read again.",
            "All circuits are given to the customer of the last row: each is given to that of its row.",
            "A notice without an outage is not understood: the hand-over gives it one, the impacts are read again.",
        ),
    ),
    Form(
        name="zayo",
        states_impact=True,
        date_order=DateOrder.MONTH_BY_NAME,
        zone="UTC",
        known_from="tests/mail/zayo/three_nights.eml",
        faults=("The ticket that a new one replaces is not read: it is read from the text.",),
    ),
)

BY_NAME = {form.name: form for form in FORMS}
