"""The date in the header block of a mail that was sent on, in the language of the mail program that wrote it.

Read are the forms of Gmail, Outlook, Apple Mail and Thunderbird, by closed tables of words. Nothing is guessed: a word
that is in no table, or a number of which nobody can say whether it is the day or the month, and there is no date.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta

from parsers.mime import PLAUSIBLE_YEARS

# The first words of a month's name, in thirteen languages; a name counts as a whole or by a short form of the table.
_MONTHS: tuple[str, ...] = (
    "january jan januar januari janvier janv enero ene gennaio gen janeiro jänner stycznia styczeń sty tammikuuta"
    " tammik ledna leden",
    "february feb februar februari février févr fév febrero febbraio fevereiro fev lutego luty lut helmikuuta helmik"
    " února únor",
    "march mar mars märz mär mrz marzo março marca marzec maart mrt marts maaliskuuta maalisk března březen",
    "april apr avril avr abril abr aprile kwietnia kwiecień kwi huhtikuuta huhtik dubna duben",
    "may mai mayo maggio mag maio maja maj mei toukokuuta toukok května květen",
    "june jun juni juin junio giugno giu junho czerwca czerwiec cze kesäkuuta kesäk června červen",
    "july jul juli juillet juil julio luglio lug julho lipca lipiec lip heinäkuuta heinäk července červenec",
    "august aug août aoû agosto ago augusti augustus sierpnia sierpień sie elokuuta elok srpna srpen",
    "september sept sep septembre septiembre settembre set setembro września wrzesień wrz syyskuuta syysk září",
    "october oct oktober okt octobre octubre ottobre ott outubro out października październik paź lokakuuta lokak"
    " října říjen",
    "november nov novembre noviembre novembro listopada lis marraskuuta marrask listopadu",
    "december dec dezember dez décembre déc diciembre dic dicembre dezembro grudnia grudzień gru joulukuuta jouluk"
    " desember des prosince prosinec",
)
_MONTH_OF = {word: number for number, words in enumerate(_MONTHS, 1) for word in words.split()}

_DAY_WORDS = (
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun"
    " montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so"
    " lundi mardi mercredi jeudi vendredi samedi dimanche lun mar mer jeu ven sam dim"
    " lunes martes miércoles jueves viernes sábado domingo mié jue vie sáb dom"
    " lunedì martedì mercoledì giovedì venerdì sabato domenica gio sab"
    " segunda-feira terça-feira quarta-feira quinta-feira sexta-feira segunda terça quarta quinta sexta seg ter qua"
    " qui sex"
    " maandag dinsdag woensdag donderdag vrijdag zaterdag zondag ma wo vr za zo"
    " poniedziałek wtorek środa czwartek piątek sobota niedziela pon wt śr czw pt sob niedz ndz"
    " måndag tisdag onsdag torsdag fredag lördag söndag mån tis ons tors tor fre lör sön"
    " mandag tirsdag lørdag søndag man tirs tir lør søn"
    " maanantai tiistai keskiviikko torstai perjantai lauantai sunnuntai"
    " maanantaina tiistaina keskiviikkona torstaina perjantaina lauantaina sunnuntaina ti ke to pe la su"
    " pondělí úterý středa čtvrtek pátek neděle po út st čt pá ne"
)
_DAYS = frozenset(_DAY_WORDS.split())
_FILLER_WORDS = "at um uhr à a las alle ore às om o kl klo den de del d' le el il on v u godz h"
_FILLERS = frozenset(_FILLER_WORDS.split())
_HALVES = {"am": 0, "pm": 12}
# Hours east of Greenwich, of names that mean one zone where mail programs write them.
_ZONES = {
    "gmt": 0.0, "utc": 0.0, "z": 0.0, "ut": 0.0, "wet": 0.0, "west": 1.0, "cet": 1.0, "cest": 2.0, "mez": 1.0,
    "mesz": 2.0, "eet": 2.0, "eest": 3.0, "est": -5.0, "edt": -4.0, "cdt": -5.0, "mst": -7.0, "mdt": -6.0,
    "bst": 1.0, "pst": -8.0, "pdt": -7.0, "jst": 9.0, "aest": 10.0, "aedt": 11.0, "sgt": 8.0, "hkt": 8.0,
}  # fmt: skip

_CHARACTERS = 120
_SPACES = re.compile(r"[\s\xa0\u202f,]+")
_HALF = re.compile(r"(?<=[\d\s])([ap])\s?\.?\s?m\b\.?")
_TIME = re.compile(r"(\d{1,2})[:.h](\d{2})(?:[:.](\d{2}))?")
_DAY = re.compile(r"(\d{1,2})(?:\.|er|º|ª|st|nd|rd|th)?")
_YEAR = re.compile(r"\d{4}")
_OFFSET = re.compile(r"(?:utc|gmt)?([+-])(\d{1,2})(?::?(\d{2}))?")
_NUMERIC = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_SPACED = re.compile(r"\b(\d{1,2})\.\s(\d{1,2})\.\s(\d{4})\b")


def instant_in(text: str, offset: timedelta) -> datetime | None:
    """Return the date of a header block in UTC; one without a zone is in the given offset. None: it cannot be read."""
    lowered = unicodedata.normalize("NFC", text[:_CHARACTERS]).lower()
    plain = _SPACED.sub(r"\1.\2.\3", _HALF.sub(r" \1m ", _SPACES.sub(" ", lowered)))
    words = [word for word in plain.replace("(", " ").replace(")", " ").split() if word.rstrip(".") not in _FILLERS]
    # What is the short form of a day in one language is that of a month in another: "mar 2 mar 2027".
    if words and words[0].rstrip(".") in _DAYS and (words[0].rstrip(".") not in _MONTH_OF or _names_month(words[1:])):
        words = words[1:]
    day = _day(words)
    if day is None:
        return None
    year, month, number, rest = day
    time = _time(rest, offset)
    if time is None or year not in PLAUSIBLE_YEARS:
        return None
    (hour, minute, second), zone = time
    try:
        return datetime(year, month, number, hour, minute, second, tzinfo=UTC) - zone
    except (ValueError, OverflowError):
        return None


def _names_month(words: list[str]) -> bool:
    return any(word.rstrip(".") in _MONTH_OF for word in words)


def _day(words: list[str]) -> tuple[int, int, int, list[str]] | None:
    """Return year, month and day that stand at the beginning, and the words after them."""
    if not words:
        return None
    if match := _ISO.fullmatch(words[0]):
        return int(match[1]), int(match[2]), int(match[3]), words[1:]
    if match := _NUMERIC.fullmatch(words[0]):
        found = _numeric(int(match[1]), int(match[3]), dotted=match[2] == ".")
        return (int(match[4]), *found, words[1:]) if found else None
    if len(words) < 3 or not _YEAR.fullmatch(words[2]):
        return None
    day, month = (words[0], words[1]) if words[0][0].isdigit() else (words[1], words[0])
    number, name = _DAY.fullmatch(day), _MONTH_OF.get(month.rstrip("."))
    return (int(words[2]), name, int(number[1]), words[3:]) if number and name else None


def _numeric(first: int, second: int, *, dotted: bool) -> tuple[int, int] | None:
    """Return month and day; with dots the day comes first, otherwise only what can be read in one way is read."""
    if dotted or first > 12 or first == second:
        return second, first
    return (first, second) if second > 12 else None


def _time(words: list[str], offset: timedelta) -> tuple[tuple[int, int, int], timedelta] | None:
    """Return the time of day, and the zone that stands behind it or else the given one; None for anything else."""
    match = _TIME.fullmatch(words[0]) if words else None
    if not match:
        return None
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    rest = words[1:]
    if rest and rest[0] in _HALVES:
        if not 1 <= hour <= 12:
            return None
        hour, rest = hour % 12 + _HALVES[rest[0]], rest[1:]
    zones = [_zone(word) for word in rest]
    if any(zone is None for zone in zones):
        return None
    stated = {zone for zone in zones if zone is not None}
    if len(stated) > 1:
        return None
    return (hour, minute, second), stated.pop() if stated else offset


def _zone(word: str) -> timedelta | None:
    if word in _ZONES:
        return timedelta(hours=_ZONES[word])
    match = _OFFSET.fullmatch(word)
    if not match:
        return None
    east = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return east if match[1] == "+" else -east
