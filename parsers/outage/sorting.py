"""What a notice is about, before anybody reads it: planned work, an unplanned loss, or neither.

Whoever doubts says planned work: what is sorted as an outage is shown to its maintenance readers too, but last. The
words are those of carriers' subjects in the languages in which they write; each table is one pattern, whose words
begin where a word begins. Source: tests/mail, tests/outages and tests/no_outages.
"""

import re
from enum import StrEnum

from domain.vocabulary import Kind
from parsers.lines import lines_of
from parsers.mime import Notification
from parsers.outage.labels import newest_text
from parsers.outage.pages import page_sort

# The beginning of a text says what it is about, and its first sentences whether it is a letter of another kind.
_BEGINNING_CHARACTERS = 2000
_OPENING_CHARACTERS = 400
_GREETING_CHARACTERS = 250

# What every calendar of the BCOP states. Source: github.com/jda/maintnote-std, standard.md.
_MAINTNOTE = "X-MAINTNOTE-"


class Sort(StrEnum):
    """What a notice is about."""

    MAINTENANCE = "maintenance"
    OUTAGE = "outage"
    OTHER = "other"


def sort_of(notification: Notification) -> Sort:
    """Return what a notice is about. An emergency maintenance with a window is planned work."""
    if notification.automatic or _ANSWERED.search(notification.other_subject):
        return Sort.OTHER
    if kind := page_sort(notification):
        return Sort.OUTAGE if kind is Kind.OUTAGE else Sort.MAINTENANCE
    calendars = notification.of_type("text/calendar")
    if any(_MAINTNOTE in calendar.upper() for calendar in calendars):
        return Sort.MAINTENANCE
    sort = _by_subject(_UNPLANNED.sub(" outage ", notification.subject))
    if sort in (None, Sort.OUTAGE):
        sort = _by_text(_UNPLANNED.sub(" ", _beginning(notification)), called_an_outage=sort is Sort.OUTAGE)
    # No outage is announced by an invitation.
    return Sort.OTHER if calendars and sort is Sort.OUTAGE else sort


def is_letter(notification: Notification) -> bool:
    """Return whether a notice is a letter about another matter, or what a machine answers: no doubt of an outage."""
    texts = (notification.subject, notification.other_subject)
    if notification.automatic or any(_ANSWERED.search(text) or _LETTER.search(text) for text in texts):
        return True
    text = _beginning(notification)
    opening = text[:_OPENING_CHARACTERS]
    return any(map(bool, (_AWAY.search(opening), _LETTER.search(opening), _OFFER.search(text))))


def _by_subject(subject: str) -> Sort | None:
    """Return what a subject says, None where it says nothing. Words of planned work win over those of an outage."""
    if _ANSWERED.search(subject) or _LETTER.search(subject):
        return Sort.OTHER
    if _PLANNED.search(subject) or _PLANNED_SUBJECT.search(subject):
        return Sort.MAINTENANCE
    return Sort.OUTAGE if _UNPLANNED_LOSS.search(subject) else None


def _by_text(text: str, *, called_an_outage: bool) -> Sort:
    """Return what a notice is about whose subject calls it an outage, or says nothing.

    Whatever it is called, it can state a window, sell something, or be a letter. That it names planned work says
    nothing where it is called an outage: such work causes some.
    """
    if _WINDOW.search(text) or (not called_an_outage and _PLANNED.search(text)):
        return Sort.MAINTENANCE
    greeting = text[: _GREETING_CHARACTERS if called_an_outage else _OPENING_CHARACTERS]
    if _AWAY.search(text[:_OPENING_CHARACTERS]) or _LETTER.search(greeting) or _OFFER.search(text):
        return Sort.OTHER
    return Sort.OUTAGE if called_an_outage or _UNPLANNED_LOSS.search(text) else Sort.OTHER


def _beginning(notification: Notification) -> str:
    """Return the beginning of the newest text, line by line."""
    return "\n".join(lines_of(newest_text(notification)))[:_BEGINNING_CHARACTERS]


def _any_of(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})", re.IGNORECASE)


# What is said not to be planned: no word of planned work, and in a subject one of an outage.
_UNPLANNED = _any_of(
    r"(?:un|non|not|no)[ -]?(?:planned|scheduled)\b",
    r"(?:un|nicht )geplant\w{0,3}",
    r"(?:no|não|nao) (?:programad|planejad|planead|planificad)\w{0,3}",
    r"non (?:programmé|planifié|programmat|pianificat)\w{0,3}",
    *(r"(?:on|niet )gepland\w{0,3}", r"plansız", r"nieplanowan\w{0,3}", r"oplanera\w{0,3}", r"neplánovan\w{0,3}"),
)

_PLANNED = _any_of(
    *(r"planned", r"pre-?planned", r"maint(?:enance|s?\b)", r"essential works?\b", r"hazcon", r"hazardous condition"),
    *(r"scheduled (?:\w{1,12} ){0,2}(?:works?\b|outage|upgrade|event|activit|downtime|interruption|repair|migration)",),
    *(r"(?:emergency|urgent|engineering|night|civil|third[ -]party) works?\b", r"service advisory notice"),
    *(r"(?:repair|service|change|outage|work|downtime) window\b", r"change (?:request|notification|advisory|window)"),
    *(r"re-?schedul", r"postpone", r"(?:CHG|CRQ|GCR)-?\d{4}", r"planned event", r"at[ -]risk (?:work|event|period)"),
    *(r"\w{0,20}wartung", r"geplant", r"planmäßig", r"planmaessig", r"arbeiten am netz"),
    *(r"mantenimiento", r"programad", r"planificad", r"trabajos? (?:program|planif|urgent|de emergencia)"),
    *(r"manuten[çc][ãa]o", r"planejad", r"janela de (?:manuten|trabalho|interven)"),
    *(
        r"(?:avis de )?travaux (?:programm|planifi|prévus|urgents|de maintenance)",
        r"(?:programm|planifi)é",
        r"op[ée]ration (?:programm|planifi)",
        r"intervention (?:programm|planifi)",
    ),
    *(r"manutenzion", r"programmat", r"pianificat", r"lavori (?:urgenti|straordinari|di manut)"),
    *(r"gepland", r"werkzaamheden", r"\w{0,20}onderhoud"),
    *(r"planlı", r"planli", r"bakım", r"bakim", r"prace (?:plan|serwis|konserw)", r"planowan", r"konserwac"),
    *(r"planera[td]", r"\w{0,20}underhåll", r"planlagt", r"vedlikehold", r"vedligehold", r"huolto"),
    *(r"eventTypeCategory\W{1,6}scheduledChange", r"ticket type\W{1,6}scheduled\b"),
    *(r"údržb", r"plánovan", r"плановы", r"профилактическ", r"техническ\w{0,4} обслуживани"),
)

_PLANNED_SUBJECT = _any_of(
    r"(?<!dispatch )(?<!technician )(?<!visit )scheduled", r"window\b", r"demand notification", r"dry run"
)

# The labels of a window: what has one is planned work, whatever it is called.
_WINDOW = re.compile(
    r"^\W{0,4}(?:maintenance|planned|scheduled|change|implementation)\W{1,3}"
    r"(?:(?:maintenance|works?|activity|event|outage|change|service)\W{1,3})?"
    r"(?:window|start|begin|end|finish|date|time|period|duration)"
    r"|^\W{0,4}(?:wartungsfenster|ventana de|janela de (?:manuten|trabalho|interven)|fenêtre de|finestra di"
    r"|onderhoudsvenster)",
    re.IGNORECASE | re.MULTILINE,
)

_UNPLANNED_LOSS = _any_of(
    *(r"outages?\b", r"service[ -](?:impact|affect|interrupt|disrupt|degrad|down|restor|unavailab|loss|issue|alert)"),
    *(r"faults?\b", r"faulty", r"trouble", r"incidents?\b", r"degrad", r"disturbance", r"disruption", r"interruption"),
    *(
        r"(?:fib(?:er|re)|cable|span|line)[ -](?:cut|break|damage|fault|failure)",
        r"(?:cut|damaged|broken) (?:fib|cable)",
    ),
    *(r"restor(?:ed|ation)", r"rfo\b", r"reason for outage", r"root cause", r"post-?mortem", r"post[ -]incident"),
    *(r"(?:circuit|link|port|service|site|line|node|bgp|session|wave(?:length)?|hard|is|are|went|now) down\b",),
    *(
        r"(?:down|impaired|unreachable|flapping|bouncing)\b",
        r"loss of (?:service|signal|light|redundancy|connectivity)",
    ),
    *(r"(?:ticket|case)\b.{0,60}\b(?:open|creat|updat|clos|resolv|clear|new|escalat)", r"ett?r\b"),
    *(
        r"packet loss",
        r"(?:high|increased|elevated) (?:latency|error)",
        r"unavailab",
        r"(?:hardware|power|card) failure",
    ),
    *(r"\w{0,20}störung", r"\w{0,20}stoerung", r"\w{0,20}ausfall", r"unterbrechung", r"beeinträchtigung"),
    *(r"incidencia", r"incidente", r"aver[íi]a", r"falla\b", r"corte (?:de|del|en)\b", r"interrupci[óo]n", r"ca[íi]da"),
    *(r"falha", r"interrup[çc][ãa]o", r"indisponib", r"rompimento", r"queda d"),
    *(r"panne", r"coupure", r"dérangement", r"perturbation", r"rétabli"),
    *(r"guasto", r"disservizio", r"interruzione", r"\w{0,20}storing", r"uitval"),
    *(
        r"arıza",
        r"ariza",
        r"kesinti",
        r"awari",
        r"\w{0,20}störning",
        r"\w{0,20}avbrott",
        r"driftsforstyrrelse",
        r"feil på",
    ),
    r"eventTypeCategory\W{1,6}issue",
    *(r"(?:INC|TT)[ #:-]{0,3}\d{4,}", r"(?:customer|network|traffic)[ -](?:impact|affect)", r"alarms?\b"),
    *(r"not working", r"(?:P1|P2|sev(?:erity)?[ -]?[12])\b", r"entstör", r"\w{0,12}faserbruch", r"kabelschade"),
    *(r"kabelbreuk", r"\w{0,12}brott\b", r"kabelbrud", r"rotura", r"(?:câble|fibre) (?:coupé|sectionné)"),
    *(r"poruch", r"výpadek", r"vika\b", r"авари", r"сбой", r"перерыв"),
)

# Letters about other matters, which name outages and tickets all the same.
_LETTER = _any_of(
    *(r"(?<!site )survey", r"satisfaction", r"how (?:(?:are|would) (?:we|our|you)|did|was|were)\b"),
    *(r"rate (?:us|our|your)\b", r"tell us how", r"(?:share|give us|value) your (?:feedback|opinion|thoughts)"),
    *(r"feedback (?:form|request)", r"\w{0,20}umfrage", r"\w{0,20}zufriedenheit", r"encuesta", r"enqu[êe]te de satisf"),
    *(r"sondaggio", r"pesquisa de satisf", r"\w{0,20}tevredenheid", r"anket"),
    *(r"e?-?invoice", r"billing (?!account)", r"payment", r"statement of account", r"account statement", r"remittance"),
    *(
        r"overdue (?:invoice|amount|balance)",
        r"credit (?:note|memo|request|claim|approv|appl|issu)",
        r"refund",
        r"rebate",
    ),
    *(
        r"(?:sla|service|rfo|outage) credits?\b",
        r"\w{0,20}rechnung",
        r"gutschrift",
        r"mahnung",
        r"factura",
        r"facture\b",
    ),
    *(r"fattura", r"fatura", r"factuur"),
    *(
        r"prices?\b",
        r"pricing",
        r"tariff",
        r"rate (?:increase|change|adjustment)",
        r"\w{0,20}preis",
        r"precio",
        r"prezz",
    ),
    *(r"prix\b", r"pre[çc]os?\b", r"reajuste", r"\w{0,10}prij[sz]", r"\w{0,10}tarie?f", r"surcharge"),
    *(r"contract (?:renewal|extension|terms)", r"renewal", r"(?:vertrags)?verlängerung"),
    *(
        r"webinar",
        r"newsletter",
        r"white ?paper",
        r"e-?book\b",
        r"(?:save|mark) the date",
        r"join us",
        r"you.re invited",
    ),
    *(
        r"invitation",
        r"einladung",
        r"invito\b",
        r"convite",
        r"uitnodiging",
        r"exclusive",
        r"special offer",
        r"discount",
    ),
    *(r"(?:register|sign up|subscribe) (?:now|today)", r"introducing (?:our|new|diverse)", r"never .{0,30}again"),
    *(r"discover (?:how|what|why|our|the)\b", r"bülten", r"kampanya", r"indirim"),
    *(
        r"password",
        r"(?:verification|security|one-time) (?:code|password)",
        r"account (?:is |was )?(?:lock|activat|creat)",
    ),
    *(r"verify your (?:e-?mail|account|identity|address)", r"(?:new|your) (?:log-?in|sign-?in)\b", r"kennwort"),
    *(r"passwort", r"contraseña", r"mot de passe", r"senha\b", r"wachtwoord", r"şifre", r"hasło"),
    *(r"(?:sicherheits|einmal)code",),
    *(r"order (?:confirm|status|update|acknowl|entry|deliver|complet)", r"(?:your|purchase|new|sales) order\b"),
    *(r"you(?: have)? ordered", r"installation (?:visit|appointment|date)"),
    *(r"firm order", r"foc\b", r"delivery date", r"disconnect(?:ion)? (?:order|request)", r"\w{0,20}bestellung"),
    *(
        r"auftragsbestätigung",
        r"auftragsstatus",
        r"pedido de compra",
        r"(?:su|seu) pedido",
        r"(?:votre|bon de) commande",
    ),
    *(r"confirmation de commande", r"conferma d.ordine", r"sipariş", r"quotation", r"(?:your|a|the) quote\b"),
    *(r"quote for", r"angebot", r"oferta", r"offerte"),
    r"(?:daily|weekly|monthly|quarterly|annual|yearly) (?:\w{1,20} ){0,3}(?:review|summary|statistics)",
    r"(?:weekly|monthly|quarterly|annual|yearly) (?:\w{1,20} ){0,3}report",
)

# What is sold in the text of a letter, whatever its subject asks.
_OFFER = _any_of(
    *(r"webinar", r"white ?paper", r"book a (?:demo|meeting)", r"free trial", r"(?:register|sign up) (?:now|today)"),
    *(r"(?:talk|speak) to (?:sales|an expert|our experts|our sales)", r"limited[ -]time", r"\d{1,2} ?% off"),
    *(r"newsletter", r"promotional", r"your account manager (?:can|will|would) \w{1,20} tell"),
    r"download (?:the|our) (?:guide|report|e-?book)",
)

# What answering machines and mail servers write before a subject, or instead of it.
_ANSWERED = _any_of(
    r"auto(?:matic(?:ally)?)?[ -]?(?:generated )?(?:reply|replies|response|answer)\b",
    *(r"out[ -]of[ -](?:the[ -])?office", r"ooo\b", r"automatische (?:antwort|rückmeldung)", r"abwesenheit"),
    *(r"réponse automatique", r"(?:message d.)?absence du bureau", r"message d.absence", r"respuesta autom[áa]tica"),
    *(r"fuera de (?:la )?oficina", r"resposta autom[áa]tica", r"ausência (?:do escrit|temporária)"),
    *(r"risposta automatica", r"fuori (?:sede|ufficio)", r"automatisch antwoord", r"afwezigheid", r"autosvar"),
    *(r"automatiskt? svar", r"frånvaro", r"fravær", r"automaattinen vastaus", r"poissaolo"),
    *(r"odpowied[źz] automatyczna", r"nieobecno", r"otomatik yan[ıi]t", r"automatická odpověď", r"автоответ"),
    *(r"undeliver", r"delivery status notification", r"(?:mail|message) delivery (?:fail|delay|status|sub-?system)"),
    *(
        r"returned mail",
        r"failure notice",
        r"delivery (?:has )?(?:failed|failure)\b",
        r"(?:message|mail) not delivered",
    ),
    *(r"unzustellbar", r"non remis", r"no se (?:pudo|puede) entregar", r"non recapitabile", r"onbestelbaar"),
    *(r"(?:read|gelesen|lu|leído|letto|lida|not read):", r"read receipt", r"recall:"),
)

# How a person who is away begins, and a mail server that could not deliver.
_AWAY = _any_of(
    *(r"out of (?:the )?office", r"(?:limited|no) access to my e-?mail"),
    r"(?:i am|i'm|i will be|i'll be) (?:currently )?(?:away|on (?:\w{1,12} )?(?:leave|vacation|holiday)|travell?ing)",
    *(r"nicht im (?:büro|hause?)\b", r"bin (?:\w{1,12} ){0,6}(?:abwesend|nicht erreichbar)", r"ich bin (?:bis|vom)"),
    *(r"(?:en|in) (?:congés?|vacances|vacaciones|ferie|férias)\b", r"de vacaciones", r"de férias", r"je suis absent"),
    *(r"fuera de (?:la )?oficina", r"est(?:ou|oy) ausente", r"sono (?:assente|fuori)", r"ben (?:ik )?afwezig"),
    *(r"(?:your|this) (?:e-?mail|message) .{0,40}(?:not|n't) (?:be )?deliver", r"delivery to the following"),
    *(r"able to deliver your message", r"this is the (?:qmail|mail system|postfix)", r"undelivered mail"),
)
