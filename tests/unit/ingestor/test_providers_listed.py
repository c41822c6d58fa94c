"""What `maintd providers` says of a provider: whose mails are its, and how it writes."""

from domain.vocabulary import Kind
from ingestor import reports
from parsers.providers import Provider, Template, directory

TEMPLATE = Template(name="ours", kind=Kind.OUTAGE, subject=("(?P<ticket>x)",))
LUMEN = Provider(name="lumen", outage_readers=("statuspage",), templates=(TEMPLATE,))
NEW = Provider(name="new", senders=("@new.example",))
CHANGED = Provider(name="windstream", date_order="day-month", zone="America/Chicago", literal_zones=True)


def test_a_provider_is_listed_with_how_it_writes_in_its_likeliest_form():
    listed = {row["name"]: row for row in reports.providers_json(directory([CHANGED, NEW]), {"telxius": 3})}

    assert listed["telxius"] == {
        "name": "telxius",
        "aliases": [],
        "senders": ["@telxius.com"],
        "readers": ["bcop", "telxius"],
        "outage_readers": [],
        "templates": [],
        "ids": "stated",
        "date_order": "month by name",
        "zone": "UTC",
        "literal_zones": False,
        "states_impact": True,
        "sends_completions": False,
        "messages": 3,
    }
    assert [listed["windstream"][name] for name in ("date_order", "zone", "literal_zones")] == [
        "day-month",
        "America/Chicago",
        True,
    ]
    assert [listed["new"][name] for name in ("readers", "date_order", "zone")] == [["bcop"], "year-month-day", "stated"]


def test_the_list_for_a_person_says_the_same(capsys):
    rows = reports.providers_json(directory([CHANGED, LUMEN]), {"zayo": 2})

    reports.print_providers(row for row in rows if row["name"] in ("lumen", "windstream", "zayo"))

    assert [line.split("\t") for line in capsys.readouterr().out.splitlines()] == [
        [
            *("lumen = centurylink", "@lumen.com, @centurylink.com", "ours, statuspage, lumen", "numbered windows"),
            *("year-month-day", "UTC", "impact, completion", "0"),
        ],
        [
            *("windstream", "@windstream.com", "windstream", "stated"),
            *("day-month", "America/Chicago, EST is literal", "impact", "0"),
        ],
        ["zayo", "@zayo.com", "zayo", "stated", "month by name", "UTC", "impact, completion", "2"],
    ]
