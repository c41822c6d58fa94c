"""The connection to a NetBox: what is sent, in how many requests, and what each failure is called."""

import socket
from datetime import UTC, datetime

import pytest

from domain.errors import ConfigurationError, NetboxError, NetboxFailure
from sync.netbox import Netbox
from tests.servers.scripted import Answer, scripted

V1 = "0123456789abcdef0123456789abcdef01234567"
V2 = "nbt_abcdefghijkl.0123456789abcdef0123456789abcdef01234567"
IMPACTS = "plugins/maintenance/circuitmaintenanceimpact"
EVENT = {"id": 4, "name": "PW-2027-1"}


def connected(server, token=V1, **options):
    return Netbox(server.url, token, **{"timeout_seconds": 5, **options})


def failing(netbox, ask):
    with pytest.raises(NetboxError) as caught:
        ask(netbox)
    return caught.value


def page(*rows, count=None, following=None):
    return Answer(body={"count": len(rows) if count is None else count, "next": following, "results": list(rows)})


# --- what is sent


@pytest.mark.parametrize(("token", "header"), [(V1, f"Token {V1}"), (V2, f"Bearer {V2}"), (f" {V1}\n", f"Token {V1}")])
def test_each_kind_of_token_goes_under_its_own_scheme(token, header):
    with scripted(Answer(body={})) as server, connected(server, token) as netbox:
        netbox.get("status")

    assert server.asked[0].headers["Authorization"] == header


def test_nothing_in_the_environment_has_a_say(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with scripted(Answer(body={})) as server, connected(server) as netbox:
        netbox.get("status")

    assert server.asked[0].headers["Authorization"] == f"Token {V1}"


@pytest.mark.parametrize("url", ["", "/", "/api", "/api/"])
@pytest.mark.parametrize("path", ["status", "/status/", "status/"])
def test_a_path_ends_in_one_slash_however_it_and_the_url_are_written(url, path):
    with scripted(Answer(body={})) as server, Netbox(server.url + url, V1, timeout_seconds=5) as netbox:
        netbox.get(path)

    assert [asked.path for asked in server.asked] == ["/api/status/"]


def test_a_netbox_may_be_served_under_a_path():
    with scripted(Answer(body=EVENT)) as server, Netbox(f"{server.url}/netbox/", V1, timeout_seconds=5) as netbox:
        netbox.change_one(IMPACTS, 4, {"impact": "OUTAGE"})

    assert [(asked.method, asked.path, asked.body) for asked in server.asked] == [
        ("PATCH", f"/netbox/api/{IMPACTS}/4/", {"impact": "OUTAGE"})
    ]


def test_headers_of_an_operators_own_are_sent_and_never_in_place_of_the_token():
    own = {"X-Gate": "open", "Authorization": "Basic eDp5"}
    with scripted(Answer(body={})) as server, connected(server, headers=own) as netbox:
        netbox.get("status")

    assert server.asked[0].headers["X-Gate"] == "open"
    assert server.asked[0].headers["Authorization"] == f"Token {V1}"


def test_each_method_is_one_request_with_its_body():
    made, changed = {"id": 7}, [{"id": 8}, {"id": 7}]
    with (
        scripted(
            Answer(status=201, body=made),
            Answer(status=201, body=[made, made]),
            Answer(body=changed),
            Answer(status=204, body=b""),
            Answer(status=204, body=b""),
            Answer(body={"actions": {}}),
        ) as server,
        connected(server) as netbox,
    ):
        assert netbox.create(IMPACTS, {"circuit": 1}) == made
        assert netbox.create(IMPACTS, [{"circuit": 1}, {"circuit": 2}]) == [made, made]
        assert netbox.change(IMPACTS, [{"id": 7, "impact": None}, {"id": 8, "impact": None}]) == changed
        netbox.delete(IMPACTS, [7, 8])
        netbox.delete_one(IMPACTS, 0)
        assert netbox.options(IMPACTS) == {"actions": {}}

    assert [(asked.method, asked.path.removeprefix(f"/api/{IMPACTS}/"), asked.body) for asked in server.asked] == [
        ("POST", "", {"circuit": 1}),
        ("POST", "", [{"circuit": 1}, {"circuit": 2}]),
        ("PATCH", "", [{"id": 7, "impact": None}, {"id": 8, "impact": None}]),
        ("DELETE", "", [{"id": 7}, {"id": 8}]),
        ("DELETE", "0/", None),
        ("OPTIONS", "", None),
    ]
    assert netbox.requests == len(server.asked) == 6


def test_an_empty_list_is_no_request():
    with scripted(Answer(body={})) as server, connected(server) as netbox:
        assert netbox.create(IMPACTS, []) == []
        assert netbox.change(IMPACTS, []) == []
        netbox.delete(IMPACTS, [])

    assert server.asked == []
    assert netbox.requests == 0


# --- lists


def test_a_list_is_read_page_after_page_from_the_server_that_was_configured():
    # Behind a proxy a server may name itself as nobody else does, and cut a page as it likes.
    elsewhere = "http://netbox.invalid/api/circuits/circuits/?limit=2&offset=2"
    pages = (
        page({"id": 1}, {"id": 2}, count=5, following=elsewhere),
        page({"id": 3}, {"id": 4}, count=5, following=elsewhere),
        page({"id": 5}, count=5),
    )
    with scripted(*pages) as server, connected(server) as netbox:
        rows = netbox.listed("circuits/circuits", cid__ie=["A 1", "B&2"], brief=True)

    assert [row["id"] for row in rows] == [1, 2, 3, 4, 5]
    assert [asked.query for asked in server.asked] == [
        {"ordering": ["id"], "cid__ie": ["A 1", "B&2"], "brief": ["true"], "limit": ["500"], "offset": [offset]}
        for offset in ("0", "2", "4")
    ]


def test_a_list_of_no_more_than_so_many_is_one_request():
    with scripted(page({"id": 1}, count=900)) as server, connected(server) as netbox:
        assert netbox.listed("circuits/circuits", most=1) == [{"id": 1}]

    assert [asked.query["limit"] for asked in server.asked] == [["1"]]


def test_a_list_that_shrinks_while_it_is_read_ends():
    with scripted(page({"id": 1}, count=2), page(count=1)) as server, connected(server) as netbox:
        assert netbox.listed("circuits/circuits") == [{"id": 1}]

    assert len(server.asked) == 2


# --- failures


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (Answer(status=400, body={"end": ["Not after start."]}), NetboxFailure.REFUSED, "400: end: Not after start."),
        (Answer(status=400, body=[{}, {"circuit": ["No"]}]), NetboxFailure.REFUSED, "400: object 2 of 2: circuit: No"),
        (Answer(status=403, body={"detail": "Invalid v2 token"}), NetboxFailure.FORBIDDEN, "403: Invalid v2 token"),
        (Answer(status=404, body={"detail": "No such"}), NetboxFailure.MISSING, "404: No such"),
        (Answer(status=409, body={"detail": "Taken"}), NetboxFailure.CONFLICT, "409: Taken"),
        (Answer(status=412, body={"detail": "Changed"}), NetboxFailure.CONFLICT, "412: Changed"),
        (Answer(status=500, body={"error": "x"}), NetboxFailure.BROKEN, "500: error: x"),
        (Answer(status=502, body=b"", headers={"Content-Type": "text/html"}), NetboxFailure.UNREACHABLE, "502"),
    ],
)
def test_a_failure_says_what_was_asked_and_what_the_server_said(answer, kind, text):
    with scripted(answer) as server, connected(server) as netbox:
        error = failing(netbox, lambda netbox: netbox.create(IMPACTS, [{"circuit": 1}, {"circuit": 2}]))

    assert (error.kind, error.words, str(error)) == (kind, text, f"NetBox: POST {IMPACTS}/: {text}")
    assert error.permanent is (kind is NetboxFailure.REFUSED)
    assert netbox.requests == 1


def test_the_words_of_a_long_refusal_are_one_line_of_500_characters():
    with scripted(Answer(status=400, body={"name": ["a\nb " * 9999]})) as server, connected(server) as netbox:
        error = failing(netbox, lambda netbox: netbox.create(IMPACTS, {}))

    assert len(error.words) == 500
    assert error.words.startswith("400: name: a b a b")
    assert error.words.endswith("…")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "17"}, 17.0),
        ({"Retry-After": "Mon, 01 Mar 2027 12:01:00 GMT", "Date": "Mon, 01 Mar 2027 12:00:00 GMT"}, 60.0),
    ],
)
def test_a_server_that_wants_fewer_requests_says_when_to_come_again(headers, seconds):
    with scripted(Answer(status=429, body=b"slow down", headers=headers)) as server, connected(server) as netbox:
        error = failing(netbox, lambda netbox: netbox.get("status"))

    assert (error.kind, error.retry_after) == (NetboxFailure.THROTTLED, seconds)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("verb", ["GET", "POST", "DELETE"])
def test_no_redirect_is_followed(verb, status):
    asks = {
        "GET": lambda netbox: netbox.get("status"),
        "POST": lambda netbox: netbox.create(IMPACTS, {"circuit": 1}),
        "DELETE": lambda netbox: netbox.delete(IMPACTS, [1]),
    }
    away = Answer(
        status=status, body=b"", headers={"Location": "https://netbox.example:x/api/", "Content-Type": "text/html"}
    )
    with scripted(away) as server, connected(server) as netbox:
        error = failing(netbox, asks[verb])

    assert [asked.method for asked in server.asked] == [verb]
    assert error.kind is NetboxFailure.BROKEN
    assert error.words == (
        f"{status}, it is at https://netbox.example:x/api/, which is not followed: expected its own URL"
    )


def test_a_page_in_place_of_json_is_named_by_its_title():
    html = Answer(body=b"<html><title>Sign in</title></html>", headers={"Content-Type": "text/html"})
    with scripted(html) as server, connected(server) as netbox:
        error = failing(netbox, lambda netbox: netbox.get("status"))

    assert (error.kind, error.words) == (
        NetboxFailure.BROKEN,
        "200, but no JSON: expected the URL of a NetBox: Sign in",
    )


ASKS = {
    "get": lambda netbox: netbox.get("status"),
    "listed": lambda netbox: netbox.listed(IMPACTS),
    "create": lambda netbox: netbox.create(IMPACTS, {"circuit": 1}),
    "create all": lambda netbox: netbox.create(IMPACTS, [{"circuit": 1}]),
    "change": lambda netbox: netbox.change(IMPACTS, [{"id": 1}]),
    "options": lambda netbox: netbox.options(IMPACTS),
}
NO_ANSWERS = {
    "nothing": (b"", ASKS),
    "null": (b"null", ASKS),
    "a number": (b"5", ASKS),
    "a text": (b'"text"', ASKS),
    "half": (b"{", ASKS),
    "no characters": (b"\xff\xfe", ASKS),
    "a long number": (b'{"a": ' + b"9" * 5000 + b"}", ASKS),
    "many brackets": (b"[" * 100_000, ASKS),
    "numbers": (b"[1]", ASKS),
    "no objects": (b"[]", ("get", "create", "create all", "options")),
    "an object": (b'{"detail": "well"}', ("listed", "create all", "change")),
    "a page of numbers": (b'{"count": 1, "results": [5]}', ("listed",)),
    "a page without ids": (b'{"count": 1, "results": [{"name": "x"}]}', ("listed",)),
    "a page without a count": (b'{"results": []}', ("listed",)),
    "a page that counts in words": (b'{"count": "many", "results": [{"id": 1}]}', ("listed",)),
    "a page without objects": (b'{"count": 1, "results": 7}', ("listed",)),
}


@pytest.mark.parametrize(("said", "ask"), [(said, ask) for said, (_, asks) in NO_ANSWERS.items() for ask in asks])
def test_json_of_another_shape_is_no_answer(said, ask):
    with scripted(Answer(body=NO_ANSWERS[said][0])) as server, connected(server) as netbox:
        error = failing(netbox, ASKS[ask])

    assert error.kind is NetboxFailure.BROKEN
    assert len(server.asked) == 1


def test_a_list_that_was_created_in_part_is_no_success():
    with scripted(Answer(status=201, body=[{"id": 1}])) as server, connected(server) as netbox:
        error = failing(netbox, lambda netbox: netbox.create(IMPACTS, [{"circuit": 1}, {"circuit": 2}]))

    assert (error.kind, error.words) == (NetboxFailure.BROKEN, "strange answer: got 1 objects, expected 2")


def test_a_silent_server_is_left_and_nothing_is_sent_again():
    with scripted(Answer(silent=True)) as server, connected(server, timeout_seconds=0.2) as netbox:
        error = failing(netbox, lambda netbox: netbox.create(IMPACTS, {"circuit": 1}))

        assert (error.kind, error.words) == (NetboxFailure.UNREACHABLE, "no answer within 0.2 seconds")
        assert len(server.asked) == netbox.requests == 1


def test_half_an_answer_is_none_and_nothing_is_sent_again():
    with scripted(Answer(status=201, body={"id": 1}, claimed=4000)) as server, connected(server) as netbox:
        error = failing(netbox, lambda netbox: netbox.create(IMPACTS, {"circuit": 1}))

        assert error.kind is NetboxFailure.UNREACHABLE
        assert "IncompleteRead" in error.words
        assert len(server.asked) == netbox.requests == 1


def test_a_server_that_is_down_refuses_the_connection():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Netbox(f"http://127.0.0.1:{port}", V1, timeout_seconds=5) as netbox:
        error = failing(netbox, lambda netbox: netbox.get("status"))

    assert str(error) == "NetBox: GET status/: Connection refused"
    assert error.kind is NetboxFailure.UNREACHABLE


def test_a_name_that_leads_nowhere_is_unreachable():
    with Netbox("http://netbox.invalid", V1, timeout_seconds=5) as netbox:
        error = failing(netbox, lambda netbox: netbox.get("status"))

    assert error.kind is NetboxFailure.UNREACHABLE


# --- what stays secret


def traces(error):
    while error is not None:
        yield f"{error!r} {error} {vars(error)}"
        error = error.__cause__


@pytest.mark.parametrize("token", [V1, V2])
def test_no_token_is_in_what_a_failure_or_the_connection_says(token):
    echoing = Answer(status=400, body={"detail": f"got {token}"}, headers={"Location": f"http://x/{token}"})
    moved = Answer(status=302, body=b"", headers={"Location": f"http://x.example/{token}"})
    with scripted(echoing, moved) as server, connected(server, token) as netbox:
        errors = [failing(netbox, lambda netbox: netbox.get("status")) for _ in range(2)]

    assert "got …" in str(errors[0])
    assert "http://x.example/…" in str(errors[1])
    assert not any(token in text for error in errors for text in (*traces(error), repr(netbox)))


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "schlüssel", "a\0b"])
def test_what_is_no_token_is_said_to_be_none_and_not_shown(token):
    with pytest.raises(ConfigurationError, match="netbox: token: expected") as caught:
        Netbox("https://netbox.example", token, timeout_seconds=5)

    assert not token or token not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "netbox.example",
        "ftp://netbox.example",
        "https://",
        "https://netbox.example:port",
        "https://[::1",
        "https://netbox.example/?next=/",
        "https://netbox.example/#api",
        "https://user:secret@netbox.example",
        "https://" + "a" * 64 + ".example",
        "https://a..example",
    ],
)
def test_what_is_no_url_is_refused_before_anything_is_sent(url):
    with pytest.raises(ConfigurationError, match="netbox: url: ") as caught:
        Netbox(url, V1, timeout_seconds=5)

    assert "secret" not in str(caught.value)


def test_a_header_that_would_break_a_line_is_refused():
    with pytest.raises(ConfigurationError, match="netbox: headers: 'X-Gate'") as caught:
        Netbox("https://netbox.example", V1, timeout_seconds=5, headers={"X-Gate": "open\r\nX-Other: 1"})

    assert "X-Other" not in str(caught.value)


# --- the clock, and whom to trust


def test_a_file_without_certificates_is_said_to_hold_none(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")

    with pytest.raises(ConfigurationError, match=r"netbox: ca_file: .*ca\.pem cannot be used"):
        Netbox("https://netbox.example", V1, timeout_seconds=5, ca_file=str(tmp_path / "ca.pem"))


def test_the_servers_clock_is_that_of_its_last_answer():
    dated = Answer(body={}, headers={"Date": "Mon, 01 Mar 2027 12:00:00 GMT"})
    with scripted(dated, Answer(body={})) as server, connected(server) as netbox:
        netbox.get("status")
        assert netbox.answered_at == datetime(2027, 3, 1, 12, tzinfo=UTC)
        netbox.get("status")
        assert netbox.answered_at is None
