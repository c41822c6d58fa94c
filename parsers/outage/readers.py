"""The readers of outages: one carrier or format a file, and a line here; the general one comes last."""

from parsers.outage import (
    aws_health,
    aws_health_aware,
    cachet,
    equinix,
    general,
    globalnoc,
    heanet,
    lumen,
    oneuptime,
    outage_report,
    statuspage,
)
from parsers.statements import Reader

READERS: tuple[Reader, ...] = (
    cachet.READER,
    oneuptime.READER,
    statuspage.READER,
    aws_health.READER,
    aws_health_aware.READER,
    globalnoc.READER,
    heanet.READER,
    lumen.READER,
    equinix.READER,
    outage_report.READER,
    general.READER,
)

# What any provider may write in, asked after its own forms.
EVERYBODYS: tuple[Reader, ...] = (
    cachet.READER,
    oneuptime.READER,
    statuspage.READER,
    globalnoc.READER,
    heanet.READER,
    outage_report.READER,
    general.READER,
)
