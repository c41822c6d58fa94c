"""The readers of outages: one carrier or format a file, and a line here; the general one comes last."""

from parsers.statements import Reader

READERS: tuple[Reader, ...] = ()

# What any provider may write in, asked after its own forms.
EVERYBODYS: tuple[Reader, ...] = ()
