"""python offline.py SITE: no file of the built site asks for anything from another machine, and no link is dead."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself; a link that a reader may follow is another thing.
FETCHED = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "audio": "src", "video": "src", "embed": "src",
    "object": "data", "link": "href", "use": "href", "image": "href",
}  # fmt: skip
NOT_FETCHED = {"canonical", "next", "prev", "index", "search", "author", "license"}
IN_STYLE = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])((?:https?:)?//[^'\")]+)")


class Page(HTMLParser):
    """What one page fetches, links to, and can be linked to by."""

    def __init__(self, text: str):
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        attributes = {name: value or "" for name, value in attrs}
        self.anchors |= {attributes.get("id", ""), attributes.get("name", "")}
        if tag in FETCHED and not NOT_FETCHED & set(attributes.get("rel", "").split()):
            self.fetched.append(attributes.get(FETCHED[tag], ""))
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])


def faults(site: Path) -> Iterator[str]:
    """One sentence for each request to elsewhere and each dead link within."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        where = path.relative_to(site)
        for address in page.fetched:
            if urlsplit(address).netloc:
                yield f"{where}: fetches {address}"
            elif address and not address.startswith("data:") and not (path.parent / _file_of(address)).exists():
                yield f"{where}: fetches {address}, which is not there"
        for address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            if not target.exists():
                yield f"{where}: links to {address}, which is not there"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{where}: links to {address}, and the page has no such place"
    for path in sorted(site.rglob("*.css")):
        for address in IN_STYLE.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)}: fetches {address}"


def _file_of(address: str) -> str:
    return unquote(urlsplit(address).path)


if __name__ == "__main__":
    found = list(faults(Path(sys.argv[1]).resolve()))
    print("\n".join(found) or f"{sys.argv[1]}: nothing is fetched from elsewhere, and every link leads somewhere.")
    sys.exit(bool(found))
