"""The readers of outages: one carrier or format a file, and a line here; the general one comes last."""

from parsers.outage import cachet, oneuptime, statuspage
from parsers.statements import Reader

READERS: tuple[Reader, ...] = (
    cachet.READER,
    oneuptime.READER,
    statuspage.READER,
)

# What any provider may write in, asked after its own forms.
EVERYBODYS: tuple[Reader, ...] = (
    cachet.READER,
    oneuptime.READER,
    statuspage.READER,
)
