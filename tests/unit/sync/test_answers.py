"""What an answer that is no success means, by its status, its headers and its words."""

import json
from datetime import UTC, datetime

import pytest

from domain.errors import NetboxFailure
from sync.answers import failure, one_line, retry_after, stamp, words

DATE = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "is_json", "asks_for_time", "meant"),
    [
        (400, True, False, NetboxFailure.REFUSED),
        (400, False, False, NetboxFailure.BROKEN),
        (401, True, False, NetboxFailure.FORBIDDEN),
        (403, True, False, NetboxFailure.FORBIDDEN),
        (404, True, False, NetboxFailure.MISSING),
        (404, False, False, NetboxFailure.MISSING),
        (405, True, False, NetboxFailure.BROKEN),
        (408, False, False, NetboxFailure.UNREACHABLE),
        (409, True, False, NetboxFailure.CONFLICT),
        (412, True, False, NetboxFailure.CONFLICT),
        (413, False, False, NetboxFailure.REFUSED),
        (414, False, False, NetboxFailure.REFUSED),
        (429, False, False, NetboxFailure.THROTTLED),
        (429, True, True, NetboxFailure.THROTTLED),
        (500, True, False, NetboxFailure.BROKEN),
        (500, False, True, NetboxFailure.BROKEN),
        (502, False, False, NetboxFailure.UNREACHABLE),
        (503, False, False, NetboxFailure.UNREACHABLE),
        (503, False, True, NetboxFailure.THROTTLED),
        (504, False, False, NetboxFailure.UNREACHABLE),
        (302, False, False, NetboxFailure.BROKEN),
        (599, False, False, NetboxFailure.BROKEN),
    ],
)
def test_a_status_means_one_kind_of_failure(status, is_json, asks_for_time, meant):
    assert failure(status, is_json=is_json, asks_for_time=asks_for_time) is meant


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"detail": "Invalid v1 token"}, "Invalid v1 token"),
        ({"end": ["Not after start."], "status": ["Bad.", "Worse."]}, "end: Not after start.; status: Bad., Worse."),
        ({"__all__": ["It already exists."]}, "It already exists."),
        ({"custom_fields": {"noc": "Unknown."}}, "custom_fields: noc: Unknown."),
        ([{}, {"status": ["Bad."]}, {}], "object 2 of 3: status: Bad."),
        ({"error": "no\n\twire", "exception": "OperationalError"}, "error: no wire; exception: OperationalError"),
        ("no", "no"),
        (None, ""),
        ([], ""),
        (7, "7"),
    ],
)
def test_the_words_of_json_are_its_messages_in_one_line(said, line):
    assert words(json.dumps(said), is_json=True) == line


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("<html><head><title>Server Error &lt;500&gt;</title></head><body>Much</body></html>", "Server Error <500>"),
        ("<h1>Bad Request (400)</h1>", "Bad Request (400)"),
        ("<style>h1 {color: red}</style><script>let a = 1</script><p>Gone\r\n\x00away</p>", "Gone away"),
        ("", ""),
        ("upstream timed out", "upstream timed out"),
    ],
)
def test_the_words_of_a_page_are_its_title_or_else_its_text(page, line):
    assert words(page, is_json=False) == line


def test_what_calls_itself_json_and_is_none_is_quoted_as_it_is():
    assert words('{"detail": "cut he', is_json=True) == '{"detail": "cut he'


def test_json_nested_beyond_reason_has_words_all_the_same():
    assert words("[" * 100_000, is_json=True) == "[" * 499 + "…"
    assert words("[" * 50 + '"deep"' + "]" * 50, is_json=True) == ""


def test_words_are_cut_to_500_characters():
    assert one_line("a" * 500) == "a" * 500
    assert one_line("a" * 501) == "a" * 499 + "…"
    assert len(words("<" * 1_000_000, is_json=False)) == 500
    assert len(words("<p " * 400_000, is_json=False)) == 500


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Mon, 01 Mar 2027 12:01:30 GMT", 90.0),
        ("Mon, 01 Mar 2027 11:00:00 GMT", 0.0),
        ("Monday, 01-Mar-27 12:00:05 GMT", 5.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 400, None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_time_counted_from_the_servers_own_clock(header, seconds):
    assert retry_after(header, date=DATE) == seconds


def test_a_time_to_retry_is_not_counted_from_a_clock_that_the_server_has_not_told():
    assert retry_after("Mon, 01 Mar 2027 12:01:30 GMT", date=None) is None


def test_a_date_is_read_as_utc():
    assert stamp("Mon, 01 Mar 2027 12:00:00 GMT") == DATE
    assert stamp("Mon, 01 Mar 2027 14:00:00 +0200") == DATE
    assert stamp("Mon, 01 Mar 2027 12:00:00 -0000") == DATE
    assert stamp("yesterday") is None
