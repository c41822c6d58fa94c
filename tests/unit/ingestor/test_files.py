"""Messages out of files: what is one comes out once and whole, and what is none is told."""

import io
import os
import stat

import pytest

from domain.errors import ImportFailed
from ingestor.files import FoundMessage, Skipped, read_paths


def mail(number, body="Dear customer,\nwe work on your line.\n"):
    return f"From: noc@carrier.example\nSubject: mail {number}\nMessage-ID: <{number}@x>\n\n{body}".encode()


def read(*paths, stdin=b"", **options):
    return list(read_paths([str(path) for path in paths], stdin=io.BytesIO(stdin), **options))


def raws(found):
    return [item.raw for item in found if isinstance(item, FoundMessage)]


def skipped(found):
    return [(item.path, item.reason.split(":")[0]) for item in found if isinstance(item, Skipped)]


def mbox(*mails, sender="noc@carrier.example Mon Nov 23 10:00:00 2026"):
    return b"".join(b"From " + sender.encode() + b"\n" + raw + b"\n" for raw in mails)


def test_an_eml_file_comes_as_it_is(tmp_path):
    path = tmp_path / "one.eml"
    path.write_bytes(mail(1).replace(b"\n", b"\r\n"))

    (found,) = read(path)

    assert found.raw == path.read_bytes()
    assert (found.size, found.too_large) == (path.stat().st_size, False)
    assert (found.place.mailbox, found.place.folder, found.place.imap_uid) == ("import", str(path), None)


def test_a_byte_order_mark_is_no_part_of_the_message(tmp_path):
    path = tmp_path / "one.eml"
    path.write_bytes(b"\xef\xbb\xbf" + mail(1))

    assert raws(read(path)) == [mail(1)]


def test_an_mbox_gives_each_message_with_its_place(tmp_path):
    path = tmp_path / "box"
    path.write_bytes(mbox(mail(1), mail(2), mail(3)))

    found = read(path)

    assert raws(found) == [mail(1), mail(2), mail(3)]
    assert {item.place.folder for item in found} == {str(path)}


@pytest.mark.parametrize(
    "sender",
    [
        "noc@carrier.example Mon Nov 23 10:00:00 2026",
        "- Mon Nov 23 10:00:00 2026",
        "-",
        "1634@xxx Mon Nov 23 10:00:00 +0000 2026",
        "noc@carrier.example  Mon, 23 Nov 2026 10:00 +0100",
    ],
)
def test_separators_are_known_as_real_programs_write_them(tmp_path, sender):
    path = tmp_path / "box"
    path.write_bytes(mbox(mail(1), mail(2), sender=sender))

    assert raws(read(path)) == [mail(1), mail(2)]


def test_a_line_of_a_body_that_begins_with_from_is_no_separator(tmp_path):
    bodies = [
        "\nFrom the carrier, with regret.\n",
        "\nFrom 10:00 to 12:00\n",
        "text\nFrom a@b Mon Nov 23 10:00:00 2026\n",
    ]
    path = tmp_path / "box"
    path.write_bytes(mbox(*(mail(number, body) for number, body in enumerate(bodies))))

    assert raws(read(path)) == [mail(number, body) for number, body in enumerate(bodies)]


def test_a_quoted_from_loses_one_mark(tmp_path):
    path = tmp_path / "box"
    path.write_bytes(mbox(mail(1, ">From here\n>>From there\n> From a person\n")))

    assert raws(read(path)) == [mail(1, "From here\n>From there\n> From a person\n")]


def test_an_mbox_with_crlf_is_split_too(tmp_path):
    path = tmp_path / "box"
    path.write_bytes(mbox(mail(1), mail(2)).replace(b"\n", b"\r\n"))

    assert raws(read(path)) == [mail(1).replace(b"\n", b"\r\n"), mail(2).replace(b"\n", b"\r\n")]


def test_what_a_server_keeps_in_an_mbox_is_skipped(tmp_path):
    path = tmp_path / "box"
    data = b"From: Mail System <MAILER-DAEMON@x>\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\nx\n"
    path.write_bytes(mbox(data, mail(1)))

    found = read(path)

    assert raws(found) == [mail(1)]
    assert skipped(found) == [(f"{path}, message 1", "no mail, but what a server keeps for itself in an mbox")]


@pytest.mark.parametrize("content", [mail(1), mbox(mail(1))])
def test_standard_input_is_a_message_or_an_mbox(content):
    (found,) = read("-", stdin=content)

    assert (found.raw, found.place.folder) == (mail(1), "-")


def test_a_maildir_gives_its_delivered_messages_and_those_of_its_folders(tmp_path):
    box = tmp_path / "Maildir"
    for folder in ("cur", "new", "tmp", ".Carriers/cur", ".Carriers/new"):
        (box / folder).mkdir(parents=True)
    (box / "dovecot-uidlist").write_text("3 V1")
    (box / "cur" / "1:2,S").write_bytes(mail(1))
    (box / "new" / "2").write_bytes(mail(2))
    (box / "tmp" / "3").write_bytes(mail(3)[:30])
    (box / ".Carriers" / "cur" / "4:2,").write_bytes(mail(4))

    found = read(box)

    assert raws(found) == [mail(4), mail(1), mail(2)]
    assert skipped(found) == [(str(box / "tmp" / "3"), "not delivered to the Maildir yet")]


def test_a_folder_is_read_to_the_bottom_in_the_order_of_its_names(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.eml").write_bytes(mail(2))
    (tmp_path / "a.eml").write_bytes(mail(1))
    (tmp_path / "c.mbox").write_bytes(mbox(mail(3), mail(4)))
    (tmp_path / "d").mkdir()

    assert raws(read(tmp_path)) == [mail(1), mail(2), mail(3), mail(4)]


def test_what_is_no_mail_in_a_folder_is_told(tmp_path):
    (tmp_path / "a.eml").write_bytes(mail(1))
    (tmp_path / "b.json").write_text('{"kind": "maintenance"}')
    (tmp_path / "c.msg").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    (tmp_path / "d.eml.gz").write_bytes(b"\x1f\x8b\x08")
    (tmp_path / "e.txt").write_bytes(b"Note: bring the keys\n\nto the meeting\n")
    (tmp_path / "f").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(tmp_path / "g")

    found = read(tmp_path)

    assert raws(found) == [mail(1)]
    assert skipped(found) == [
        (str(tmp_path / "b.json"), "not a mail"),
        (str(tmp_path / "c.msg"), "an Outlook .msg"),
        (str(tmp_path / "d.eml.gz"), "compressed with gzip"),
        (str(tmp_path / "e.txt"), "not a mail"),
        (str(tmp_path / "f"), "neither a file nor a folder (links to folders are not followed)"),
        (str(tmp_path / "g"), "neither a file nor a folder (links to folders are not followed)"),
    ]


def test_of_a_message_that_is_too_large_the_beginning_is_kept(tmp_path):
    large = mail(1, "0123456789\n" * 100_000)
    path = tmp_path / "box"
    path.write_bytes(mbox(large, mail(2)))

    found = read(path, max_message_bytes=600_000)

    assert [(item.too_large, item.size, len(item.raw)) for item in found] == [
        (True, len(large), 512 * 1024),
        (False, len(mail(2)), len(mail(2))),
    ]
    assert large.startswith(found[0].raw)


def test_one_line_of_any_length_is_no_problem(tmp_path):
    path = tmp_path / "one.eml"
    path.write_bytes(mail(1, "x" * 1_000_000))

    assert raws(read(path)) == [path.read_bytes()]


def failure_of(*paths, **options):
    with pytest.raises(ImportFailed) as caught:
        read(*paths, **options)
    return str(caught.value)


def test_a_path_that_is_missing_is_told_before_anything_is_read(tmp_path):
    good = tmp_path / "a.eml"
    good.write_bytes(mail(1))
    found = read_paths([str(good), str(tmp_path / "no.eml")], stdin=io.BytesIO())

    with pytest.raises(ImportFailed, match=r"no\.eml: no such file or folder: check the name"):
        next(found)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no message: expected a mail or an mbox"),
        (b"hello\n", "not a mail: expected header lines (From:, Date:, Subject:) at its beginning, or an mbox"),
        (b"\xd0\xcf\x11\xe0", "an Outlook .msg: save it as .eml or text"),
        (b"From the desk of the director\n\nhello\n", "holds no message: expected a mail or an mbox"),
    ],
)
def test_a_file_that_is_named_and_is_no_mail_is_an_error(tmp_path, content, reason):
    path = tmp_path / "x"
    path.write_bytes(content)

    assert failure_of(path) == f"{path}: {reason}"
    assert failure_of("-", stdin=content) == f"-: {reason}"


def test_a_file_that_fails_while_it_is_read_is_an_error():
    # Linux lets it be opened, and reading its first page fails.
    assert failure_of("/proc/self/mem") == (
        "/proc/self/mem: cannot be read: Input/output error: check the rights of this user"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("make", ["touch", "mkdir"])
def test_what_cannot_be_read_is_an_error_where_it_was_named(tmp_path, make):
    path = tmp_path / "x"
    getattr(path, make)()
    path.chmod(0)
    try:
        assert failure_of(path) == f"{path}: cannot be read: Permission denied: check the rights of this user"
        assert skipped(read(tmp_path)) == [(str(path), "cannot be read")]
    finally:
        path.chmod(stat.S_IRWXU)
