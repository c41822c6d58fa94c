"""The forms of notices, one line each, and what a notice in that form states. A reader bears the name of its form.

Who writes in which form stands in ``parsers.providers``; what reads a form is found in ``parsers.readers``.
"""

from dataclasses import dataclass
from enum import StrEnum

BCOP = "bcop"


class IdRule(StrEnum):
    """How a form names the event that it is about."""

    STATED = "stated"
    # ``N-k`` is window k of the maintenance N.
    NUMBERED_WINDOWS = "numbered windows"
    # The form states no id: the digest of the sorted circuits stands for one.
    CIRCUITS = "circuits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of notices. ``states_impact``: it says what happens to a circuit, and OUTAGE is not merely filled in."""

    name: str
    states_impact: bool = False
    id_rule: IdRule = IdRule.STATED


# Impact: by the library's parsers of 2.12.0.
FORMS: tuple[Form, ...] = (
    # The calendars of BCOP maintnote, whoever wrote them.
    Form(name=BCOP, states_impact=True),
    Form(name="apple"),
    Form(name="aquacomms"),
    Form(name="arelion"),
    Form(name="att"),
    Form(name="aws", id_rule=IdRule.CIRCUITS),
    Form(name="bso", states_impact=True),
    Form(name="cirion", states_impact=True),
    Form(name="cogent"),
    Form(name="colt"),
    Form(name="crowncastle", states_impact=True),
    Form(name="equinix", states_impact=True),
    Form(name="eunetworks"),
    Form(name="flag", states_impact=True),
    Form(name="globalcloudxchange", states_impact=True),
    Form(name="google"),
    Form(name="gtt"),
    Form(name="hgc"),
    Form(name="lumen", states_impact=True, id_rule=IdRule.NUMBERED_WINDOWS),
    Form(name="megaport"),
    Form(name="momentum"),
    Form(name="netflix", id_rule=IdRule.CIRCUITS),
    Form(name="ntt"),
    Form(name="packetfabric"),
    Form(name="pccw"),
    Form(name="retn", states_impact=True),
    Form(name="seaborn"),
    Form(name="sparkle"),
    Form(name="summitig"),
    Form(name="tata"),
    Form(name="telstra"),
    Form(name="telxius", id_rule=IdRule.NUMBERED_WINDOWS),
    Form(name="turkcell"),
    Form(name="verizon"),
    Form(name="vodafone", states_impact=True),
    Form(name="windstream", states_impact=True),
    Form(name="zayo", states_impact=True),
)

BY_NAME = {form.name: form for form in FORMS}
