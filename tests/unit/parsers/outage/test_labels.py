"""The newest text of a notice, and the labelled fields in it, in text and in tables."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.mime import Notification, decode
from parsers.outage.labels import Field, fields_of, newest_text, tables_of

NEW = "Ticket: 4711\nStatus: Identified\n"
OLD = "Status: Investigating\nETR: 10:00 UTC\n"


def plain(body: str) -> Notification:
    head = "Date: Thu, 04 Mar 2027 14:00:00 +0000\nContent-Type: text/plain; charset=utf-8\n\n"
    return decode(f"{head}{body}".encode())


def page(body: str) -> Notification:
    head = "Date: Thu, 04 Mar 2027 14:00:00 +0000\nContent-Type: text/html; charset=utf-8\n\n"
    return decode(f"{head}<html><body>{body}</body></html>".encode())


def told(notification: Notification) -> dict[str, str]:
    return {field.label: field.value for field in fields_of(newest_text(notification))}


# The newest text


@pytest.mark.parametrize(
    "quoting",
    [
        "> {old}",
        "On Thu, 4 Mar 2027 at 10:00, NOC <noc@carrier.example> wrote:\n> {old}",
        "On Thu, 4 Mar 2027 at 10:00, NOC of the carrier <noc@carrier.example>\nwrote:\n\n{old}",
        "Am 04.03.2027 um 10:00 schrieb NOC <noc@carrier.example>:\n{old}",
        "Le jeu. 4 mars 2027 à 10:00, NOC <noc@carrier.example> a écrit :\n{old}",
        "El jue, 4 mar 2027 a las 10:00, NOC (<noc@carrier.example>) escribió:\n{old}",
        "Il giorno gio 4 mar 2027 alle ore 10:00 NOC <noc@carrier.example> ha scritto:\n{old}",
        "Op do 4 mrt 2027 om 10:00 schreef NOC <noc@carrier.example>:\n{old}",
        "Em qui., 4 de mar. de 2027 às 10:00, NOC <noc@carrier.example> escreveu:\n{old}",
        "Den tors 4 mars 2027 kl 10:00 skrev NOC <noc@carrier.example>:\n{old}",
        "-----Original Message-----\n{old}",
        "-----Ursprüngliche Nachricht-----\n{old}",
        "-------- Message d'origine --------\n{old}",
        "---------- Forwarded message ---------\n{old}",
        "________________\nFrom: NOC <noc@carrier.example>\nSent: 4 March 2027 10:00\nTo: you\nSubject: x\n\n{old}",
        "Von: NOC\nGesendet: Donnerstag, 4. März 2027 10:00\nAn: wir\nBetreff: x\n\n{old}",
        "De : NOC <noc@carrier.example>\nEnvoyé : jeudi 4 mars 2027 10:00\nÀ : nous\nObjet : x\n\n{old}",
        "Van: NOC\nVerzonden: donderdag 4 maart 2027 10:00\nAan: ons\nOnderwerp: x\n\n{old}",
        "From: noc@carrier.example\nDate: Thu, 4 Mar 2027 10:00:00 +0000\n\n{old}",
        "From: NOC of the carrier\nDate: 4 Mar 2027 10:00\n\n{old}",
        "From: NOC of the carrier\nTo: us\nSent: 2027-03-04 10:00 UTC\n\n{old}",
        "Previous updates:\n{old}",
        "You wrote:\n{old}",
        "Your message (4 March 2027):\n\n{old}",
        "Your original request:\n{old}",
        "Original request: is it down?\n",
        "Your update:\n{old}",
        "*Customer comment:*\n{old}",
        "The customer wrote on 4 March 2027 10:00:\n{old}",
        "You wrote: is it down?\n{old}",
        "----------\nUpdate #2 - 04-Mar-2027 10:00 UTC\nTicket: 4711\n{old}",
        "Update 2 (04-Mar-2027 10:00 UTC)\nTicket: 4711\n{old}",
        "----------\nTicket: 4711\n{old}",
        "--- Update history ---\n{old}",
    ],
)
def test_nothing_that_is_quoted_below_speaks(quoting: str) -> None:
    assert told(plain(f"{NEW}\n{quoting.format(old=OLD)}")) == {"Ticket": "4711", "Status": "Identified"}


@pytest.mark.parametrize(
    "quoting",
    [
        "<blockquote type='cite'>{old}</blockquote>",
        "<div class='gmail_quote'><div>On Thursday NOC wrote:</div>{old}</div>",
        "<div id='divRplyFwdMsg'><b>From:</b> NOC</div>{old}",
        "<div><b>From:</b> NOC &lt;noc@carrier.example&gt;<br><b>Sent:</b> 4 March<br><b>Subject:</b> x</div>{old}",
        "<p>&gt; quoted</p>{old}",
        "<p>-----Original Message-----</p>{old}",
    ],
)
def test_nothing_that_is_quoted_in_a_page_speaks(quoting: str) -> None:
    old = "<p>Status: Investigating</p><p>ETR: 10:00 UTC</p>"
    new = "<table><tr><td>Ticket</td><td>4711</td></tr></table><p>Status: Identified</p>"
    assert told(page(new + quoting.format(old=old))) == {"Ticket": "4711", "Status": "Identified"}


@pytest.mark.parametrize(
    "text",
    [
        ">>> UPDATE 3 <<<\n",
        "From: Rotterdam\nTo: Antwerp\n",
        "The engineer wrote:\n",
        "2027-03-04 10:00 UTC - outage seen\n",
        "Start\n2027-03-04 10:00 UTC\nSeen again\n2027-03-04 11:00 UTC\n",
        "----------\n",
        "From: Rotterdam\nDate: 4 March 2027\n",
        "Sites:\nFrom: 4 March 2027 09:00\nDate: 4 March 2027 10:00\n",
        "Ticket: 4711\nStatus: Identified\n----------\n",
        "Ticket: 4712\nStatus: Investigating\n----------\n",
        "Ticket: 4711\nStatus: Reported\n----------\nUpdate #2 - 04-Mar-2027 13:58 UTC\n",
        "The customer wrote to us\n",
        "Customer note: none\n",
    ],
)
def test_what_only_looks_like_a_quotation_cuts_nothing(text: str) -> None:
    notification = plain(f"{text}{NEW}")
    assert newest_text(notification) == notification


@pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        ("2027-03-04 13:00 UTC -", "2027-03-04 12:00 UTC -", "2027-03-04 11:00 UTC -"),
        ("[04/Mar/2027 01:00 PM]", "[04/Mar/2027 12:00 PM]", "[04/Mar/2027 11:00 AM]"),
        ("04/03/2027 13:00", "04/03/2027 12:00", "04/03/2027 11:00"),
        ("Update 3: March 4, 2027 13:00 EST", "Update 2: March 4, 2027 12:00 EST", "Update 1: March 4, 2027 11:00 EST"),
        ("Mar 4 13:00 UTC:", "Mar 4 12:00 UTC:", "Mar 4 11:00 UTC:"),
        ("Update #3 - 04-Mar-2027 13:00\n", "Update #2 - 04-Mar-2027 12:00\n", "Update #1 - 04-Mar-2027 11:00\n"),
        ("13:00 UTC on 4 March 2027", "12:00 UTC on 4 March 2027", "11:00 UTC on 4 March 2027"),
    ],
)
def test_only_the_newest_entry_of_a_log_speaks_whichever_end_it_is_at(first: str, second: str, third: str) -> None:
    entries = [
        f"{first} splicing has begun\nETR: 18:00 UTC\n",
        f"{second} crew on site\nETR: 16:00 UTC\n",
        f"{third} outage seen\nETR: 15:00 UTC\n",
    ]
    for log in (entries, entries[::-1]):
        spoken = newest_text(plain(f"Ticket: 4711\n\n{''.join(log)}")).texts[0].text
        assert "".join(spoken.split()) == "".join(f"Ticket: 4711{entries[0]}".split())


def test_only_the_newest_row_of_a_log_in_a_table_speaks() -> None:
    log = "".join(
        f"<tr><td>2027-03-04 {hour}:00 UTC</td><td>{words}</td></tr>"
        for hour, words in ((13, "All circuits restored"), (12, "crew on site"))
    )
    notification = newest_text(page(f"<p>Ticket: 4711</p><table>{log}</table>"))
    assert "restored" in notification.texts[0].text
    assert "crew" not in notification.texts[0].text


def test_nothing_that_a_customer_wrote_in_a_log_speaks() -> None:
    log = (
        "2027-03-04 13:00 UTC - Customer comment: when?\nETR: 12:00 UTC\n"
        "2027-03-04 12:00 UTC - Customer confirmed the loss, crew on site\nETR: 16:00 UTC\n"
        "2027-03-04 11:00 UTC - outage seen\n"
    )
    assert told(plain(log)) == {"ETR": "16:00 UTC"}
    assert told(plain("Ticket: 4711\n2027-03-04 13:00 UTC - Customer: it is down\nStatus: Resolved\n")) == {
        "Ticket": "4711"
    }


def test_what_a_customer_wrote_ends_where_the_carriers_words_go_on() -> None:
    assert told(plain(f"Customer comment: is it down?\nsince when\n{NEW}")) == {
        "Ticket": "4711",
        "Status": "Identified",
    }
    assert told(plain(f"You wrote: is it down?\nStatus: Resolved\n\n{NEW}")) == {
        "Ticket": "4711",
        "Status": "Identified",
    }
    log = "Customer update:\nStatus: Resolved\n2027-03-04 13:00 UTC - crew on site\nETR: 16:00 UTC\n"
    assert told(plain(f"{NEW}{log}")) == {"Ticket": "4711", "Status": "Identified", "ETR": "16:00 UTC"}


@pytest.mark.parametrize("hiding", ["style='display:none'", "hidden", "style='mso-hide:all;font-size:0'"])
def test_nothing_that_a_page_hides_speaks(hiding: str) -> None:
    new = "<p>Ticket: 4711</p><p>Status: Identified</p>"
    assert told(page(f"<div {hiding}>Status: Resolved<br>End: 10:00 UTC</div>{new}")) == {
        "Ticket": "4711",
        "Status": "Identified",
    }
    assert told(page(f"<div {hiding}>-----Original Message-----</div>{new}"))["Status"] == "Identified"


# Fields


@pytest.mark.parametrize(
    ("text", "label", "value"),
    [
        ("Ticket Number: 4711", "Ticket Number", "4711"),
        ("Ticket #: 4711", "Ticket", "4711"),
        ("  * Start time ........ : 2027-03-04 10:00 UTC", "Start time", "2027-03-04 10:00 UTC"),
        ("**ETR:** 18:00 UTC", "ETR", "18:00 UTC"),
        ("*ETR*: 18:00 UTC", "ETR", "18:00 UTC"),
        ("ETR:\n18:00 UTC", "ETR", "18:00 UTC"),
        ("Status:Open", "Status", "Open"),
        ("Circuit ID = ABC-1", "Circuit ID", "ABC-1"),
        ("| Circuit ID | ABC-1 |", "Circuit ID", "ABC-1"),
        ("ETR (UTC): 18:00", "ETR (UTC)", "18:00"),
        ("Circuit ID\nABC-1", "Circuit ID", "ABC-1"),
        ("Circuit ID     : ABC-1", "Circuit ID", "ABC-1"),
        ("Circuit ID\t\tABC-1", "Circuit ID", "ABC-1"),
        ("Start of event     4 March 2027 10:00 UTC", "Start of event", "4 March 2027 10:00 UTC"),
        ("Outage start time - 10:00 UTC", "Outage start time", "10:00 UTC"),
        ("Störungsbeginn: 10:00", "Störungsbeginn", "10:00"),
    ],
)
def test_a_labelled_line_is_a_field(text: str, label: str, value: str) -> None:
    assert fields_of(plain(text)) == (Field(label=label, value=value),)


@pytest.mark.parametrize(
    "text",
    [
        "https://portal.carrier.example/4711",
        "at 10:30 we saw it",
        "Paris  London",
        "Paris - London",
        "We have now seen that the following is down: all",
        "Hello",
        ":",
    ],
)
def test_prose_is_no_field(text: str) -> None:
    assert fields_of(plain(text)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Root cause: Two optics of one lot failed in the node, the second of\nthem after it was put in\nStatus: x",
        "Root cause:\nTwo optics of one lot failed in the node, the second of\nthem after it was put in\n",
        "Root cause\nTwo optics of one lot failed in the node, the second of\nthem after it was put in\n\nStatus: x",
    ],
)
def test_a_value_goes_on_where_its_line_was_wrapped(text: str) -> None:
    cause = "Two optics of one lot failed in the node, the second of them after it was put in"

    assert told(plain(f"Ticket: 4711\n{text}"))["Root cause"] == cause


def test_a_word_of_a_label_at_the_beginning_of_a_wrapped_line_is_no_label() -> None:
    cause = "Two optics of one lot failed in the node, the second of them in a later\nincident."

    assert told(plain(f"Ticket: 4711\nCause: {cause}\n"))["Cause"] == cause.replace("\n", " ")


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ("Start: 4 March 2027\n  10:00 UTC\nStatus: x", "4 March 2027 10:00 UTC"),
        ("Start:\n2027-03-04\n10:00\nUTC\n", "2027-03-04 10:00 UTC"),
        ("Start: 04-Mar-2027 10:00\nGMT\n", "04-Mar-2027 10:00 GMT"),
        ("Start\n04-Mar-2027\n10:00 AM (EST)\n", "04-Mar-2027 10:00 AM (EST)"),
        ("Start: 4 March 2027\n10:00 UTC seen\n", "4 March 2027"),
        ("Start: 4 March 2027\n\nRegards\n10:00 UTC\n", "4 March 2027"),
        ("Start: 4 March 2027 10:00 UTC\n11:00 UTC\n", "4 March 2027 10:00 UTC"),
        ("Start: 4 March 2027 10:00\nNOC\n", "4 March 2027 10:00"),
    ],
)
def test_a_time_goes_on_where_its_line_was_wrapped(lines: str, value: str) -> None:
    assert told(plain(f"Ticket: 4711\n{lines}"))["Start"] == value


@pytest.mark.parametrize("behind", ["The second came later.", "status: them", "", "- them", "Status: them"])
def test_a_value_ends_before_what_is_no_more_of_its_sentence(behind: str) -> None:
    ended = "Two optics of one lot failed in the node, and nobody knows it."
    going_on = "Two optics of one lot failed in the node, and nobody knows why"

    assert told(plain(f"Ticket: 4711\nCause: {ended}\nthem too\n"))["Cause"] == ended
    assert told(plain(f"Ticket: 4711\nCause: {going_on}\n{behind}\n"))["Cause"] == going_on


def test_fields_beside_each_other_in_one_line_are_several() -> None:
    assert fields_of(plain("Ticket: 4711 | Status: Open | ETR: 4 hours")) == (
        Field(label="Ticket", value="4711"),
        Field(label="Status", value="Open"),
        Field(label="ETR", value="4 hours"),
    )


def test_rows_of_two_and_of_four_cells_are_fields() -> None:
    table = (
        "<table><tr><th>Ticket Number</th><td>4711</td></tr>"
        "<tr><td>Status:</td><td>Open</td><td>Start Time</td><td>10:00 UTC</td></tr></table>"
    )
    assert fields_of(page(table)) == (
        Field(label="Ticket Number", value="4711"),
        Field(label="Status", value="Open"),
        Field(label="Start Time", value="10:00 UTC"),
    )


def test_a_colon_with_a_cell_of_its_own_is_no_value() -> None:
    notice = page(
        "<table><tr><td>Ticket</td><td>:</td><td>4711</td></tr>"
        "<tr><td>ETR</td><td> : </td><td>18:00 UTC</td></tr></table>"
    )

    assert told(notice) == {"Ticket": "4711", "ETR": "18:00 UTC"}


def test_preformatted_lines_are_lines_and_what_they_quote_is_quoted() -> None:
    notice = page("<pre>\nTicket: 4711\nETR: 18:00 UTC\n\n&gt; Status: Open\n&gt; ETR: 17:00 UTC\n</pre>")

    assert told(notice) == {"Ticket": "4711", "ETR": "18:00 UTC"}


def test_terms_and_what_they_mean_are_fields() -> None:
    terms = "<dl><dt>Ticket Number</dt><dd>4711</dd><dt>ETR:</dt><dd>18:00 UTC</dd></dl>"
    assert fields_of(page(terms)) == (Field(label="Ticket Number", value="4711"), Field(label="ETR", value="18:00 UTC"))


def test_the_lines_of_a_cell_stay_apart() -> None:
    table = "<table><tr><td>Circuit IDs</td><td>ABC-1<br>ABC-2<p>ABC-3</p></td></tr></table>"
    assert fields_of(page(table))[0] == Field(label="Circuit IDs", value="ABC-1\nABC-2\nABC-3")


def test_a_row_of_headings_labels_the_rows_below() -> None:
    head = "<tr><th>Circuit ID</th><th>Site</th><th>Impact</th></tr>"
    one, two = (f"<tr><td>ABC-{number}</td><td>Paris</td><td>Down</td></tr>" for number in (1, 2))
    rows = [
        (
            Field(label="Circuit ID", value=f"ABC-{number}"),
            Field(label="Site", value="Paris"),
            Field(label="Impact", value="Down"),
        )
        for number in (1, 2)
    ]
    assert tables_of(page(f"<table>{head}{one}{two}</table>")) == (tuple(rows),)
    assert fields_of(page(f"<table>{head}{one}{two}</table>")) == ()
    assert fields_of(page(f"<table>{head}{one}</table>")) == rows[0]


def test_labels_and_values_in_turn_are_no_row_of_headings() -> None:
    table = "<table><tr><td>Status</td><td>Open</td></tr><tr><td>Impact</td><td>Outage</td></tr></table>"
    assert tables_of(page(table)) == ()
    assert fields_of(page(table)) == (Field(label="Status", value="Open"), Field(label="Impact", value="Outage"))


pieces = st.sampled_from(
    ["Ticket: 1", "> x", "<td>", "</td>", "<tr>", "<br>", "<table>", "On 4 March x wrote:", "2027-03-04 10:00 abc", "|",
     ":", "\n", "From: a@b.example", "Subject: x", "Date: x", "<blockquote>", "&gt;", "\N{SYMBOL FOR RECORD SEPARATOR}"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    body=st.one_of(st.text(max_size=80), st.lists(pieces, max_size=15).map("\n".join)),
    made=st.sampled_from([plain, page]),
)
def test_no_text_does_harm_and_the_newest_is_part_of_it(body: str, made: object) -> None:
    notification = made(body)
    newest = newest_text(notification)
    for before, after in zip(notification.texts, newest.texts, strict=True):
        assert len(after.text) <= len(before.text)
    assert newest_text(newest).texts[0].text in newest.texts[0].text if newest.texts else True
    fields_of(newest)
    tables_of(newest)
