"""What a NetBox is, and what stands in the way of pushing to it: against servers of every dialect."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import NetboxError, NetboxFailure
from domain.vocabulary import Kind
from sync import dialects
from sync.checking import Action, check, is_tried
from sync.dialects import detect
from sync.netbox import Netbox
from tests.servers.netbox import tables
from tests.servers.netbox.server import serving
from tests.servers.scripted import Answer, scripted

V1 = "0123456789abcdef0123456789abcdef01234567"
CM = "netbox_circuitmaintenance"
NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def connected(server, token=None, **options):
    return Netbox(server.url, token or server.token, timeout_seconds=5, **options)


def usual(dialect):
    """Return a dialect without what only a server knows."""
    return replace(dialect, types={}, netbox_version="", plugin_version="")


def clock():
    return datetime.now(UTC)


# --- detection

FOUND = {
    "0.6": (tables.CM_0_6, dialects.CIRCUITMAINTENANCE_0_6, 5),
    "0.7": (tables.CM_0_7, dialects.CIRCUITMAINTENANCE_0_7, 5),
    "0.8": (tables.CM_0_8, dialects.CIRCUITMAINTENANCE_0_8, 5),
    "fork": (tables.FORK, dialects.CIRCUITMAINTENANCE_OUTAGES, 6),
    "notices 1.1.0": (tables.NOTICES_1_1_0, dialects.NOTICES, 4),
    "notices 1.1.2": (tables.NOTICES_1_1_2, dialects.NOTICES, 4),
    "plain": (tables.PLAIN, dialects.PLAIN, 2),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_dialect_is_found_by_asking_in_few_requests_that_write_nothing(name):
    served, expected, requests = FOUND[name]
    with serving(served) as server, connected(server) as netbox:
        found = detect(netbox)

        assert usual(found) == expected
        assert found.netbox_version == served.netbox
        assert found.plugin_version == (served.version if served.app in {CM, "notices"} else "")
        assert netbox.requests == requests
        assert {each.method for each in server.log} <= {"GET", "OPTIONS"}


def test_the_numbers_of_models_are_those_of_this_server():
    with serving(tables.NOTICES_1_1_2) as server, connected(server) as netbox:
        found = detect(netbox)
        numbers = {model: server.store.type_number(model) for model in found.types}

    assert found.types == numbers
    assert set(numbers) == {"notices.maintenance", "notices.outage", "circuits.circuit"}


@pytest.mark.parametrize("name", [name for name in FOUND if name != "plain"])
def test_a_plugin_is_found_where_its_operator_serves_it(name):
    served, expected, _ = FOUND[name]
    with serving(served, base_path="network-works") as server, connected(server) as netbox:
        found = detect(netbox)

        assert usual(found) == replace(expected, root="plugins/network-works")
        for given in ("/api/plugins/network-works/", "plugins/network-works"):
            assert detect(netbox, given) == found


@pytest.mark.parametrize("name", FOUND)
def test_a_netbox_under_a_path_is_checked_like_any_other(name):
    served, expected, _ = FOUND[name]
    with serving(served, mount="/netbox", careful=False) as server, connected(server) as netbox:
        found = check(netbox, clock=clock)

        assert (usual(found.dialect), found.missing) == (expected, ())
        assert all(each.path.startswith("/netbox/api/") for each in server.log)


@pytest.mark.parametrize("base_path", ["/api/plugins/nowhere/", "/api/circuits/"])
def test_a_base_path_without_a_plugin_of_ours_is_missing_and_not_a_plain_netbox(base_path):
    with (
        serving(tables.CM_0_8, careful=False) as server,
        connected(server) as netbox,
        pytest.raises(NetboxError) as caught,
    ):
        detect(netbox, base_path)

    assert caught.value.kind is NetboxFailure.MISSING
    assert base_path.removeprefix("/api/") in str(caught.value)


def test_a_fork_that_was_never_migrated_holds_no_outages_and_says_what_to_do():
    with serving(tables.FORK, migrated=False) as server, connected(server) as netbox:
        found = detect(netbox)

    assert found.events(Kind.OUTAGE) is None
    assert found.events(Kind.MAINTENANCE) == dialects.CIRCUITMAINTENANCE_OUTAGES.maintenances
    assert "never migrated" in found.lacks[0]


def test_outages_of_the_fork_that_may_not_be_viewed_are_a_missing_right_and_no_lack():
    with serving(tables.FORK, careful=False) as server, connected(server, server.add_token(rights=())) as netbox:
        assert detect(netbox).outages == dialects.CIRCUITMAINTENANCE_OUTAGES.outages


@pytest.mark.parametrize("name", FOUND)
def test_without_any_right_the_version_of_the_plugin_tells_its_age(name):
    served, expected, _ = FOUND[name]
    with serving(served, careful=False) as server, connected(server, server.add_token(rights=())) as netbox:
        assert usual(detect(netbox)) == expected


@pytest.mark.parametrize("version", [1, 2])
def test_both_kinds_of_token_are_known(version):
    with serving(tables.CM_0_8) as server, connected(server, server.add_token(version)) as netbox:
        assert detect(netbox).plugin_version == "0.8.0"


@pytest.mark.parametrize("token", [V1, "nbt_abcdefghijkl." + V1])
def test_a_wrong_token_is_forbidden_in_the_words_of_the_server(token):
    with (
        serving(tables.CM_0_8, careful=False) as server,
        connected(server, token) as netbox,
        pytest.raises(NetboxError) as caught,
    ):
        detect(netbox)

    assert caught.value.kind is NetboxFailure.FORBIDDEN
    assert caught.value.words.startswith("403: Invalid v")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(status=404, body=b"<h1>Not Found</h1>", headers={"Content-Type": "text/html"}), NetboxFailure.MISSING),
        (Answer(body=b"<title>Welcome</title>", headers={"Content-Type": "text/html"}), NetboxFailure.BROKEN),
        (Answer(body={"status": "up"}), NetboxFailure.BROKEN),
    ],
)
def test_a_url_at_which_no_netbox_is_fails(answer, kind):
    with scripted(answer) as server, connected(server, V1) as netbox, pytest.raises(NetboxError) as caught:
        detect(netbox)

    assert caught.value.kind is kind
    assert len(server.asked) == 1


def test_plugins_of_others_are_looked_at_only_where_ours_must_be_among_them():
    status = {"netbox-version": "4.5.10", "plugins": {"netbox_bgp": "0.15", "notices": "1.1.2"}}
    listed = {"installed-plugins": "x", "bgp": "x", "works": "x"}
    broken = Answer(status=500, body={"error": "broken"})
    served = Answer(body={"maintenance": "x", "outage": "x", "impact": "x", "eventnotification": "x"})
    types = [
        {"id": 1, "app_label": "notices", "model": "maintenance"},
        {"id": 2, "app_label": "notices", "model": "outage"},
        {"id": 3, "app_label": "circuits", "model": "circuit"},
    ]
    numbers = Answer(body={"count": 3, "next": None, "results": types})
    with (
        scripted(Answer(body=status), Answer(body=listed), broken, served, numbers) as server,
        Netbox(f"{server.url}/netbox", V1, timeout_seconds=5) as netbox,
    ):
        assert detect(netbox).root == "plugins/works"

    assert [asked.path for asked in server.asked] == [
        "/netbox/api/status/",
        "/netbox/api/plugins/",
        "/netbox/api/plugins/bgp/",
        "/netbox/api/plugins/works/",
        "/netbox/api/core/object-types/",
    ]
    without = Answer(body=status | {"plugins": {"netbox_bgp": "0.15"}})
    with scripted(without, Answer(body=listed)) as server, connected(server, V1) as netbox:
        assert usual(detect(netbox)) == dialects.PLAIN
        assert netbox.requests == 2


# --- the check

LEAST = {
    "view circuits.provider",
    "view circuits.circuit",
    "view circuits.circuittermination",
    "view extras.journalentry",
    "add extras.journalentry",
}
OF_CM = LEAST | {
    *(f"{action} {CM}.circuitmaintenance" for action in ("view", "add", "change")),
    *(f"{action} {CM}.circuitmaintenanceimpact" for action in ("view", "add", "change", "delete")),
    *(f"{action} {CM}.circuitmaintenancenotifications" for action in ("view", "add")),
}
OF_FORK = OF_CM | {f"{action} {CM}.circuitoutage" for action in ("view", "add", "change")}
OF_NOTICES = LEAST | {
    *(f"{action} notices.{kind}" for kind in ("maintenance", "outage") for action in ("view", "add", "change")),
    *(f"{action} notices.impact" for action in ("view", "add", "change", "delete")),
    *(f"{action} notices.eventnotification" for action in ("view", "add")),
}
NEEDED = {
    **dict.fromkeys(("0.6", "0.7", "0.8"), OF_CM),
    **dict.fromkeys(("notices 1.1.0", "notices 1.1.2"), OF_NOTICES),
    "fork": OF_FORK,
    "plain": LEAST,
}


def missing(found):
    return {f"{right.action} {right.model}" for right in found.missing}


@pytest.mark.parametrize("name", NEEDED)
def test_the_least_rights_are_enough_and_each_of_them_is_needed(name):
    served, needed = FOUND[name][0], NEEDED[name]
    with serving(served, careful=False) as server:
        with connected(server, server.add_token(rights=needed)) as netbox:
            found = check(netbox, clock=clock)
            assert (missing(found), found.reads_only) == (set(), False)
        with connected(server, server.add_token(rights=())) as netbox:
            found = check(netbox, clock=clock)
            assert (missing(found), found.reads_only) == (needed, True)
        for right in sorted(needed):
            with connected(server, server.add_token(rights=needed - {right})) as netbox:
                assert missing(check(netbox, clock=clock)) == {right}
        assert [each for each in server.log if each.method in ("POST", "PATCH", "PUT")] == []
        assert all(each.path.endswith("/0/") for each in server.log if each.method == "DELETE")
        assert server.rows("change") == []


def test_a_right_that_is_missing_says_what_it_is_for():
    with (
        serving(tables.CM_0_8, careful=False) as server,
        connected(server, server.add_token(rights=OF_CM - {"view circuits.circuittermination"})) as netbox,
    ):
        [right] = check(netbox, clock=clock).missing

    assert (right.model, right.action) == ("circuits.circuittermination", Action.VIEW)
    assert right.purpose == "find circuits by cross-connect"


def test_a_token_that_may_only_read_is_told_from_one_that_lacks_a_right():
    with serving(tables.CM_0_8, careful=False) as server, connected(server, server.add_token(write=False)) as netbox:
        found = check(netbox, clock=clock)

    assert found.reads_only
    assert missing(found) == {right for right in OF_CM if not right.startswith("view ")}


def test_to_create_circuits_and_providers_takes_four_rights_more():
    with serving(tables.CM_0_8, careful=False) as server, connected(server, server.add_token(rights=OF_CM)) as netbox:
        found = check(netbox, clock=clock, create=True)

    assert missing(found) == {
        "add circuits.provider",
        "add circuits.circuit",
        "view circuits.circuittype",
        "add circuits.circuittype",
    }


@pytest.mark.parametrize("hours", [0, 2, -2])
def test_a_clock_that_is_wrong_is_seen(hours):
    with serving(tables.CM_0_8) as server, connected(server) as netbox:
        server.set_clock(timedelta(hours=hours))
        ahead = check(netbox, clock=clock).ahead

    assert ahead is not None
    assert abs(ahead - timedelta(hours=hours)) < timedelta(minutes=10)


def test_a_server_that_tells_no_time_has_a_clock_of_which_nothing_is_known():
    status = Answer(body={"netbox-version": "4.5.10", "plugins": {}})
    rows = Answer(body={"count": 0, "next": None, "results": []})
    options = Answer(body={"actions": {"POST": {"comments": {}}, "PUT": {"comments": {}}}})
    # In the order of the check: what it is; the rights, of which two lists may be added to; the clock.
    script = [status, Answer(body={}), rows, rows, rows, options, rows, status]
    with scripted(*script) as server, connected(server, V1) as netbox:
        found = check(netbox, clock=lambda: NOW)

    assert found.ahead is None
    assert found.missing == ()
    assert len(server.asked) == len(script)


def test_half_a_second_is_not_a_difference_of_clocks():
    dated = {"Date": "Mon, 01 Mar 2027 12:00:00 GMT"}
    status = Answer(body={"netbox-version": "4.5.10", "plugins": {}}, headers=dated)
    rows = Answer(body={"count": 0, "next": None, "results": []}, headers=dated)
    options = Answer(body={"actions": {"POST": {"comments": {}}}}, headers=dated)
    moments = iter((NOW, NOW + timedelta(seconds=3)))
    with (
        scripted(status, Answer(body={}, headers=dated), rows, rows, rows, options, rows, status) as server,
        connected(server, V1) as netbox,
    ):
        assert check(netbox, clock=lambda: next(moments)).ahead == timedelta(seconds=-1)


def test_a_custom_field_must_be_a_unique_text_on_the_events():
    with serving(tables.NOTICES_1_1_2) as server, connected(server) as netbox:
        server.add_custom_field("good", unique=True)
        server.add_custom_field("loose", "maintenance")

        assert check(netbox, clock=clock, custom_field="good").custom_field_faults == ()
        assert check(netbox, clock=clock, custom_field="loose").custom_field_faults == (
            'custom field "loose": expected it to be unique',
            'custom field "loose": expected it on notices.outage',
        )
        assert check(netbox, clock=clock, custom_field="none").custom_field_faults == (
            'custom field "none": there is none',
        )


def test_a_custom_field_that_may_not_be_looked_at_is_no_failure():
    with serving(tables.CM_0_8, careful=False) as server, connected(server, server.add_token(rights=OF_CM)) as netbox:
        assert check(netbox, clock=clock, custom_field="good").custom_field_faults == (
            'custom field "good": cannot be looked at without view on extras.customfield',
        )


@pytest.mark.parametrize(
    ("version", "tried"),
    [
        ("4.3.7", False),
        ("4.4.0", True),
        ("4.5.10-docker-3.4", True),
        ("v4.6", False),
        ("4.7.0-beta1", False),
        ("", False),
    ],
)
def test_a_version_is_one_of_those_tried_or_not(version, tried):
    assert is_tried(version) is tried


@pytest.mark.parametrize("name", FOUND)
def test_a_check_says_whether_the_version_was_tried(name):
    with serving(FOUND[name][0], careful=False, netbox="4.3.2") as server, connected(server) as netbox:
        assert not check(netbox, clock=clock).version_is_tried


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return the path of a certificate for 127.0.0.1 with its key."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            path,
            "-out",
            path.with_suffix(".crt"),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


def test_a_certificate_of_ones_own_is_trusted_by_name_only(certificate):
    ca_file = str(certificate.with_suffix(".crt"))
    with serving(tables.CM_0_8, certificate=certificate) as server:
        with Netbox(server.url, server.token, timeout_seconds=5, ca_file=ca_file) as netbox:
            assert "netbox-version" in netbox.get("status")
        with Netbox(server.url, server.token, timeout_seconds=5) as netbox, pytest.raises(NetboxError) as caught:
            netbox.get("status")

    assert caught.value.kind is NetboxFailure.UNREACHABLE
    assert "certificate verify failed: self-signed certificate" in caught.value.words
