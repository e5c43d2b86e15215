"""HTML that a notebook wrote, made fit for a page that others open: nothing that executes, nothing from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import nh3
from markupsafe import Markup

_TAGS = {*nh3.ALLOWED_TAGS, "label", "progress", "tfoot"} - {"map", "area"}
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "*": {"class", "dir", "hidden", "id", "lang", "role", "style", "tabindex", "title"},
    "details": {"open"},
    "progress": {"max", "value"},
}


def _attribute(tag: str, name: str, value: str) -> str | None:
    if (tag, name) == ("img", "src"):
        return value if re.match(r"data:image/", value, re.IGNORECASE) else None
    # Of other addresses, data: is a page of its own.
    return None if name == "href" and re.match(r"\s*data:", value, re.IGNORECASE) else value


def sanitized(html: str) -> Markup:
    """The same without scripts, handlers, frames, forms and addresses that execute."""
    return Markup(
        nh3.clean(
            html,
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            attribute_filter=_attribute,
            generic_attribute_prefixes={"aria-", "data-"},
            url_schemes={"http", "https", "mailto", "data"},
            link_rel="noopener noreferrer",
        )
    )


class _References(HTMLParser):
    """Collects what a browser would fetch for a page. A link that the reader may follow is not fetched."""

    fetched = frozenset(["src", "srcset", "poster", "data", "xlink:href", "background", "ping", "manifest"])

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_style = tag == "style"
        given = {name: value or "" for name, value in attrs}
        for name, value in given.items():
            if name in self.fetched or (name == "href" and tag not in ("a", "area")):
                addresses = re.split(r"[\s,]+", value.strip()) if name == "srcset" else [value]
                self.found += filter(None, map(_remote, addresses))
            elif name == "style":
                self._styled(value)
        if tag == "meta" and given.get("http-equiv", "").strip().lower() == "refresh":
            self.found.append(f"another page ({given.get('content', '')})")

    def handle_data(self, data: str) -> None:
        if self.in_style:
            self._styled(data)

    def handle_endtag(self, tag: str) -> None:
        self.in_style = False

    def _styled(self, text: str) -> None:
        # Any letter of a style can be written as its number.
        plain = re.sub(r"\\([0-9a-fA-F]{1,6})\s?", lambda code: chr(min(int(code[1], 16), 0x10FFFF)), text)
        plain = re.sub(r"/\*.*?\*/", "", plain, flags=re.DOTALL).replace("\\", "")
        addresses = re.findall(
            r"""(?:url\(|@import|src\(|image-set\()\s*['"]?([^'")\s]+)""", plain, re.IGNORECASE
        )
        self.found += filter(None, map(_remote, addresses))


def _remote(address: str) -> str | None:
    """The address as a browser reads it, when it leads to another machine: it takes / and \\ for the same, and one for two."""
    plain = re.sub(r"[\t\r\n]", "", address).strip("".join(map(chr, range(33)))).replace("\\", "/")
    return plain if re.match(r"(?:https?|wss?|ftp):|//", plain, re.IGNORECASE) else None


def remote_references(page: str) -> list[str]:
    """The remote addresses that a page would load by itself, which a report must not have."""
    parser = _References()
    parser.feed(page)
    parser.close()
    return sorted(set(parser.found))
