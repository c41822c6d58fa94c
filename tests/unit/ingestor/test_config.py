"""What the configuration accepts, and what it says of each mistake."""

import json
import os
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from domain.vocabulary import Kind
from ingestor import config
from ingestor.daemon import providers
from ingestor.secrets import FileSecret
from parsers.providers import Template

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config.example.toml"
MAILBOX = """
[[mailbox]]
name = "noc"
host = "imap.example.net"
username = "maint@example.net"
password = { env = "NOC_PASSWORD" }
"""


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def settings_of(text: str) -> config.Settings:
    path = Path("config.toml")
    path.write_text(text, encoding="utf-8")
    return config.load(path)


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(text)
    lines = list(caught.value.problems)
    assert all(line.startswith("config.toml: ") for line in lines)
    return [line.removeprefix("config.toml: ") for line in lines]


def with_mailbox(*lines: str) -> str:
    return MAILBOX + "\n".join(lines)


# What is accepted.


def test_an_empty_file_means_the_defaults():
    settings = settings_of("")

    assert settings.database.url == "sqlite:///var/maintd.db"
    assert settings.mailboxes == ()
    assert settings.warnings == ("config.toml: no [[mailbox]]: nothing is watched.",)


def test_a_mailbox_needs_four_settings_and_has_the_usual_defaults():
    [mailbox] = settings_of(MAILBOX).mailboxes

    assert (mailbox.tls, mailbox.port, mailbox.folders, mailbox.initial, mailbox.after) == (
        "tls",
        993,
        ("INBOX",),
        14,
        "keep",
    )


@pytest.mark.parametrize(("tls", "host", "port"), [("starttls", "imap.example.net", 143), ("none", "127.0.0.1", 143)])
def test_the_port_follows_from_tls(tls, host, port):
    text = MAILBOX.replace("imap.example.net", host) + f'tls = "{tls}"'

    assert settings_of(text).mailboxes[0].port == port


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
def test_loopback_may_be_plain(host):
    assert settings_of(MAILBOX.replace("imap.example.net", host) + 'tls = "none"').mailboxes[0].tls == "none"


@pytest.mark.parametrize("initial", ["all", "new", 1, 30])
def test_initial_is_all_new_or_days(initial):
    assert settings_of(with_mailbox(f"initial = {json.dumps(initial)}")).mailboxes[0].initial == initial


def test_a_mark_at_the_beginning_of_the_file_does_no_harm():
    assert settings_of(f"\ufeff{MAILBOX}").mailboxes[0].name == "noc"


def test_senders_are_compared_without_case():
    assert settings_of('[[provider]]\nname = "zayo"\nsenders = ["@Zayo.COM"]').providers[0].senders == ("@zayo.com",)


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        settings_of("").log.level = "debug"


# What is refused, and in which words.


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("poll_seconds = 0", "poll_seconds: got 0, expected 10 or more."),
        ('poll_seconds = "60"', 'poll_seconds: got "60", expected a whole number.'),
        ("poll_seconds = 60.5", "poll_seconds: got 60.5, expected a whole number."),
        ("poll_seconds = inf", "poll_seconds: got inf, expected a whole number."),
        ("poll_seconds = true", "poll_seconds: got true, expected a whole number."),
        ("poll_seconds = 2026-11-23", "poll_seconds: got 2026-11-23, expected a whole number."),
        (f"poll_seconds = {10**30}", f"poll_seconds: got {10**30}, expected 86400 or less."),
        ("port = 70000", "port: got 70000, expected 65535 or less."),
        ('tls = "ssl"', 'tls: got "ssl", expected "tls", "starttls" or "none".'),
        (
            'tls = "none"',
            'tls: got "none", expected "tls" or "starttls": without encryption only loopback is allowed, '
            'not "imap.example.net".',
        ),
        ('folders = "INBOX"', 'folders: got "INBOX", expected a list, as in ["one", "two"].'),
        ("folders = []", "folders: got an empty list, expected at least one entry."),
        ('folders = ["INBOX", 5]', "folders: entry 2: got 5, expected text in quotation marks."),
        ('folders = ["Inbox", "INBOX"]', 'folders: "INBOX" stands twice, expected each folder once.'),
        ('initial = "old"', 'initial: got "old", expected "all", "new", or a number of days from 1 to 36500.'),
        ("initial = 0", 'initial: got 0, expected "all", "new", or a number of days from 1 to 36500.'),
        ("initial = true", 'initial: got true, expected "all", "new", or a number of days from 1 to 36500.'),
        ('ca_file = ""', 'ca_file: got "", expected the path of a file.'),
        ("ca_file = 5", "ca_file: got 5, expected the path of a file in quotation marks."),
        ("max_message_bytes = 5", "max_message_bytes: got 5, expected 65536 or more."),
        (
            'flag = "two words"',
            'flag: got "two words", expected an IMAP keyword without spaces, as in "maintd", or "\\\\Seen", '
            '"\\\\Flagged", "\\\\Answered".',
        ),
        ('pasword = "x"', 'unknown key "pasword", did you mean "password"?'),
        ('Poll-Seconds = "x"', 'unknown key "Poll-Seconds", did you mean "poll_seconds"?'),
    ],
)
def test_a_wrong_setting_of_a_mailbox_is_named(setting, problem):
    assert problems_of(with_mailbox(setting)) == [f'mailbox "noc": {problem}']


def test_a_key_that_resembles_none_is_answered_with_those_that_exist():
    assert problems_of("[log]\nzzz = 1") == ['log: unknown key "zzz", expected one of format, level.']


@pytest.mark.parametrize("host", ["imaps://imap.example.net", "imap.example.net:993", "noc@imap.example.net", ""])
def test_a_host_is_a_name_or_an_address_alone(host):
    [problem] = problems_of(MAILBOX.replace("imap.example.net", host))

    assert problem.endswith(f'host: got "{host}", expected a host name or an address alone, as in "imap.example.net".')


def test_move_needs_both_folders():
    assert problems_of(with_mailbox('after = "move"')) == [
        'mailbox "noc": done_folder: missing, expected a folder because after is "move", '
        'as in done_folder = "Archive".',
        'mailbox "noc": quarantine_folder: missing, expected a folder because after is "move", '
        'as in quarantine_folder = "Archive".',
    ]


def test_a_mail_is_not_moved_into_a_folder_that_is_read():
    text = with_mailbox('after = "move"', 'done_folder = "inbox"', 'quarantine_folder = "Later"')

    assert problems_of(text) == [
        'mailbox "noc": done_folder: got "inbox", expected a folder that is not among the folders that are read.'
    ]


def test_every_mistake_is_listed():
    text = """
    [databse]
    url = "x"
    [workers]
    count = 0
    cpu_seconds = 10
    wall_seconds = 5
    [[mailbox]]
    name = "noc"
    host = 5
    poll_seconds = 0
    pasword = "x"
    [[mailbox]]
    [[mailbox]]
    name = "noc"
    host = "imap.example.net"
    tls = "none"
    username = "u"
    password = { env = "P" }
    """

    assert problems_of(text) == [
        'mailbox "noc": host: got 5, expected text in quotation marks.',
        'mailbox "noc": username: missing, expected for example username = "maint@example.net".',
        'mailbox "noc": password: missing, expected for example password = { file = "/etc/maintd/noc-password" }, '
        "or a table [mailbox.oauth2].",
        'mailbox "noc": poll_seconds: got 0, expected 10 or more.',
        'mailbox "noc": unknown key "pasword", did you mean "password"?',
        'mailbox 2: name: missing, expected for example name = "noc".',
        'mailbox 2: host: missing, expected for example host = "imap.example.net".',
        'mailbox 2: username: missing, expected for example username = "maint@example.net".',
        'mailbox 2: password: missing, expected for example password = { file = "/etc/maintd/noc-password" }, '
        "or a table [mailbox.oauth2].",
        'mailbox "noc": tls: got "none", expected "tls" or "starttls": without encryption only loopback is allowed, '
        'not "imap.example.net".',
        "workers: count: got 0, expected 1 or more.",
        "workers: wall_seconds: got 5, expected cpu_seconds (10) or more.",
        'unknown key "databse", did you mean "database"?',
        'mailbox "noc": name: stands twice, expected a name for each mailbox.',
    ]


def test_names_are_given_once_even_where_all_else_is_right():
    assert problems_of(MAILBOX + MAILBOX) == ['mailbox "noc": name: stands twice, expected a name for each mailbox.']


def test_a_provider_has_an_order_of_dates_and_a_zone():
    text = '[[provider]]\nname = "zayo"\ndate_order = "month-day"\nzone = "America/Chicago"\nliteral_zones = true'
    [provider] = settings_of(text).providers

    assert (provider.date_order, provider.zone, provider.literal_zones) == ("month-day", "America/Chicago", True)
    [problem] = problems_of(text.replace("month-day", "year-month"))
    assert problem.startswith('provider "zayo": date_order: got "year-month", expected ')


def test_a_sender_stands_once_in_a_provider():
    text = '[[provider]]\nname = "a"\nsenders = ["@x.example", "@X.example"]'

    assert problems_of(text) == ['provider "a": senders: "@x.example" stands twice, expected each once.']


def test_two_providers_may_share_a_sender():
    text = '[[provider]]\nname = "a"\nsenders = ["@x.example"]\n[[provider]]\nname = "b"\nsenders = ["@x.example"]'

    assert [table.senders for table in settings_of(text).providers] == [("@x.example",), ("@x.example",)]


def test_trust_is_not_asked_for_unless_it_is_set():
    [mailbox] = settings_of(MAILBOX).mailboxes

    assert (mailbox.authserv_id, mailbox.trusted_forwarders) == (None, None)
    assert (mailbox.verify_dkim, mailbox.trusted_arc_sealers) == (False, None)


def test_a_mailbox_says_whom_it_trusts():
    [mailbox] = settings_of(
        with_mailbox('authserv_id = "MX.example.net"', 'trusted_forwarders = ["Jo@example.net", "@noc.example.net"]')
    ).mailboxes

    assert mailbox.authserv_id == "mx.example.net"
    assert mailbox.trusted_forwarders == ("jo@example.net", "@noc.example.net")


def test_a_mailbox_may_verify_signatures_and_believe_sealers():
    settings = with_mailbox("verify_dkim = true", 'trusted_arc_sealers = ["Google.com", "lists.example.net"]')
    [mailbox] = settings_of(settings).mailboxes

    assert (mailbox.verify_dkim, mailbox.trusted_arc_sealers) == (True, ("google.com", "lists.example.net"))


def test_nobodys_forwards_may_count():
    assert settings_of(with_mailbox("trusted_forwarders = []")).mailboxes[0].trusted_forwarders == ()


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        (
            'authserv_id = "mx.example.net; dmarc=pass"',
            'authserv_id: got "mx.example.net; dmarc=pass", expected the name at the beginning of '
            'Authentication-Results, or "microsoft365".',
        ),
        (
            'trusted_forwarders = ["example.net"]',
            'trusted_forwarders: entry 1: got "example.net", expected an address or a domain, '
            'as in "noc@carrier.example" or "@carrier.example".',
        ),
        (
            'trusted_arc_sealers = ["@google.com"]',
            'trusted_arc_sealers: entry 1: got "@google.com", expected a domain, as in "google.com".',
        ),
        (
            'trusted_arc_sealers = ["com"]',
            'trusted_arc_sealers: entry 1: got "com", expected a domain, as in "google.com".',
        ),
        ('verify_dkim = "yes"', 'verify_dkim: got "yes", expected true or false.'),
    ],
)
def test_a_mistake_in_whom_a_mailbox_trusts_is_said(setting, problem):
    assert problems_of(with_mailbox(setting)) == [f'mailbox "noc": {problem}']


@pytest.mark.parametrize("asked", ["none", "dkim", "dmarc"])
def test_a_provider_says_what_its_mails_must_prove(asked):
    [provider] = settings_of(f'[[provider]]\nname = "zayo"\nauthentication = "{asked}"').providers

    assert provider.authentication == asked


def test_spf_is_no_proof():
    [problem] = problems_of('[[provider]]\nname = "zayo"\nauthentication = "spf"')

    assert problem.startswith('provider "zayo": authentication: got "spf", expected ')


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        (
            'name = "zayo"\nzone = "Europe/Nowhere"',
            'provider "zayo": zone: got "Europe/Nowhere", expected the name of a zone, as in "Europe/Amsterdam", '
            '"America/New_York" or "UTC".',
        ),
        ('name = "zayoo"', 'provider "zayoo": senders: missing: "zayoo" is not built in, did you mean "zayo"?'),
        (
            'name = "a"\nsenders = ["@a.example"]\nreaders = ["zayoo"]',
            'provider "a": readers: no form "zayoo", did you mean "zayo"?',
        ),
        (
            'name = "Zayo"',
            'provider "Zayo": name: got "Zayo", expected small letters, digits, ".", "_" and "-".',
        ),
        (
            'name = "zayo"\nsenders = ["zayo.com"]',
            'provider "zayo": senders: entry 1: got "zayo.com", expected an address or a domain, '
            'as in "noc@carrier.example" or "@carrier.example".',
        ),
    ],
)
def test_a_wrong_setting_of_a_provider_is_named(setting, problem):
    assert problems_of(f"[[provider]]\n{setting}") == [problem]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[mailbox]\nname = "noc"', "mailbox: got a table, expected its settings under [[mailbox]], in two brackets."),
        ("mailbox = [5]", "mailbox 1: got 5, expected its settings under [[mailbox]], in two brackets."),
        ("[[log]]", "log: got a list of tables, expected its settings under [log], in one bracket."),
        ("log = 5", "log: got 5, expected its settings under [log], in one bracket."),
        ("netbox = 5", "netbox: got 5, expected its settings under [netbox], in one bracket."),
        ("web = 5", "web: got 5, expected its settings under [web], in one bracket."),
        (
            "page = 5",
            'unknown key "page", expected one of database, llm, log, mailbox, netbox, provider, retention, web, '
            "workers.",
        ),
        (
            '[web]\nlisten = "0.0.0.0:8480"',
            'web: listen: got "0.0.0.0:8480", expected an address of loopback and a port, as in "127.0.0.1:8480", '
            'or "off".',
        ),
        ("[retention]\nraw_days = 6", "retention: raw_days: got 6, expected 7 or more."),
    ],
)
def test_a_section_of_the_wrong_shape_is_named(text, problem):
    assert problems_of(text) == [problem]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[log]\nformat = json",
            "line 2, column 10: not a value of TOML: text needs quotation marks.",
        ),
        ('[[mailbox]\nname = "noc"', "line 1, column 10: Expected ']]' at the end of an array declaration."),
        ("[log]\n[log]", "line 2, column 5: Cannot declare ('log',) twice."),
        ("a = 1\na = 2\n", "line 2, column 6: a key that was set before, expected each once."),
        ('a = "x', "end of document: Unterminated string."),
    ],
)
def test_a_mistake_of_syntax_has_its_line_and_column(text, problem):
    assert problems_of(text) == [problem]


@pytest.mark.parametrize(
    "url",
    ["maintd.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "postgresql://maintd@db/maintd", "mysql://h/d"],
)
def test_the_database_is_a_file_of_sqlite_or_a_postgresql(url):
    assert problems_of(f'[database]\nurl = "{url}"') == [
        f'database: url: got "{url}", expected "sqlite:///FILE" or "postgresql+psycopg://USER@HOST/NAME".'
    ]


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ('{ fle = "x" }', 'unknown key "fle", did you mean "file"?'),
        ('{ file = "a", env = "b" }', "got 2 sources, expected one of file, env, command, credential."),
        ("{ }", "got 0 sources, expected one of file, env, command, credential."),
        ('{ env = "" }', "env: expected text in quotation marks."),
        (
            '{ command = "pass noc" }',
            'command: expected a list of the program and its arguments, as in ["pass", "noc-mailbox"].',
        ),
        ('{ credential = "../x" }', "credential: expected the name of a credential, not a path."),
        (
            "5",
            'expected a secret, as in { file = "…" }, { env = "…" }, { command = ["…"] }, { credential = "…" }.',
        ),
    ],
)
def test_a_wrong_secret_is_named(secret, problem):
    text = MAILBOX.replace('{ env = "NOC_PASSWORD" }', secret)

    assert problems_of(text) == [f'mailbox "noc": password: {problem}']


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError) as caught:
        config.load(Path("elsewhere.toml"))

    assert str(caught.value) == (
        "elsewhere.toml: no such file: copy config.example.toml there and edit it, or name another with --config."
    )


def test_a_file_that_cannot_be_read_is_named():
    with pytest.raises(ConfigurationError, match=r"^/: cannot be read: Is a directory\.$"):
        config.load(Path("/"))


def test_a_file_in_another_encoding_is_named_with_the_line():
    Path("config.toml").write_bytes(b"# one\n# M\xfcnchen\n")

    with pytest.raises(ConfigurationError, match=r"^config\.toml: line 2: not UTF-8: save the file as UTF-8\.$"):
        config.load(Path("config.toml"))


# Which file.


def test_the_command_line_comes_before_the_environment_and_that_before_the_usual_places():
    Path("config.toml").touch()

    assert config.find("a.toml", {"MAINTD_CONFIG": "b.toml"}) == Path("a.toml")
    assert config.find(None, {"MAINTD_CONFIG": "b.toml"}) == Path("b.toml")
    assert config.find(None, {}) == Path("config.toml")


def test_without_a_file_every_place_that_was_tried_is_named(monkeypatch):
    monkeypatch.setattr(config, "DEFAULT_PLACES", (Path("config.toml"), Path("nowhere/config.toml")))

    with pytest.raises(ConfigurationError) as caught:
        config.find(None, {})

    assert str(caught.value) == (
        "no configuration: $MAINTD_CONFIG is not set, and none of these exists: config.toml, nowhere/config.toml. "
        "Copy config.example.toml to config.toml and edit it, or name a file with --config."
    )


# Warnings.


def test_what_works_but_should_be_changed_is_a_warning():
    text = """
    [database]
    url = "postgresql+psycopg://maintd:hunter2@db/maintd"
    [[mailbox]]
    name = "noc"
    host = "localhost"
    tls = "none"
    ca_file = "ca.pem"
    username = "u"
    password = "hunter2"
    flag = "seen-by-maintd"
    done_folder = "Done"
    """

    assert settings_of(text).warnings == (
        "config.toml: database: url: holds a password: put it into ~/.pgpass, or into a file named by ?passfile=FILE.",
        'config.toml: mailbox "noc": password: stands in the file itself: put it elsewhere and write { file = "…" } '
        "or another source.",
        'config.toml: mailbox "noc": flag: has no effect while after is "keep".',
        'config.toml: mailbox "noc": done_folder: has no effect while after is "keep".',
        'config.toml: mailbox "noc": ca_file: has no effect while tls is "none".',
    )


# Secrets stay hidden.

PLANTED = "hunter2-planted"
WITH_SECRETS = f"""
[database]
url = "postgresql+psycopg://maintd:{PLANTED}@db/maintd?password={PLANTED}"
[[mailbox]]
name = "noc"
host = "imap.example.net"
username = "u"
password = "{PLANTED}"
[[mailbox]]
name = "second"
host = "imap.example.net"
username = "u"
password = {{ command = ["echo", "{PLANTED}"] }}
[llm]
enabled = true
model = "small"
api_key = "{PLANTED}"
[netbox]
url = "https://netbox.example"
token = "{PLANTED}"
"""


def test_no_way_to_print_settings_shows_a_secret():
    settings = settings_of(WITH_SECRETS)

    printed = [
        repr(settings),
        str(settings),
        repr(settings.mailboxes),
        config.shown(settings),
        settings.model_dump_json(),
        str(settings.model_dump()),
        json.dumps(settings.model_dump(mode="json", by_alias=True)),
        "\n".join(settings.warnings),
    ]
    assert [text for text in printed if PLANTED in text] == []


@pytest.mark.parametrize(
    "broken",
    [
        WITH_SECRETS.replace("password = ", "pasword = "),
        WITH_SECRETS.replace("[[mailbox]]", "[[mailbx]]"),
        WITH_SECRETS.replace("postgresql+psycopg", "postgresql"),
        WITH_SECRETS.replace('host = "imap.example.net"', "poll_seconds = 0"),
        WITH_SECRETS.replace('"imap.example.net"', f'"imaps://u:{PLANTED}@imap.example.net"'),
        WITH_SECRETS.replace('"echo", ', "5, "),
        WITH_SECRETS.replace("{ command = ", '{ file = "x", command = '),
        WITH_SECRETS.replace("command", "comand"),
        WITH_SECRETS.replace(f'password = "{PLANTED}"', f'password = ["{PLANTED}"]'),
        WITH_SECRETS.replace(f'password = "{PLANTED}"', f'password = "{PLANTED}'),
        WITH_SECRETS.replace(f'password = "{PLANTED}"', f"password = {PLANTED}"),
        WITH_SECRETS.replace(f'api_key = "{PLANTED}"', f'api_key = ["{PLANTED}"]'),
        WITH_SECRETS.replace(f'token = "{PLANTED}"', f'token = ["{PLANTED}"]'),
        WITH_SECRETS.replace("https://netbox.example", f"https://maintd:{PLANTED}@netbox.example"),
    ],
)
def test_no_mistake_shows_a_secret(broken):
    with pytest.raises(ConfigurationError) as caught:
        settings_of(broken)

    error = caught.value
    assert error.problems
    assert PLANTED not in f"{error!r} {error} {error.__cause__}"
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


# What is shown.


def test_settings_are_shown_as_a_file_that_means_the_same():
    settings = settings_of(with_mailbox("poll_seconds = 30", 'folders = ["INBOX", "Übung"]'))

    shown = config.shown(settings)

    assert "poll_seconds = 30\n" in shown
    assert "read_seconds = 60  # default\n" in shown
    assert "# ca_file is not set\n" in shown
    again = settings_of(shown)
    assert again.mailboxes == settings.mailboxes
    assert again.database.url == settings.database.url


def test_the_schema_knows_every_setting():
    schema = config.schema()

    assert set(schema["properties"]) == set(tables())
    assert schema["$defs"]["MailboxTable"]["properties"]["poll_seconds"]["minimum"] == 10
    json.dumps(schema)


# The example is the manual.


def tables() -> dict[str, set[str]]:
    return {section: set(table.model_fields) for section, table in config.TABLES.items()}


def uncommented_example() -> dict[str, object]:
    text = EXAMPLE.read_text(encoding="utf-8")
    return tomllib.loads(re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", text))


def test_the_example_can_be_loaded():
    settings = config.load(EXAMPLE)

    assert [mailbox.name for mailbox in settings.mailboxes] == ["noc"]
    assert settings.mailboxes[0].password == FileSecret(path=Path("/etc/maintd/noc-password"))
    assert settings.warnings == ()


def test_the_example_names_every_setting_and_no_other():
    example = {
        section: set(found[0] if isinstance(found, list) else found) for section, found in uncommented_example().items()
    }

    assert example == tables()


def test_the_example_shows_the_defaults():
    example = uncommented_example()
    shown = {
        (section, key): value
        for section, found in example.items()
        for key, value in (found[0] if isinstance(found, list) else found).items()
    }
    defaults = {
        (section, key): json.loads(json.dumps(field.default))
        for section, table in config.TABLES.items()
        for key, field in table.model_fields.items()
        if not field.is_required() and field.default is not None
    }

    assert {place: shown[place] for place in defaults} == defaults


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_named():
    Path("config.toml").touch(mode=0o000)

    with pytest.raises(ConfigurationError, match="cannot be read: Permission denied"):
        config.load(Path("config.toml"))


# The language model.

ON = '[llm]\nenabled = true\nmodel = "small"\napi_key = { env = "LLM_KEY" }\n'


def test_no_language_model_is_asked_unless_it_is_turned_on():
    assert settings_of("").llm.enabled is False
    assert settings_of('[llm]\nmodel = "small"\napi_key = { env = "LLM_KEY" }').warnings[1:] == ()


def test_a_language_model_that_is_on_is_a_warning():
    assert settings_of(ON).warnings[1:] == (
        "config.toml: llm: enabled: mails of every provider that no reader understands are sent to api.openai.com, "
        "who may keep them.",
    )
    assert "mails of ntt, zayo that" in settings_of(f'{ON}providers = ["ntt", "zayo"]').warnings[1]


@pytest.mark.parametrize("url", ["https://gateway.example/v1", "http://127.0.0.1:11434/v1", "http://[::1]:8080/v1"])
def test_a_language_model_is_asked_with_encryption_or_on_this_machine(url):
    assert settings_of(f'{ON}base_url = "{url}"').llm.base_url == url


def test_a_language_model_on_this_machine_needs_no_key():
    llm = settings_of('[llm]\nenabled = true\nmodel = "small"\nbase_url = "http://localhost:11434/v1"').llm

    assert llm.api_key is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            ON.replace('model = "small"\n', ""),
            'model: missing, expected the name of a model because enabled is true, as in model = "gpt-4o-mini".',
        ),
        (
            ON.replace('api_key = { env = "LLM_KEY" }\n', ""),
            "api_key: missing, expected a secret because enabled is true, "
            'as in api_key = { file = "/etc/maintd/llm-key" }.',
        ),
        (
            f'{ON}base_url = "http://gateway.example/v1"',
            'base_url: got "http://gateway.example/v1", expected https: without encryption only loopback is allowed.',
        ),
        *(
            (
                f'{ON}base_url = "{url}"',
                f'base_url: got "{shown}", expected the address of an endpoint without a login, '
                'as in "https://api.openai.com/v1".',
            )
            for url, shown in [
                ("gateway.example", "gateway.example"),
                ("ftp://gateway.example", "ftp://gateway.example"),
                ("https://u:hunter2@gateway.example", "https://u:***@gateway.example"),
                ("https://gateway.example/v1?key=1", "https://gateway.example/v1?key=1"),
                ("https://gateway.example:port/v1", "https://gateway.example:port/v1"),
                ("https://gateway.example/v 1", "https://gateway.example/v 1"),
                ("", ""),
            ]
        ),
        (f"{ON}providers = []", "providers: got an empty list, expected at least one entry."),
        (f'{ON}providers = ["zayoo"]', 'providers: no provider "zayoo", did you mean "zayo"?'),
    ],
)
def test_a_mistake_about_the_language_model_is_said(text, problem):
    assert problems_of(text) == [f"llm: {problem}"]


def test_a_language_model_may_see_the_mails_of_a_provider_of_the_configuration():
    text = f'{ON}providers = ["examplenet"]\n[[provider]]\nname = "examplenet"\nsenders = ["@examplenet.example"]'

    assert settings_of(text).llm.providers == ("examplenet",)


# Readers of one's own.

TEMPLATE = r"""
[[provider]]
name = "acme"
senders = ["@acme.example"]
[[provider.template]]
name = "acme-tt"
kind = "outage"
subject = '^\[(?P<ticket>ACM-\d+)\] (?P<status>\w+)'
body = ['^Circuit: (?P<circuit>\S+)', '^ETR: (?P<etr>.+)']
date_order = "day-month"
zone = "Europe/Paris"
status = { "Opened" = "REPORTED", "All fixed" = "resolved" }
impact = { "Hard down" = "OUTAGE" }
"""


def template_problems(*lines: str, name: str = 'name = "acme-tt"', kind: str = 'kind = "outage"') -> list[str]:
    [provider, _] = TEMPLATE.split("[[provider.template]]")
    return problems_of("\n".join([provider, "[[provider.template]]", name, kind, *lines]))


def test_a_template_is_one_of_its_provider():
    [provider] = settings_of(TEMPLATE).providers

    [template] = provider.template
    assert (template.name, template.kind, template.date_order, template.zone) == (
        "acme-tt",
        "outage",
        "day-month",
        "Europe/Paris",
    )
    assert template.subject == (r"^\[(?P<ticket>ACM-\d+)\] (?P<status>\w+)",)
    assert template.body == (r"^Circuit: (?P<circuit>\S+)", r"^ETR: (?P<etr>.+)")
    assert template.status == {"Opened": "REPORTED", "All fixed": "RESOLVED"}
    assert template.impact == {"Hard down": "OUTAGE"}


def test_a_template_reaches_the_directory_as_it_stands():
    settings = settings_of(TEMPLATE + TEMPLATE.replace("acme", "beta").replace('zone = "Europe/Paris"\n', ""))

    acme, beta = (providers(settings, None).get(name) for name in ("acme", "beta"))
    assert acme
    assert acme.templates == (
        Template(
            name="acme-tt",
            kind=Kind.OUTAGE,
            subject=(r"^\[(?P<ticket>ACM-\d+)\] (?P<status>\w+)",),
            body=(r"^Circuit: (?P<circuit>\S+)", r"^ETR: (?P<etr>.+)"),
            status=(("Opened", "REPORTED"), ("All fixed", "RESOLVED")),
            impact=(("Hard down", "OUTAGE"),),
            date_order="day-month",
            zone="Europe/Paris",
        ),
    )
    assert beta
    assert [(template.name, template.zone) for template in beta.templates] == [("beta-tt", "")]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            [r"subject = '(?P<tiket>\w+)'", "body = '(?P<ticket>x)'"],
            'subject: no group "tiket", did you mean "ticket"?',
        ),
        (
            ["subject = '(?P<ticket>x) (?P<stat>.) (?P<qqq>.)'"],
            'subject: no group "stat", did you mean "start"?; no group "qqq", expected one of account, cause, circuit, '
            "date, end, etr, impact, reported_at, start, status, summary, ticket, zone.",
        ),
        (["body = '(?P<maintenance_id>x)'"], 'body: no group "maintenance_id", did you mean "ticket"?'),
        (
            ["body = ['(?P<ticket>x)', '^Circuit (']"],
            "body: entry 2: got '^Circuit (', which is no pattern: missing ), unterminated subpattern at position 9.",
        ),
        (
            ["body = ['(?P<ticket>x)(?P<ticket>y)']"],
            "body: entry 1: got '(?P<ticket>x)(?P<ticket>y)', which is no pattern: redefinition of group name 'ticket' "
            "as group 2; was group 1 at position 17.",
        ),
        (
            ["subject = '(?P<ticket>x)(?P<status>y)'", r"body = ['^ETR: (\S+)']"],
            r"body: entry 1: got '^ETR: (\S+)', expected a group with a name, as in '(?P<ticket>\S+)': one of ticket, "
            "status, start, end, date, zone, circuit, impact, account, summary, reported_at, etr, cause.",
        ),
        (
            ["subject = '(?P<status>x)'"],
            r"""body: no group "ticket" here or in subject, expected one, as in '(?P<ticket>\S+)'.""",
        ),
        (
            ["subject = '(?P<ticket>x)(?P<status>y)'", 'status = { Fixed = "RESOLVD" }'],
            'status: Fixed: got "RESOLVD", did you mean "RESOLVED"?',
        ),
        (
            ["subject = '(?P<ticket>x)(?P<status>y)'", 'status = { Fixed = "COMPLETED" }'],
            'status: Fixed: got "COMPLETED", expected one of IDENTIFIED, INVESTIGATING, MONITORING, REPORTED, '
            "RESOLVED.",
        ),
        (
            ["subject = '(?P<ticket>x)(?P<summary>y)'", "body = '(?P<impact>x)(?P<zone>y)'"],
            'body: nothing but "ticket" tells of an event, expected one of status, start, end, etr, cause, circuit, '
            "reported_at here or in subject.",
        ),
        (
            ["subject = '(?P<ticket>x)(?P<status>y)'", 'status = { Closed = "RESOLVED", "closed " = "REPORTED" }'],
            'status: got "Closed" and "closed ", which are one word: case does not tell them apart.',
        ),
        (
            ["subject = '(?P<ticket>x)(?P<status>y)'", 'impact = { down = "OUTAGE", "" = "DEGRADED" }'],
            "impact: got an empty word for DEGRADED, expected a word of the provider.",
        ),
        (
            ["subject = '(?P<ticket>x)(?P<status>y)'", "impact = { Down = 5 }"],
            "impact: Down: got 5, expected text in quotation marks.",
        ),
        (
            ["subject = '(?P<ticket>x)(?P<status>y)'", 'zone = "Europe/Pari"'],
            'zone: got "Europe/Pari", expected the name of a zone, as in "Europe/Amsterdam", "America/New_York" or '
            '"UTC".',
        ),
        (
            ["subject = '(?P<ticket>x)(?P<status>y)'", 'date_order = "dmy"'],
            'date_order: got "dmy", expected "day-month" or "month-day".',
        ),
        (["subject = 5"], 'subject: got 5, expected a list, as in ["one", "two"].'),
        (["subject = '(?P<ticket>x)(?P<status>y)'", "bdy = 'x'"], 'unknown key "bdy", did you mean "body"?'),
    ],
)
def test_a_mistake_in_a_template_is_named(lines, problem):
    assert template_problems(*lines) == [f'provider "acme": template "acme-tt": {problem}']


def test_a_template_of_a_maintenance_has_groups_and_words_of_its_own():
    problems = template_problems(
        "subject = '(?P<ticket>x)(?P<status>y)'",
        "body = '(?P<etr>x)'",
        'status = { x = "RESOLVED" }',
        kind='kind = "maintenance"',
    )

    assert [problem.removeprefix('provider "acme": template "acme-tt": ') for problem in problems] == [
        'status: x: got "RESOLVED", expected one of CANCELLED, COMPLETED, CONFIRMED, IN-PROCESS, RE-SCHEDULED, '
        "TENTATIVE.",
        'subject: no group "ticket", did you mean "maintenance_id"?',
        'body: no group "etr", expected one of account, circuit, date, end, impact, maintenance_id, start, status, '
        "summary, zone.",
    ]


def test_a_template_is_not_called_as_a_reader_that_is_built_in():
    assert template_problems("subject = '(?P<ticket>x)(?P<status>y)'", name='name = "zayo"') == [
        'provider "acme": template "zayo": name: got "zayo", expected another name: a reader that is built in is '
        "called so."
    ]


def test_a_template_without_a_name_is_called_by_its_number():
    assert template_problems("subject = '(?P<ticket>x)(?P<status>y)'", name="") == [
        'provider "acme": template 1: name: missing, expected for example name = "acme-tt".'
    ]


def test_two_templates_of_a_provider_have_two_names():
    template = TEMPLATE[TEMPLATE.index("[[provider.template]]") :]

    assert problems_of(TEMPLATE + template) == [
        'provider "acme": template "acme-tt": name: stands twice, expected a name for each template.'
    ]


@pytest.mark.parametrize(("value", "found"), [("5", "template: got 5"), ("[5]", "template 1: got 5")])
def test_templates_stand_under_two_brackets(value, found):
    assert problems_of(f'[[provider]]\nname = "zayo"\ntemplate = {value}') == [
        f'provider "zayo": {found}, expected its settings under [[provider.template]], in two brackets.'
    ]


def test_all_mistakes_of_templates_are_listed():
    text = TEMPLATE.replace("<ticket>", "<tiket>").replace("Europe/Paris", "x").replace('"REPORTED"', '"y"')

    assert len(problems_of(text)) == 3


def test_templates_are_shown_as_a_file_that_means_the_same():
    settings = settings_of(TEMPLATE)

    shown = config.shown(settings)

    assert settings_of(shown).providers[0].template == settings.providers[0].template
    assert 'date_order = "day-month"\n' in shown


def test_the_schema_takes_one_pattern_and_a_list_of_them():
    properties = config.schema()["$defs"]["TemplateTable"]["properties"]

    assert set(properties) == set(config.TemplateTable.model_fields)
    assert properties["body"]["anyOf"] == [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]


def test_the_readers_of_outages_are_checked_too():
    assert problems_of('[[provider]]\nname = "zayo"\noutage_readers = ["statuspge"]') == [
        'provider "zayo": outage_readers: no form of outages "statuspge", did you mean "statuspage"?'
    ]
    settings = settings_of('[[provider]]\nname = "zayo"\noutage_readers = ["statuspage"]')
    assert providers(settings, None).get("zayo").outage_readers == ("statuspage",)


def test_the_example_names_every_setting_of_a_template_and_reads_as_it_says():
    [provider] = uncommented_example()["provider"]
    [template] = provider["template"]
    text = re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", EXAMPLE.read_text(encoding="utf-8"))

    assert set(template) == set(config.TemplateTable.model_fields)
    # A mailbox has either a password or tokens.
    text = re.sub(r"(?m)^password = .*$", "", text)
    assert settings_of(text.replace('readers = ["zayo"]', "")).providers[0].template[0].name == template["name"]


# NetBox.

NETBOX = """
[netbox]
url = "https://netbox.example"
token = { env = "NETBOX_TOKEN" }
"""


def test_no_netbox_is_told_of_anything_unless_it_is_named():
    assert settings_of("").netbox.url is None
    assert settings_of("[netbox]\ncreate = true\nsince = 2027-01-31").warnings == (
        "config.toml: no [[mailbox]]: nothing is watched.",
        "config.toml: netbox: create: has no effect while url is not set.",
        "config.toml: netbox: since: has no effect while url is not set.",
    )


def test_a_netbox_needs_two_settings():
    netbox = settings_of(NETBOX).netbox
    assert netbox.url == "https://netbox.example"
    assert netbox.notifications == "all"
    assert netbox.since is None
    assert problems_of('[netbox]\nurl = "https://netbox.example"') == [
        "netbox: token: missing, expected a secret because url is set, "
        'as in token = { file = "/etc/maintd/netbox-token" }.'
    ]


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T06:00:00+02:00", datetime(2027, 1, 31, 4, tzinfo=UTC)),
    ],
)
def test_events_are_pushed_from_a_day_or_an_instant_on(since, expected):
    settings = settings_of(f"{NETBOX}since = {since}")
    assert settings.netbox.since == expected
    assert settings_of(config.shown(settings)).netbox == settings.netbox


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("since = 2027-01-31T06:00:00", "since: got 2027-01-31 06:00:00, expected a date without quotation marks, "),
        ('since = "2027-01-31"', 'since: got "2027-01-31", expected a date without quotation marks, '),
        ('base_path = "/plugins"', 'base_path: got "/plugins", expected a path below /api/, '),
        ('base_path = "/api/plugins/a/../b/"', 'base_path: got "/api/plugins/a/../b/", expected a path below /api/, '),
        ('custom_field = "maintd key"', 'custom_field: got "maintd key", expected the name of a custom field'),
        ('custom_field = "maintd__key"', 'custom_field: got "maintd__key", expected the name of a custom field'),
        ('notifications = "some"', 'notifications: got "some", expected "all", "material" or "none"'),
        ('reconcile_at = "24:00"', 'reconcile_at: got "24:00", expected a time of day, '),
        ("circuit_cache_seconds = 5", "circuit_cache_seconds: got 5, expected 60 or more"),
        ('ca_file = ""', 'ca_file: got "", expected the path of a file'),
    ],
)
def test_a_mistake_about_netbox_is_said(setting, problem):
    [found] = problems_of(NETBOX + setting)
    assert found.startswith(f"netbox: {problem}")


@pytest.mark.parametrize(
    "url", ["netbox.example", "ftp://netbox.example", "https://u:p@netbox.example", "https://n/?x=1"]
)
def test_a_netbox_is_an_address_without_a_login(url):
    [problem] = problems_of(NETBOX.replace("https://netbox.example", url))
    assert 'expected the address of a NetBox without a login, as in "https://netbox.example.net".' in problem


@pytest.mark.parametrize(("host", "warned"), [("127.0.0.1:8000", 0), ("netbox:8000", 1)])
def test_a_token_without_encryption_is_a_warning_beyond_this_machine(host, warned):
    settings = settings_of(NETBOX.replace("https://netbox.example", f"http://{host}"))
    assert sum("without encryption" in warning for warning in settings.warnings) == warned


@pytest.mark.parametrize(("asn", "expected"), [("6461", (6461,)), ("[6461, 8218]", (6461, 8218))])
def test_a_provider_is_known_to_netbox_by_a_slug_and_by_as_numbers(asn, expected):
    [provider] = settings_of(f'[[provider]]\nname = "zayo"\nnetbox = "zayo-group"\nasn = {asn}').providers
    assert (provider.netbox, provider.asn) == ("zayo-group", expected)


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ('netbox = "Zayo Group"', 'netbox: got "Zayo Group", expected a slug of NetBox, as in "zayo-group".'),
        ("asn = 0", "asn: got 0, expected 1 or more."),
        ("asn = [4294967296]", "asn: entry 1: got 4294967296, expected 4294967295 or less."),
    ],
)
def test_a_mistake_in_how_netbox_knows_a_provider_is_said(setting, problem):
    assert problems_of(f'[[provider]]\nname = "zayo"\n{setting}') == [f'provider "zayo": {problem}']


# Tokens instead of a password.

TOKENS = MAILBOX.replace('password = { env = "NOC_PASSWORD" }\n', "") + "[mailbox.oauth2]\n"
MICROSOFT = 'issuer = "microsoft"\ntenant = "example.onmicrosoft.com"\nclient_id = "app"\n'
SECRET = 'client_secret = { env = "NOC_CLIENT_SECRET" }\n'
OTHER = 'issuer = "other"\ntoken_endpoint = "https://login.example.net/token"\nclient_id = "app"\n'


@pytest.mark.parametrize(
    ("lines", "grant"),
    [
        (MICROSOFT + SECRET, "client-credentials"),
        (MICROSOFT + 'grant = "device-code"\ntoken_file = "token.json"\n', "device-code"),
        ('issuer = "google"\nservice_account = { file = "key.json" }\n', "service-account"),
        (
            f'issuer = "google"\ngrant = "refresh-token"\nclient_id = "app"\nrefresh_token = {{ env = "T" }}\n{SECRET}',
            "refresh-token",
        ),
        (OTHER + SECRET, "client-credentials"),
        (OTHER + 'grant = "refresh-token"\nrefresh_token = { env = "T" }\n', "refresh-token"),
    ],
)
def test_a_mailbox_has_tokens_instead_of_a_password(lines, grant):
    settings = settings_of(TOKENS + lines)
    [mailbox] = settings.mailboxes

    assert mailbox.password is None
    assert mailbox.oauth2.grant == grant
    assert settings.warnings == ()
    assert settings_of(config.shown(settings)).mailboxes[0].oauth2 == mailbox.oauth2


def test_a_mailbox_has_either_a_password_or_tokens():
    assert problems_of(MAILBOX + "[mailbox.oauth2]\n" + MICROSOFT + SECRET) == [
        'mailbox "noc": password: stands beside [mailbox.oauth2], expected one of them: take the other away.'
    ]


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        ("", ['issuer: missing, expected for example issuer = "microsoft".']),
        ('issuer = "gmail"\n', ['issuer: got "gmail", expected "microsoft", "google" or "other".']),
        (
            'issuer = "microsoft"\n',
            [
                'tenant: missing, expected because issuer is "microsoft" and grant "client-credentials", as in '
                'tenant = "example.onmicrosoft.com".',
                'client_id: missing, expected because issuer is "microsoft" and grant "client-credentials", as in '
                'client_id = "11111111-2222-3333-4444-555555555555".',
                'client_secret: missing, expected because issuer is "microsoft" and grant "client-credentials", as in '
                'client_secret = { file = "/etc/maintd/noc-client-secret" }.',
            ],
        ),
        (
            MICROSOFT + SECRET + 'grant = "refresh-token"\n',
            ['grant: got "refresh-token", expected "client-credentials" or "device-code", which "microsoft" has.'],
        ),
        (
            MICROSOFT + 'grant = "device-code"\n',
            [
                'token_file: missing, expected because issuer is "microsoft" and grant "device-code", as in '
                'token_file = "/var/lib/maintd/noc-token.json".'
            ],
        ),
        (
            MICROSOFT.replace("example.on", "https://example.on") + SECRET,
            [
                'tenant: got "https://example.onmicrosoft.com", expected the ID or a domain of the tenant, as in '
                '"example.onmicrosoft.com".'
            ],
        ),
        (
            OTHER.replace("https", "http") + SECRET,
            [
                'token_endpoint: got "http://login.example.net/token", expected https: without encryption only '
                "loopback is allowed."
            ],
        ),
        (MICROSOFT + SECRET + 'token_file = ""\n', ['token_file: got "", expected the path of a file.']),
        (MICROSOFT + SECRET + 'client-id = "x"\n', ['unknown key "client-id", did you mean "client_id"?']),
    ],
)
def test_a_mistake_about_tokens_is_said(lines, problems):
    assert problems_of(TOKENS + lines) == [f'mailbox "noc": oauth2: {problem}' for problem in problems]


@pytest.mark.parametrize(("value", "found"), [("5", "5"), ("[5]", "a list")])
def test_tokens_stand_under_one_bracket(value, found):
    assert problems_of(MAILBOX.replace("password = ", "oauth2 = ").replace('{ env = "NOC_PASSWORD" }', value)) == [
        f'mailbox "noc": oauth2: got {found}, expected its settings under [mailbox.oauth2], in one bracket.'
    ]


def test_a_setting_that_a_grant_does_not_use_is_a_warning():
    settings = settings_of(TOKENS + MICROSOFT + 'client_secret = "planted"\nclient_secret_in = "body"\n')

    assert settings.warnings == (
        'config.toml: mailbox "noc": oauth2: client_secret: stands in the file itself: put it elsewhere and write '
        '{ file = "…" } or another source.',
        'config.toml: mailbox "noc": oauth2: client_secret_in: has no effect while issuer is "microsoft" and grant '
        '"client-credentials".',
    )


def test_no_secret_of_a_token_is_shown():
    planted = "s3cr3t-in-the-file"
    secrets = f'client_secret = "{planted}1"\nrefresh_token = "{planted}2"\nservice_account = "{planted}3"\n'
    settings = settings_of(TOKENS + MICROSOFT + secrets)
    texts = [repr(settings), str(settings), config.shown(settings), settings.model_dump_json(), *settings.warnings]

    assert all(planted not in text for text in texts)
    assert all(planted not in problem for problem in problems_of(TOKENS + secrets))


def test_the_example_names_every_setting_of_tokens_and_shows_the_defaults():
    shown = uncommented_example()["mailbox"][0]["oauth2"]
    defaults = {
        key: field.default for key, field in config.OAuth2Table.model_fields.items() if isinstance(field.default, str)
    }

    assert set(shown) == set(config.OAuth2Table.model_fields)
    assert {key: shown[key] for key in defaults} == defaults
