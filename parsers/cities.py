"""The zone of a city by its state or country, for notices that state local times and name a city.

A state that lies in two zones has the one where most of its people live, and a list of the larger cities that are in
the other; a city is never looked for in another state. Source: 49 CFR part 71, and tz database, zone1970.tab.
"""

from collections.abc import Mapping

_STATES_OF_ZONES: Mapping[str, str] = {
    "America/New_York": "CT DC DE FL GA IN KY MA MD ME MI NC NH NJ NY OH PA RI SC VA VT WV",
    "America/Chicago": "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI",
    "America/Denver": "CO ID MT NM UT WY",
    "America/Phoenix": "AZ",
    "America/Los_Angeles": "CA NV OR WA",
    "America/Anchorage": "AK",
    "Pacific/Honolulu": "HI",
    "America/Puerto_Rico": "PR",
    "America/St_Johns": "NL",
    "America/Halifax": "NB NS PE",
    "America/Toronto": "ON QC",
    "America/Winnipeg": "MB",
    "America/Regina": "SK",
    "America/Edmonton": "AB",
    "America/Vancouver": "BC",
}
_STATES = {state: zone for zone, states in _STATES_OF_ZONES.items() for state in states.split()}

_CITIES_IN_THE_OTHER_ZONE: Mapping[tuple[str, str], str] = {
    ("FL", "America/Chicago"): "pensacola, panama city, panama city beach, destin, fort walton beach",
    ("IN", "America/Chicago"): "gary, hammond, evansville, merrillville, munster",
    ("KY", "America/Chicago"): "bowling green, owensboro, paducah, hopkinsville",
    ("MI", "America/Chicago"): "iron mountain, menominee, ironwood",
    ("TN", "America/New_York"): "knoxville, chattanooga, johnson city, kingsport, bristol, oak ridge",
    ("TX", "America/Denver"): "el paso, van horn",
    ("NE", "America/Denver"): "scottsbluff, sidney, ogallala, alliance",
    ("SD", "America/Denver"): "rapid city, spearfish, sturgis",
    ("ND", "America/Denver"): "dickinson, bowman",
    ("KS", "America/Denver"): "goodland, tribune",
    ("ID", "America/Los_Angeles"): "coeur d'alene, lewiston, moscow, post falls",
    ("OR", "America/Denver"): "ontario",
    ("NV", "America/Denver"): "west wendover",
    ("ON", "America/Winnipeg"): "kenora",
}
_ELSEWHERE = {
    (city, state): zone for (state, zone), cities in _CITIES_IN_THE_OTHER_ZONE.items() for city in cities.split(", ")
}
# Countries that have one zone.
_COUNTRIES: Mapping[str, str] = {
    "austria": "Europe/Vienna",
    "belgium": "Europe/Brussels",
    "bulgaria": "Europe/Sofia",
    "croatia": "Europe/Zagreb",
    "czech republic": "Europe/Prague",
    "denmark": "Europe/Copenhagen",
    "england": "Europe/London",
    "estonia": "Europe/Tallinn",
    "finland": "Europe/Helsinki",
    "france": "Europe/Paris",
    "germany": "Europe/Berlin",
    "greece": "Europe/Athens",
    "hong kong": "Asia/Hong_Kong",
    "hungary": "Europe/Budapest",
    "ireland": "Europe/Dublin",
    "italy": "Europe/Rome",
    "japan": "Asia/Tokyo",
    "latvia": "Europe/Riga",
    "lithuania": "Europe/Vilnius",
    "luxembourg": "Europe/Luxembourg",
    "netherlands": "Europe/Amsterdam",
    "norway": "Europe/Oslo",
    "poland": "Europe/Warsaw",
    "romania": "Europe/Bucharest",
    "scotland": "Europe/London",
    "serbia": "Europe/Belgrade",
    "singapore": "Asia/Singapore",
    "slovakia": "Europe/Bratislava",
    "slovenia": "Europe/Ljubljana",
    "sweden": "Europe/Stockholm",
    "switzerland": "Europe/Zurich",
    "taiwan": "Asia/Taipei",
    "turkey": "Europe/Istanbul",
    "united kingdom": "Europe/London",
}


def zone_of_city(city: str, place: str) -> str | None:
    """Return the IANA name of the zone of a city; ``place`` is the two letters of its state, or its country.

    None for a place that is not in the table.
    """
    key = " ".join(city.lower().replace("’", "'").split())
    state = place.upper()
    return _ELSEWHERE.get((key, state)) or _STATES.get(state) or _COUNTRIES.get(place.lower())
