"""What happens to a notice on its way to us: the bytes of a mail go in, those of the mail that arrives come out.

Each transformation writes what a mail program, a list or a mail server writes. None of them changes what the notice
says, so that its reading is to be the same.
"""

import base64
import html as htmllib
import quopri
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email import message_from_bytes
from email.header import Header, decode_header, make_header
from email.message import Message
from email.utils import format_datetime, parsedate_to_datetime

from domain.events import StatedCircuit
from domain.message import Reading
from domain.vocabulary import Impact
from parsers.mime import read_envelope
from parsers.providers import Directory
from parsers.reading import read_message

Transformation = Callable[[bytes], bytes]

COLLEAGUE = "Jo Novak <jo.novak@ridgeline.example>"
LIST = "noc-list@lists.ridgeline.example"
# The zone of who sends on, and how long they take.
ZONE = timezone(timedelta(hours=1))
LATER = timedelta(hours=3)


# A mail taken apart, and put together again


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A mail taken apart: ``others`` are its parts that are no text, whole."""

    sender: str
    to: str
    subject: str
    date: datetime
    text: str
    html: str
    others: tuple[bytes, ...]

    @property
    def local(self) -> datetime:
        # Colleagues sit in one zone: of a notice that was sent on twice, nothing says in which the first one sat.
        return self.date if "novak" in self.sender else self.date.astimezone(ZONE)


def taken_apart(raw: bytes) -> Notice:
    message = message_from_bytes(raw)
    texts: dict[str, list[str]] = {"text/plain": [], "text/html": []}
    others = []
    for part in leaves(message):
        if part.get_content_type() in texts:
            texts[part.get_content_type()].append(text_of(part))
        else:
            others.append(part.as_bytes())
    return Notice(
        sender=header_of(message, "From"),
        to=header_of(message, "To") or "noc@ridgeline.example",
        subject=header_of(message, "Subject"),
        date=parsedate_to_datetime(str(message["Date"])),
        text="\n".join(texts["text/plain"]).replace("\r\n", "\n"),
        html="\n".join(texts["text/html"]).replace("\r\n", "\n"),
        others=tuple(others),
    )


def leaves(message: Message) -> list[Message]:
    if not message.is_multipart() or message.get_content_type() == "message/rfc822":
        return [message]
    return [leaf for part in message.get_payload() for leaf in leaves(part)]


def text_of(part: Message) -> str:
    content = part.get_payload(decode=True)
    for charset in (part.get_content_charset(), "utf-8", "cp1252"):
        try:
            return content.decode(charset or "utf-8")
        except (LookupError, ValueError):
            continue
    return content.decode("latin-1")


def header_of(message: Message, name: str) -> str:
    return re.sub(r"\s*\r?\n\s*", " ", str(make_header(decode_header(str(message.get(name) or ""))))).strip()


def together(kind: str, parts: Sequence[bytes], name: str = "outer") -> bytes:
    boundary = f"=_{name}_=".encode()
    pieces = b"".join(b"--" + boundary + b"\n" + part.rstrip(b"\n") + b"\n" for part in parts)
    return (
        f'Content-Type: multipart/{kind}; boundary="'.encode()
        + boundary
        + b'"\n\n'
        + pieces
        + b"--"
        + boundary
        + b"--\n"
    )


def in_base64(content: bytes, columns: int = 76) -> bytes:
    letters = base64.b64encode(content)
    return b"\n".join(letters[at : at + columns] for at in range(0, len(letters), columns)) + b"\n"


def text_part(text: str, kind: str = "plain") -> bytes:
    body = quopri.encodestring(text.encode())
    return f"Content-Type: text/{kind}; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n".encode() + body


def body_of(text: str, html: str, others: Sequence[bytes] = ()) -> bytes:
    """Return the body of a mail with its Content-Type, as mail programs build it."""
    texts = [text_part(text)] if text else []
    texts += [text_part(html, "html")] if html else []
    body = texts[0] if len(texts) == 1 else together("alternative", texts, "texts")
    return together("mixed", [body, *others]) if others else body


def mail(headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    lines = [f"{name}: {value if value.isascii() else Header(value, 'utf-8').encode()}" for name, value in headers]
    return "\n".join((*lines, "MIME-Version: 1.0", "")).encode() + body


def sent_on(notice: Notice, body: bytes, prefix: str = "Fwd: ") -> bytes:
    """Return the mail in which a colleague sends a notice on."""
    headers = [
        ("Received", f"from mx.ridgeline.example; {format_datetime(notice.local + LATER)}"),
        ("From", COLLEAGUE),
        ("To", "noc@ridgeline.example"),
        ("Subject", prefix + notice.subject),
        ("Date", format_datetime(notice.local + LATER)),
        ("Message-ID", "<sent-on-1@ridgeline.example>"),
    ]
    return mail(headers, body)


def again(raw: bytes, body: bytes, **changed: str | None) -> bytes:
    """Return a mail with another body, with some headers changed, added, or left out."""
    message = message_from_bytes(raw)
    headers = {name.lower(): (name, re.sub(r"\r?\n(?=[ \t])", "", str(value))) for name, value in message.items()}
    for gone in ("content-type", "content-transfer-encoding", "content-disposition", "mime-version"):
        headers.pop(gone, None)
    for word, value in changed.items():
        name = word.replace("_", "-")
        headers.pop(name.lower(), None)
        if value is not None:
            headers[name.lower()] = (name, value)
    return mail(list(headers.values()), body)


def inner_html(html: str) -> str:
    """Return what stands in the body of an html text: a mail program drops its head."""
    return re.sub(r"(?is)^.*<body\b[^>]*>|</body>.*$", "", html)


def as_text(html: str) -> str:
    lines = re.sub(r"(?i)<(?:br|/p|/div|/tr|/h\d|/li)\b[^>]*>", "\n", re.sub(r"(?is)<style.*?</style>", "", html))
    return htmllib.unescape(re.sub(r"<[^>]*>", " ", lines))


def as_html(text: str) -> str:
    return "<br>\n".join(htmllib.escape(line, quote=False) for line in text.splitlines())


def both(notice: Notice) -> tuple[str, str]:
    """Return a notice as text and as html, one made out of the other where the mail has only one."""
    return notice.text or as_text(notice.html), inner_html(notice.html) or as_html(notice.text)


def quoted(text: str, mark: str = "> ") -> str:
    return "".join(f"{mark}{line}".rstrip() + "\n" for line in text.splitlines())


def changed_texts(raw: bytes, change: Callable[[str, str], str]) -> bytes:
    """Return a mail with each of its texts changed; the change is told whether it is plain or html."""
    notice = taken_apart(raw)
    text = change(notice.text, "plain") if notice.text else ""
    html = change(notice.html, "html") if notice.html else ""
    return again(raw, body_of(text, html, notice.others))


# Sent on as an attachment


def attached_as_mail(raw: bytes) -> bytes:
    note = text_part("For the calendar, please.\n")
    return sent_on(taken_apart(raw), together("mixed", [note, b"Content-Type: message/rfc822\n\n" + raw], "fwd"))


def attached_in_base64(raw: bytes) -> bytes:
    head = b'Content-Type: message/rfc822; name="notice.eml"\nContent-Transfer-Encoding: base64\n\n'
    note = text_part("<p>For the calendar, please.</p>", "html")
    return sent_on(taken_apart(raw), together("mixed", [note, head + in_base64(raw)], "fwd"), "FW: ")


def attached_as_file(raw: bytes) -> bytes:
    head = b'Content-Type: application/octet-stream; name="x.eml"\nContent-Transfer-Encoding: base64\n'
    head += b'Content-Disposition: attachment; filename="x.eml"\n\n'
    return sent_on(taken_apart(raw), together("mixed", [text_part("fyi\n"), head + in_base64(raw)], "fwd"), "WG: ")


# Sent on in the body


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How mail programs write the headers of what is sent on: labels of From, Sent, To, Subject, and their dates."""

    months: tuple[str, ...]
    days: tuple[str, ...]
    labels: tuple[str, str, str, str]
    sent: str
    gmail: str
    prefix: str = "Fwd: "
    short_months: tuple[str, ...] = ()
    short_days: tuple[str, ...] = ()
    colon: str = ":"


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# {D} weekday, {d} day, {M} month, {Y} year, {t} time; small letters stand for the short words of Gmail.
LANGUAGES = {
    "english": Language(
        months=words("January February March April May June July August September October November December"),
        days=words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
        short_months=words("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"),
        short_days=words("Mon Tue Wed Thu Fri Sat Sun"),
        labels=("From", "Sent", "To", "Subject"),
        sent="{D}, {M} {d}, {Y} {t12}",
        gmail="{sD}, {sM} {d}, {Y} at {t12}",
        prefix="FW: ",
    ),
    "british": Language(
        months=words("January February March April May June July August September October November December"),
        days=words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
        short_months=words("Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec"),
        short_days=words("Mon Tue Wed Thu Fri Sat Sun"),
        labels=("From", "Sent", "To", "Subject"),
        sent="{d:02} {M} {Y} {t}",
        gmail="{sD}, {d} {sM} {Y}, {t}",
    ),
    "german": Language(
        months=words("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
        days=words("Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"),
        short_months=words("Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez."),
        short_days=words("Mo. Di. Mi. Do. Fr. Sa. So."),
        labels=("Von", "Gesendet", "An", "Betreff"),
        sent="{D}, {d}. {M} {Y} {t}",
        gmail="{sD}, {d}. {sM} {Y} um {t} Uhr",
        prefix="WG: ",
    ),
    "french": Language(
        months=words("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
        days=words("lundi mardi mercredi jeudi vendredi samedi dimanche"),
        short_months=words("janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
        short_days=words("lun. mar. mer. jeu. ven. sam. dim."),
        labels=("De", "Envoyé", "À", "Objet"),
        sent="{D} {d} {M} {Y} {t}",
        gmail="{sD} {d} {sM} {Y} à {t}",
        prefix="TR : ",
        colon=" :",
    ),
    "spanish": Language(
        months=words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
        days=words("lunes martes miércoles jueves viernes sábado domingo"),
        short_months=words("ene feb mar abr may jun jul ago sept oct nov dic"),
        short_days=words("lun mar mié jue vie sáb dom"),
        labels=("De", "Enviado el", "Para", "Asunto"),
        sent="{D}, {d} de {M} de {Y} {t}",
        gmail="{sD}, {d} {sM} {Y} a las {t}",
        prefix="RV: ",
    ),
    "italian": Language(
        months=words("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"),
        days=words("lunedì martedì mercoledì giovedì venerdì sabato domenica"),
        short_months=words("gen feb mar apr mag giu lug ago set ott nov dic"),
        short_days=words("lun mar mer gio ven sab dom"),
        labels=("Da", "Inviato", "A", "Oggetto"),
        sent="{D} {d} {M} {Y} {t}",
        gmail="{sD} {d} {sM} {Y} alle ore {t}",
        prefix="I: ",
    ),
    "portuguese": Language(
        months=words("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
        days=words("segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo"),
        short_months=words("jan. fev. mar. abr. mai. jun. jul. ago. set. out. nov. dez."),
        short_days=words("seg. ter. qua. qui. sex. sáb. dom."),
        labels=("De", "Enviada em", "Para", "Assunto"),
        sent="{D}, {d} de {M} de {Y} {t}",
        gmail="{sD}, {d} de {sM} de {Y} às {t}",
        prefix="ENC: ",
    ),
    "dutch": Language(
        months=words("januari februari maart april mei juni juli augustus september oktober november december"),
        days=words("maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"),
        short_months=words("jan feb mrt apr mei jun jul aug sep okt nov dec"),
        short_days=words("ma di wo do vr za zo"),
        labels=("Van", "Verzonden", "Aan", "Onderwerp"),
        sent="{D} {d} {M} {Y} {t}",
        gmail="{sD} {d} {sM} {Y} om {t}",
        prefix="Doorst: ",
    ),
    "polish": Language(
        months=words(
            "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia"
        ),
        days=words("poniedziałek wtorek środa czwartek piątek sobota niedziela"),
        short_months=words("sty lut mar kwi maj cze lip sie wrz paź lis gru"),
        short_days=words("pon. wt. śr. czw. pt. sob. niedz."),
        labels=("Od", "Wysłane", "Do", "Temat"),
        sent="{D}, {d} {M} {Y} {t}",
        gmail="{sD}, {d} {sM} {Y} o {t}",
        prefix="PD: ",
    ),
    "swedish": Language(
        months=words("januari februari mars april maj juni juli augusti september oktober november december"),
        days=words("måndag tisdag onsdag torsdag fredag lördag söndag"),
        short_months=words("jan. feb. mars apr. maj juni juli aug. sep. okt. nov. dec."),
        short_days=words("mån tis ons tors fre lör sön"),
        labels=("Från", "Skickat", "Till", "Ämne"),
        sent="den {d} {M} {Y} {t}",
        gmail="{sD} {d} {sM} {Y} kl {t}",
        prefix="VB: ",
    ),
    "danish": Language(
        months=words("januar februar marts april maj juni juli august september oktober november december"),
        days=words("mandag tirsdag onsdag torsdag fredag lørdag søndag"),
        short_months=words("jan. feb. mar. apr. maj jun. jul. aug. sep. okt. nov. dec."),
        short_days=words("man. tirs. ons. tors. fre. lør. søn."),
        labels=("Fra", "Sendt", "Til", "Emne"),
        sent="{d}. {M} {Y} {t}",
        gmail="{sD} {d}. {sM} {Y} kl. {tdot}",
        prefix="VS: ",
    ),
    "norwegian": Language(
        months=words("januar februar mars april mai juni juli august september oktober november desember"),
        days=words("mandag tirsdag onsdag torsdag fredag lørdag søndag"),
        short_months=words("jan. feb. mars apr. mai juni juli aug. sep. okt. nov. des."),
        short_days=words("man. tir. ons. tor. fre. lør. søn."),
        labels=("Fra", "Sendt", "Til", "Emne"),
        sent="{D} {d}. {M} {Y} kl. {t}",
        gmail="{sD} {d}. {sM} {Y} kl. {t}",
        prefix="VS: ",
    ),
    "finnish": Language(
        months=words(
            "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta"
            " marraskuuta joulukuuta"
        ),
        days=words("maanantai tiistai keskiviikko torstai perjantai lauantai sunnuntai"),
        short_months=words(
            "tammik. helmik. maalisk. huhtik. toukok. kesäk. heinäk. elok. syysk. lokak. marrask. jouluk."
        ),
        short_days=words("ma ti ke to pe la su"),
        labels=("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"),
        sent="{D} {d}. {M} {Y} {tdot}",
        gmail="{sD} {d}. {sM} {Y} klo {tdot}",
        prefix="VL: ",
    ),
    "czech": Language(
        months=words("ledna února března dubna května června července srpna září října listopadu prosince"),
        days=words("pondělí úterý středa čtvrtek pátek sobota neděle"),
        short_months=words("1. 2. 3. 4. 5. 6. 7. 8. 9. 10. 11. 12."),
        short_days=words("po út st čt pá so ne"),
        labels=("Od", "Odesláno", "Komu", "Předmět"),
        sent="{D} {d}. {M} {Y} {t}",
        gmail="{sD} {d}. {sM} {Y} v {t}",
        prefix="FW: ",
    ),
}


def dated(form: str, language: Language, moment: datetime) -> str:
    twelve = f"{moment.hour % 12 or 12}:{moment:%M} {'AM' if moment.hour < 12 else 'PM'}"
    return form.format(
        D=language.days[moment.weekday()],
        d=moment.day,
        M=language.months[moment.month - 1],
        Y=moment.year,
        n=f"{moment:%m/%d/%Y}",
        t=f"{moment:%H:%M}",
        t12=twelve,
        tdot=f"{moment.hour}.{moment:%M}",
        sD=language.short_days[moment.weekday()],
        sM=language.short_months[moment.month - 1],
    )


def wrapped(line: str) -> str:
    return textwrap.fill(line, 76, break_long_words=False, break_on_hyphens=False)


def address_of(sender: str) -> tuple[str, str]:
    name, _, address = sender.rpartition("<")
    return name.strip(' "') or address.strip("<> "), address.strip("<> ")


def gmail(language: Language) -> Transformation:
    """Gmail translates the label of From, and the date."""

    def transform(raw: bytes) -> bytes:
        notice = taken_apart(raw)
        text, html = both(notice)
        name, address = address_of(notice.sender)
        date = dated(language.gmail, language, notice.local)
        marker = "---------- Forwarded message ---------"
        label = f"{language.labels[0]}{language.colon}"
        head = [
            marker,
            f"{label} {name} <{address}>",
            f"Date: {date}",
            f"Subject: {notice.subject}",
            f"To: {notice.to}",
        ]
        div = (
            '<div dir="ltr">fyi<br><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
            f'{marker}<br>{label} <strong class="gmail_sendername" dir="auto">{htmllib.escape(name)}</strong> <span '
            f'dir="auto">&lt;<a href="mailto:{address}">{address}</a>&gt;</span><br>Date: {date}<br>'
            f"Subject: {htmllib.escape(notice.subject)}<br>To: {htmllib.escape(notice.to)}<br></div><br><br>"
            f"{html}</div>\n</div>"
        )
        lines = "\n".join(map(wrapped, head))
        return sent_on(notice, body_of(f"fyi\n\n{lines}\n\n\n{text}", div, notice.others))

    return transform


def outlook(language: Language, form: str = "") -> Transformation:
    """Outlook of the desk and of the web."""

    def transform(raw: bytes) -> bytes:
        notice = taken_apart(raw)
        text, html = both(notice)
        name, address = address_of(notice.sender)
        values = (
            f"{name} <{address}>",
            dated(form or language.sent, language, notice.local),
            notice.to,
            notice.subject,
        )
        pairs = [(f"{label}{language.colon}", value) for label, value in zip(language.labels, values, strict=True)]
        head = "\n".join(f"{label} {value}" for label, value in pairs)
        lines = "<br>\n".join(f"<b>{label}</b> {htmllib.escape(value)}" for label, value in pairs)
        page = (
            '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta http-equiv="Content-Type" '
            'content="text/html; charset=utf-8"><style><!-- p.MsoNormal {margin:0cm;} --></style></head><body>'
            '<div class="WordSection1"><p class="MsoNormal">fyi<o:p></o:p></p><div><div style="border:none;border-top:'
            'solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal">'
            f'{lines}<o:p></o:p></p></div></div><p class="MsoNormal"><o:p>&nbsp;</o:p></p>{html}</div></body></html>'
        )
        return sent_on(notice, body_of(f"fyi\n\n{head}\n\n{text}", page, notice.others), language.prefix)

    return transform


def sent_on_in_html_alone(raw: bytes) -> bytes:
    """A mail program that writes no plain text."""
    notice = taken_apart(outlook(LANGUAGES["english"])(raw))
    return again(outlook(LANGUAGES["english"])(raw), body_of("", notice.html, notice.others))


def outlook_of_the_web(raw: bytes) -> bytes:
    """OWA draws a line, and writes the address a second time in the text."""
    notice = taken_apart(raw)
    text, html = both(notice)
    name, address = address_of(notice.sender)
    date = dated(LANGUAGES["english"].sent, LANGUAGES["english"], notice.local)
    head = (
        f"{'_' * 32}\nFrom: {name} <{address}<mailto:{address}>>\nSent: {date}\nTo: {notice.to}\n"
        f"Subject: {notice.subject}\n"
    )
    page = (
        '<html><head></head><body dir="ltr"><div class="elementToProof">fyi</div><div id="appendonsend"></div><hr '
        'style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, '
        f'sans-serif" style="font-size:11pt" color="#000000"><b>From:</b> {name} &lt;{address}&gt;<br>\n<b>Sent:</b> '
        f"{date}<br>\n<b>To:</b> {htmllib.escape(notice.to)}<br>\n<b>Subject:</b> {htmllib.escape(notice.subject)}"
        f"</font><div>&nbsp;</div>\n</div>\n<div>{html}</div></body></html>"
    )
    return sent_on(notice, body_of(f"fyi\n\n{head}\n{text}", page, notice.others), "Fw: ")


def apple_mail(raw: bytes) -> bytes:
    notice = taken_apart(raw)
    text, html = both(notice)
    date = f"{notice.local.day} {LANGUAGES['english'].months[notice.local.month - 1]} {notice.local:%Y at %H:%M:%S} CET"
    name, address = address_of(notice.sender)
    head = f"From: {name} <{address}>\nSubject: {notice.subject}\nDate: {date}\nTo: {notice.to}\n"
    lines = "".join(
        '<div style="margin: 0px;"><span style="font-family: -webkit-system-font;"><b>'
        f"{line.partition(':')[0]}: </b></span><span>{htmllib.escape(line.partition(':')[2].strip())}<br></span></div>"
        for line in head.splitlines()
    )
    page = (
        '<html><head></head><body style="line-break: after-white-space;">fyi<br><div><br><blockquote type="cite"><div>'
        f'Begin forwarded message:</div><br class="Apple-interchange-newline">{lines}<br><div>{html}</div></blockquote>'
        "</div><br></body></html>"
    )
    body = f"fyi\n\n> Begin forwarded message:\n>\n{quoted(head)}>\n{quoted(text)}"
    return sent_on(notice, body_of(body, page, notice.others))


def apple_mail_in_german(raw: bytes) -> bytes:
    notice = taken_apart(raw)
    text, html = both(notice)
    date = f"{notice.local.day}. {LANGUAGES['german'].months[notice.local.month - 1]} {notice.local:%Y um %H:%M:%S} MEZ"
    head = f"Von: {notice.sender}\nBetreff: {notice.subject}\nDatum: {date}\nAn: {notice.to}\n"
    lines = "".join(f"<div><b>{htmllib.escape(line)}</b><br></div>" for line in head.splitlines())
    page = (
        f'<blockquote type="cite"><div>Anfang der weitergeleiteten Nachricht:</div><br>{lines}<br>{html}</blockquote>'
    )
    body = f"Anfang der weitergeleiteten Nachricht:\n\n{quoted(head)}>\n{quoted(text)}"
    return sent_on(notice, body_of(body, page, notice.others))


def thunderbird(raw: bytes) -> bytes:
    notice = taken_apart(raw)
    text, html = both(notice)
    pairs = (
        ("Subject", notice.subject),
        ("Date", format_datetime(notice.date)),
        ("From", notice.sender),
        ("To", notice.to),
    )
    head = "\n".join(f"{label}: \t{value}" for label, value in pairs)
    rows = "".join(
        f'<tr><th valign="BASELINE" align="RIGHT" nowrap="nowrap">{label}: </th><td>{htmllib.escape(value)}</td></tr>\n'
        for label, value in pairs
    )
    page = (
        '<html><head><meta http-equiv="content-type" content="text/html; charset=UTF-8"></head><body><p>fyi</p>'
        '<div class="moz-forward-container"><br><br>-------- Forwarded Message --------'
        '<table class="moz-email-headers-table" cellspacing="0" cellpadding="0" border="0"><tbody>'
        f"{rows}</tbody></table><br><br>{html}</div></body></html>"
    )
    text = f"fyi\n\n-------- Forwarded Message --------\n{head}\n\n{text}"
    return sent_on(notice, body_of(text, page, notice.others))


def quoted_below_a_header(language: Language) -> Transformation:
    """A text-only mail program that quotes what it sends on."""

    def transform(raw: bytes) -> bytes:
        notice = taken_apart(raw)
        text, html = both(notice)
        date = dated(language.sent, language, notice.local)
        values = (notice.sender, date, notice.to, notice.subject)
        head = "".join(
            f"{label}{language.colon} {value}\n" for label, value in zip(language.labels, values, strict=True)
        )
        page = f"<p>fyi</p><blockquote>{as_html(head)}<br><br>{html}</blockquote>"
        return sent_on(notice, body_of(f"fyi\n{quoted(head)}>\n{quoted(text)}", page, notice.others), language.prefix)

    return transform


# Sent on by a list or a server


FOOTER = (
    "_______________________________________________\nnoc-list mailing list -- noc-list@lists.ridgeline.example\n"
    "To unsubscribe send an email to noc-list-leave@lists.ridgeline.example\n"
)


def google_group(raw: bytes) -> bytes:
    notice = taken_apart(raw)
    footer = (
        '-- \nYou received this message because you are subscribed to the Google Groups "team" group.\n'
        "To unsubscribe from this group and stop receiving emails from it, send an email to "
        "team+unsubscribe@ridgeline.example.\n"
    )
    text = f"{notice.text}\n\n{footer}" if notice.text else ""
    html = f"{notice.html}\n\n<p></p>\n\n{as_html(footer)}<br />\n" if notice.html else ""
    name, address = address_of(notice.sender)
    return again(
        raw,
        body_of(text, html, notice.others),
        From=f"\"'{name}' via Team\" <team@ridgeline.example>",
        Subject=f"[team] {notice.subject}",
        Reply_To=f"{name} <{address}>",
        X_Original_From=f"{name} <{address}>",
        X_Original_Sender=address,
        X_Google_Group_Id="48120017733",
        Mailing_list="list team@ridgeline.example; contact team+owners@ridgeline.example",
        List_ID="<team.ridgeline.example>",
        Precedence="list",
    )


def google_group_with_the_sender_alone(raw: bytes) -> bytes:
    rewritten = google_group(raw)
    return re.sub(rb"(?m)^(?:X-Original-From|Reply-To): .*\n", b"", rewritten)


def mailman(raw: bytes) -> bytes:
    """Mailman 3: the From of the list, the footer as a part."""
    notice = taken_apart(raw)
    name, address = address_of(notice.sender)
    parts = [body_of(notice.text, notice.html, notice.others), text_part(FOOTER)]
    return again(
        raw,
        together("mixed", parts, "mailman"),
        From=f"{name} via noc-list <{LIST}>",
        Reply_To=f"{name} <{address}>",
        Subject=f"[noc-list] {notice.subject}",
        List_Id=f"Notices of carriers <{LIST.replace('@', '.')}>",
        Precedence="list",
    )


def mailman_2(raw: bytes) -> bytes:
    """Mailman 2: the list in the Reply-To as well, the footer in the text."""
    notice = taken_apart(raw)
    name, address = address_of(notice.sender)
    text = f"{notice.text}\n{FOOTER}" if notice.text else ""
    return again(
        raw,
        body_of(text, notice.html, notice.others),
        From=f'"{name} via Noc-list" <{LIST}>',
        Reply_To=f"{name} <{address}>, Carriers' notices <{LIST}>",
        Subject=f"[Noc-list] {notice.subject}",
        List_Id=f"Carriers' notices <{LIST.replace('@', '.')}>",
        Sender=f'"Noc-list" <{LIST.replace("@", "-bounces@")}>',
        Precedence="list",
    )


def mailman_wrapped(raw: bytes) -> bytes:
    notice = taken_apart(raw)
    headers = [
        ("From", f"{address_of(notice.sender)[0]} via noc-list <{LIST}>"),
        ("To", LIST),
        ("Subject", f"[noc-list] {notice.subject}"),
        ("Date", format_datetime(notice.date)),
        ("Message-ID", "<wrapped-1@lists.ridgeline.example>"),
        ("List-Id", f"Notices of carriers <{LIST.replace('@', '.')}>"),
    ]
    return mail(headers, together("mixed", [b"Content-Type: message/rfc822\n\n" + raw, text_part(FOOTER)], "wrapped"))


def redirected(raw: bytes) -> bytes:
    """Microsoft 365 sends on a mail that keeps its From."""
    at = format_datetime(taken_apart(raw).local + LATER)
    head = f"Received: from mail-x.prod.example; {at}\nResent-From: <jo.novak@ridgeline.example>\nResent-Date: {at}\n"
    return head.encode() + raw


# Marked as coming from outside


BANNERS = {
    "english": "CAUTION: This email originated from outside of the organization. Do not click links or open "
    "attachments unless you recognize the sender and know the content is safe.",
    "german": "ACHTUNG: Diese E-Mail stammt von einem externen Absender. Bitte klicken Sie nicht auf Links und öffnen "
    "Sie keine Anhänge, wenn Sie den Absender nicht kennen.",
    "french": "ATTENTION : cet e-mail provient de l'extérieur de l'organisation. Ne cliquez pas sur les liens et "
    "n'ouvrez pas les pièces jointes à moins de connaître l'expéditeur.",
    "spanish": "PRECAUCIÓN: este correo electrónico se originó fuera de la organización. No haga clic en enlaces ni "
    "abra archivos adjuntos a menos que reconozca al remitente.",
}
SUBJECT_MARKS = {"english": "[EXTERNAL] ", "german": "[EXTERN] ", "french": "[Externe] ", "spanish": "[EXTERNO] "}


def banner_in_table(words_of_it: str) -> str:
    return (
        '<table border="0" cellspacing="0" cellpadding="0" align="left" width="100%"><tr><td style="background:#ffb900;'
        f'padding:5pt 2pt 5pt 2pt"></td><td width="100%" style="padding:5pt 4pt 5pt 12pt"><div>{words_of_it}</div></td>'
        "</tr></table>"
    )


def banner_in_tables(words_of_it: str) -> str:
    return f'<table width="100%"><tbody><tr><td>{banner_in_table(words_of_it)}</td></tr></tbody></table><br>'


def banner_in_div(words_of_it: str) -> str:
    return f'<div style="background-color:#FFEB9C; border:1pt solid #9C6500; padding:2pt;">{words_of_it}</div><br>'


def bannered(language: str, shape: Callable[[str], str], *, bare: bool = False) -> Transformation:
    """A server writes its warning on top of each text, and a mark before the subject."""

    def put(text: str, kind: str) -> str:
        if kind == "plain":
            return f"{BANNERS[language]}\n\n{text}"
        banner = shape(htmllib.escape(BANNERS[language], quote=False))
        return re.sub(r"(?i)(<body\b[^>]*>)|\A(?![\s\S]*<body\b)", lambda at: (at[1] or "") + banner, text, count=1)

    def transform(raw: bytes) -> bytes:
        subject = taken_apart(raw).subject
        marked = changed_texts(raw, put)
        mark = "EXTERN: " if bare else SUBJECT_MARKS[language]
        return re.sub(
            rb"(?m)^Subject:.*\n(?:[ \t].*\n)*", lambda _: header_line("Subject", mark + subject), marked, count=1
        )

    return transform


def header_line(name: str, value: str) -> bytes:
    return f"{name}: {value if value.isascii() else Header(value, 'utf-8').encode()}\n".encode()


def with_safe_links(raw: bytes) -> bytes:
    def rewrite(text: str, kind: str) -> str:
        return re.sub(
            r"https?://[^\s\"'<>)]+",
            lambda url: (
                "https://eur02.safelinks.protection.outlook.com/?url="
                f"{url[0].replace(':', '%3A').replace('/', '%2F')}&{'amp;' * (kind == 'html')}data=05%7C02&reserved=0"
            ),
            text,
        )

    return changed_texts(raw, rewrite)


def with_url_defense(raw: bytes) -> bytes:
    return changed_texts(
        raw,
        lambda text, _: re.sub(
            r"https?://[^\s\"'<>)]+", lambda url: f"https://urldefense.com/v3/__{url[0]}__;!!Ab1!cD2-eF3$", text
        ),
    )


# With a disclaimer


DISCLAIMER = (
    "This message and any attachment are confidential and may be privileged. If you are not the intended recipient, "
    "please notify the sender and delete this message. Maintenance of confidentiality is in your own interest.\n"
)


def disclaimer_parts(raw: bytes) -> bytes:
    notice = taken_apart(raw)
    parts = [
        body_of(notice.text, notice.html, notice.others),
        text_part(DISCLAIMER),
        text_part(f"<p>{DISCLAIMER}</p>", "html"),
    ]
    return again(raw, together("mixed", parts, "disclaimer"))


def disclaimer_in_the_text(raw: bytes) -> bytes:
    def put(text: str, kind: str) -> str:
        if kind == "plain":
            return f"{text}\n\n{DISCLAIMER}"
        return re.sub(r"(?i)</body>|\Z", lambda end: f"<hr><p>{DISCLAIMER}</p>{end[0]}", text, count=1)

    return changed_texts(raw, put)


def disclaimer_first(raw: bytes) -> bytes:
    """A server that puts a part of its own before the notice."""
    notice = taken_apart(raw)
    body = body_of(notice.text, notice.html, notice.others)
    return again(raw, together("mixed", [text_part(DISCLAIMER), body], "first"))


# Damaged on the way


def in_parts(raw: bytes, encode: Callable[[str], tuple[str, bytes]]) -> bytes:
    """Return a mail whose texts are encoded in a given way: parameters and further headers, and the body."""
    notice = taken_apart(raw)
    texts = []
    for kind, text in (("plain", notice.text), ("html", notice.html)):
        if text:
            head, body = encode(text)
            texts.append(f"Content-Type: text/{kind}{head}\n\n".encode() + body)
    body = texts[0] if len(texts) == 1 else together("alternative", texts, "texts")
    return again(raw, together("mixed", [body, *notice.others]) if notice.others or not texts else body)


def encoded_twice(raw: bytes) -> bytes:
    head = "; charset=utf-8\nContent-Transfer-Encoding: quoted-printable"
    return in_parts(raw, lambda text: (head, quopri.encodestring(quopri.encodestring(text.encode()))))


def still_encoded(raw: bytes) -> bytes:
    """Quoted-printable under the name of 8bit."""
    head = "; charset=utf-8\nContent-Transfer-Encoding: 8bit"
    return in_parts(raw, lambda text: (head, quopri.encodestring(text.encode())))


def soft_breaks_left(raw: bytes) -> bytes:
    """Lines broken as quoted-printable has them in a text that is not encoded otherwise."""
    head = "; charset=utf-8\nContent-Transfer-Encoding: 8bit"
    return in_parts(raw, lambda text: (head, re.sub(r"([^\n]{75})(?=[^\n])", "\\1=\n", text).encode()))


def equal_signs_left(raw: bytes) -> bytes:
    """A text decoded but for the signs of equality."""
    head = "; charset=utf-8\nContent-Transfer-Encoding: 8bit"
    return in_parts(raw, lambda text: (head, text.replace("=", "=3D").encode()))


def in_odd_base64(raw: bytes) -> bytes:
    head = "; charset=utf-8\nContent-Transfer-Encoding: base64"
    return in_parts(raw, lambda text: (head, in_base64(text.encode(), 61)))


def in_base64_of_one_line(raw: bytes) -> bytes:
    head = "; charset=utf-8\nContent-Transfer-Encoding: base64"
    return in_parts(raw, lambda text: (head, base64.b64encode(text.encode()).rstrip(b"=") + b"\n"))


def in_charset(charset: str, declared: str) -> Transformation:
    """What is not in the charset is a reference in html; in plain text it is lost, and says nothing of an event."""

    def encode(text: str) -> tuple[str, bytes]:
        lost = "xmlcharrefreplace" if "</" in text else "replace"
        return f"{declared}\nContent-Transfer-Encoding: 8bit", text.encode(charset, lost)

    return lambda raw: in_parts(raw, encode)


def with_crlf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def with_lf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n")


def flowed(raw: bytes) -> bytes:
    """RFC 3676: long lines of plain text broken after a space."""
    notice = taken_apart(raw)

    def flow(line: str) -> str:
        if line == "-- ":
            return line
        stuffed = f" {line}" if line.startswith((" ", ">", "From ")) else line
        return re.sub(r"([^\n]{50,70} )(?=\S)", "\\1\n", stuffed.rstrip(" ") or "")

    text = "\n".join(map(flow, notice.text.split("\n")))
    part = (
        b"Content-Type: text/plain; charset=utf-8; format=flowed\nContent-Transfer-Encoding: 8bit\n\n" + text.encode()
    )
    texts = ([part] if notice.text else []) + ([text_part(notice.html, "html")] if notice.html else [])
    body = texts[0] if len(texts) == 1 else together("alternative", texts, "texts")
    return again(raw, together("mixed", [body, *notice.others]) if notice.others else body)


def without_trailing_spaces(raw: bytes) -> bytes:
    return changed_texts(raw, lambda text, _: re.sub(r"[ \t]+(?=\n|\Z)", "", text))


def with_nbsp(raw: bytes) -> bytes:
    def hard(text: str, kind: str) -> str:
        if kind == "plain":
            return text.replace(" ", "\xa0")
        return re.sub(r">[^<]+<", lambda between: between[0].replace(" ", "&nbsp;"), text)

    return changed_texts(raw, hard)


def with_calendars(raw: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return a mail with its calendars as another part says them; the change is told what a calendar is."""
    message = message_from_bytes(raw)
    calendars = [part for part in leaves(message) if part.get_content_type() == "text/calendar"]
    if not calendars:
        return raw
    notice = taken_apart(raw)
    kept = [other for other in notice.others if b"text/calendar" not in other.lower()]
    parts = [change(part.get_payload(decode=True)) for part in calendars]
    return again(raw, together("mixed", [body_of(notice.text or "fyi", notice.html, kept), *parts], "calendars"))


def calendar_as_a_file(raw: bytes) -> bytes:
    head = b'Content-Type: application/octet-stream; name="invite.ics"\nContent-Transfer-Encoding: base64\n\n'
    return with_calendars(raw, lambda calendar: head + in_base64(calendar))


def calendar_encoded_twice(raw: bytes) -> bytes:
    head = b"Content-Type: text/calendar; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
    return with_calendars(raw, lambda one: head + quopri.encodestring(quopri.encodestring(one.replace(b"\r\n", b"\n"))))


def calendar_with_crlf(raw: bytes) -> bytes:
    head = b"Content-Type: text/calendar; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
    return with_calendars(raw, lambda calendar: head + in_base64(with_crlf(calendar)))


def nested(raw: bytes) -> bytes:
    notice = taken_apart(raw)
    inner = together("related", [body_of(notice.text, notice.html)], "related")
    return again(raw, together("mixed", [together("mixed", [inner], "deeper"), *notice.others], "outer"))


# All of them


ENGLISH = LANGUAGES["english"]

SINGLE: dict[str, Transformation] = {
    "attached as a mail": attached_as_mail,
    "attached as a mail in base64": attached_in_base64,
    "attached as a file": attached_as_file,
    **{f"gmail, {name}": gmail(language) for name, language in LANGUAGES.items()},
    **{f"outlook, {name}": outlook(language) for name, language in LANGUAGES.items()},
    **{f"quoted, {name}": quoted_below_a_header(LANGUAGES[name]) for name in ("english", "german", "french", "polish")},
    "outlook of the web": outlook_of_the_web,
    "outlook, html alone": sent_on_in_html_alone,
    "outlook with a short date": outlook(ENGLISH, "{n} {t}"),
    "apple mail": apple_mail,
    "apple mail, german": apple_mail_in_german,
    "thunderbird": thunderbird,
    "google group": google_group,
    "google group, the sender alone": google_group_with_the_sender_alone,
    "mailman 3": mailman,
    "mailman 2": mailman_2,
    "mailman, wrapped": mailman_wrapped,
    "redirected": redirected,
    "banner in a table, english": bannered("english", banner_in_table),
    "banner in tables, german": bannered("german", banner_in_tables),
    "banner in a table, french": bannered("french", banner_in_table),
    "banner in a div, spanish": bannered("spanish", banner_in_div),
    "banner in a div, german": bannered("german", banner_in_div, bare=True),
    "safe links": with_safe_links,
    "url defense": with_url_defense,
    "disclaimer parts": disclaimer_parts,
    "disclaimer in the text": disclaimer_in_the_text,
    "disclaimer first": disclaimer_first,
    "encoded twice": encoded_twice,
    "still encoded": still_encoded,
    "soft breaks left": soft_breaks_left,
    "equal signs left": equal_signs_left,
    "odd base64": in_odd_base64,
    "base64 in one line": in_base64_of_one_line,
    "latin 1": in_charset("latin-1", "; charset=iso-8859-1"),
    "windows 1252": in_charset("cp1252", "; charset=windows-1252"),
    "utf-8 undeclared": in_charset("utf-8", ""),
    "utf-8 declared as ascii": in_charset("utf-8", "; charset=us-ascii"),
    "windows 1252 declared as utf-8": in_charset("cp1252", "; charset=utf-8"),
    "crlf": with_crlf,
    "lf": with_lf,
    "flowed": flowed,
    "without trailing spaces": without_trailing_spaces,
    "nbsp": with_nbsp,
    "nested": nested,
    "calendar as a file": calendar_as_a_file,
    "calendar encoded twice": calendar_encoded_twice,
    "calendar with crlf": calendar_with_crlf,
}


def combined(first: str, then: str) -> Transformation:
    return lambda raw: SINGLE[then](SINGLE[first](raw))


PAIRS = (
    ("banner in a table, english", "gmail, english"),
    ("banner in a table, english", "outlook, german"),
    ("gmail, english", "banner in a table, english"),
    ("attached as a mail", "banner in a table, english"),
    ("attached as a mail", "mailman 3"),
    ("mailman 3", "attached as a mail"),
    ("google group", "banner in tables, german"),
    ("banner in tables, german", "google group"),
    ("outlook, english", "mailman 2"),
    ("gmail, english", "google group"),
    ("gmail, english", "outlook, english"),
    ("outlook, german", "gmail, german"),
    ("thunderbird", "apple mail"),
    ("gmail, spanish", "attached as a mail in base64"),
    ("attached as a file", "attached as a mail"),
    ("outlook, english", "disclaimer parts"),
    ("outlook, french", "still encoded"),
    ("gmail, english", "latin 1"),
    ("encoded twice", "banner in a table, english"),
    ("disclaimer first", "gmail, english"),
)
COMBINED = {f"{first} + {then}": combined(first, then) for first, then in PAIRS}

TRANSFORMATIONS: dict[str, Transformation] = SINGLE | COMBINED

# A date of which nobody can say whether its month comes first is that of the mail which sends the notice on.
WITHOUT_A_DATE = frozenset({"outlook with a short date"})


# What is to be the same


def read(raw: bytes, known: Directory) -> Reading:
    """Return what a mail says on the day on which it came."""
    envelope = read_envelope(raw)
    received_at = envelope.received_at or envelope.date
    assert received_at is not None
    return read_message(raw, received_at=received_at, directory=known)


def changed_by(raw: bytes, known: Directory, names: Iterable[str] = TRANSFORMATIONS) -> dict[str, str]:
    """Return the transformations that change what a mail says, with what is said then."""
    said = read(raw, known)
    changed = {}
    for name in names:
        reading = read(TRANSFORMATIONS[name](raw), known)
        same = told(reading, stamps=name not in WITHOUT_A_DATE) == told(said, stamps=name not in WITHOUT_A_DATE)
        if not same:
            changed[name] = f"{told(reading)}, {reading.detail}"
    return changed


def told(reading: Reading, *, stamps: bool = True) -> list[tuple[object, ...]]:
    """Return what the updates of a reading say; header blocks state their date to the minute."""
    return sorted(
        (
            (update.provider, update.event_id, update.account, update.status, listed(update.circuits))
            + tuple(
                (window.start, window.end, window.status, listed(window.circuits)) for window in update.windows or ()
            )
            + ((update.stamp.replace(second=0), update.stamp_inferred) if stamps else ())
            for update in reading.updates
        ),
        key=repr,
    )


def listed(circuits: Sequence[StatedCircuit] | None) -> list[tuple[str, Impact | None]] | None:
    return None if circuits is None else sorted(((one.circuit_id, one.impact) for one in circuits), key=repr)
