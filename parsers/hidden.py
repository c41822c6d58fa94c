"""What of a page nobody sees: elements whose own style or attribute hides them, as a browser takes them.

An element ends where a browser ends it: at its end tag, where one around it ends, or where one begins that cannot stand
in it. What is still open where the page ends hides nothing, and no page is hidden as a whole: who wrote that did not
mean to.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_SEARCHED_CHARACTERS = 600_000
# Deeper in it nobody looks for the beginning of what ends.
_DEEPEST = 40

_TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9]{0,15})(?P<rest>[^<>]{0,2000})>")
_ANY_TAG = re.compile(r"<[^<>]{0,2000}>")
# A page without these words hides nothing.
_HIDING = re.compile(
    r"display[^\"'<>]{0,20}none|visibility[^\"'<>]{0,20}hidden|\shidden[\s=/>]|opacity|mso-hide|max-height"
    r"|font-size[^\"'<>0-9.]{0,12}0",
    re.IGNORECASE,
)
_STYLE = re.compile(r"\sstyle\s{0,5}=\s{0,5}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"']+))", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_HIDDEN = re.compile(r"\shidden(?=[\s=/]|$)", re.IGNORECASE)
_ZERO = re.compile(r"0{1,5}(?:\.0{1,5})?(?:px|pt|em|rem|ex|%)?")

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
# A mail in a mail has them twice, and a browser takes them for one.
_WHOLE = frozenset({"html", "body", "head"})
_CELLS = frozenset({"td", "th", "caption"})
_GROUPS = frozenset({"thead", "tbody", "tfoot"})
_TABLE = frozenset({"table"})
_OTHERS = _CELLS | _TABLE
_LISTS = _OTHERS | {"ul", "ol", "dl"}
# What ends where something begins, and within what.
_ENDED_BY: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    **dict.fromkeys(_CELLS, (_CELLS, _TABLE)),
    **dict.fromkeys(_GROUPS, (_CELLS | _GROUPS | {"tr"}, _TABLE)),
    "tr": (_CELLS | {"tr"}, _TABLE),
    "li": (frozenset({"li"}), _LISTS),
    "dt": (frozenset({"dt", "dd"}), _LISTS),
    "dd": (frozenset({"dt", "dd"}), _LISTS),
    **dict.fromkeys(
        (
            *("address", "article", "aside", "blockquote", "center", "div", "dl", "fieldset", "footer", "form", "h1"),
            *("h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "nav", "ol", "p", "pre", "section", "table", "ul"),
        ),
        (frozenset({"p"}), _OTHERS),
    ),
}
_NOTHING = (frozenset[str](), frozenset[str]())


@dataclass(slots=True)
class _Element:
    """An open element: where it begins, and whether it hides its text; ``softly``: another in it can show its own."""

    name: str
    start: int
    hides: bool
    softly: bool


# Each look at the lines or the tables of a mail asks for it.
@lru_cache(maxsize=4)
def without_hidden(page: str) -> str:
    """Return a page that has no comments without the elements that nobody sees."""
    if not _HIDING.search(page):
        return page
    pieces = []
    position = 0
    for start, end in sorted(_Reading().hidden_in(page)):
        if start >= position:
            pieces.append(page[position:start])
        position = max(position, end)
    seen = "".join((*pieces, page[position:]))
    return seen if position and html.unescape(_ANY_TAG.sub("", seen)).strip() else page


class _Reading:
    """One reading of a page, tag by tag."""

    def __init__(self) -> None:
        self._open: list[_Element] = []
        self._softly: list[_Element] = []
        self._hidden: list[tuple[int, int]] = []

    def hidden_in(self, page: str) -> list[tuple[int, int]]:
        """Return from where to where elements are hidden."""
        for tag in _TAG.finditer(page, 0, _SEARCHED_CHARACTERS):
            name = tag["name"].lower()
            if name in _WHOLE:
                continue
            if tag["end"]:
                self._end(name, tag)
            else:
                self._begin(name, tag)
        return self._hidden

    def _begin(self, name: str, tag: re.Match[str]) -> None:
        ended, within = _ENDED_BY.get(name, _NOTHING)
        while ended and (element := self._innermost(ended, within)):
            self._take_off(element, tag.start(), tag.start())
        style = _style_of(tag["rest"])
        if _shows(style):
            for element in self._softly:
                element.hides = False
            self._softly.clear()
        if name in _VOID:
            return
        hidden, softly = _hides(tag["rest"], style), _hides_softly(style)
        element = _Element(name=name, start=tag.start(), hides=hidden or softly, softly=softly and not hidden)
        self._open.append(element)
        if element.softly:
            self._softly.append(element)

    def _end(self, name: str, tag: re.Match[str]) -> None:
        if name == "table":
            within = frozenset[str]()
        elif name in _ENDED_BY and _ENDED_BY[name][1] is _TABLE:
            within = _TABLE
        else:
            within = _OTHERS
        if element := self._innermost(frozenset({name}), within):
            self._take_off(element, tag.start(), tag.end())

    def _innermost(self, names: frozenset[str], within: frozenset[str]) -> _Element | None:
        """Return the innermost open element with one of these names that is in none of others, None for none."""
        for element in self._open[: -_DEEPEST - 1 : -1]:
            if element.name in names:
                return element
            if element.name in within:
                return None
        return None

    def _take_off(self, last: _Element, inner_end: int, end: int) -> None:
        """End an element, and those in it."""
        while True:
            element = self._open.pop()
            if element.softly and self._softly and self._softly[-1] is element:
                self._softly.pop()
            if element.hides:
                self._hidden.append((element.start, end if element is last else inner_end))
            if element is last:
                return


def _style_of(attributes: str) -> dict[str, str]:
    """Return the declarations of a style attribute; of two with one name the last counts."""
    found = _STYLE.search(attributes)
    if not found:
        return {}
    declarations = html.unescape(found[1] or found[2] or found[3] or "").lower().split(";")
    pairs = (declaration.partition(":") for declaration in declarations)
    return {name.strip(): value.replace("!important", "").strip() for name, _, value in pairs}


def _hides(attributes: str, style: Mapping[str, str]) -> bool:
    """Return whether an element hides all that is in it."""
    if style.get("display") == "none" or style.get("mso-hide") == "all":
        return True
    if _is_zero(style.get("opacity")) or (style.get("overflow") == "hidden" and _is_zero(style.get("max-height"))):
        return True
    return bool(_HIDDEN.search(attributes) and _HIDDEN.search(_QUOTED.sub("''", attributes)))


def _hides_softly(style: Mapping[str, str]) -> bool:
    """Return whether an element hides its text, and what is in it can have a look of its own."""
    return style.get("visibility") == "hidden" or _is_zero(style.get("font-size"))


def _shows(style: Mapping[str, str]) -> bool:
    size = style.get("font-size")
    return style.get("visibility") == "visible" or (size is not None and not _is_zero(size))


def _is_zero(value: str | None) -> bool:
    return value is not None and bool(_ZERO.fullmatch(value))
