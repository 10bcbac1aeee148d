"""Files that are one article each, text, Markdown and web pages, to records; a part of `readers`, for its length."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from toolkit.encoding import UNFIT, UNFIT_BYTES, open_text
from toolkit.schema import InputError


def read_plain(path: Path) -> dict[str, str]:
    """Read a text or Markdown file as one article; a short first line with more below it is its title."""
    with open_text(path) as stream:
        text = _fitting(stream.read(), path.name).strip()
    first, _, rest = text.partition("\n")
    title = re.sub(r"^#{1,6}\s+", "", first).strip()
    if not rest.strip() or len(title) > 120 or title.endswith("."):
        return {"title": "", "text": text}
    return {"title": title, "text": rest.strip()}


def read_html(path: Path) -> dict[str, str]:
    """Read a web page as one article: its main text, and its title, date, site and address where it says so."""
    import trafilatura

    with open_text(path) as stream:
        page = _fitting(stream.read(), path.name)
    # Dates are only taken where the page states them, and no date is refused for lying in the future of today.
    dates = {"extensive_search": False, "original_date": True, "outputformat": "%Y-%m-%dT%H:%M:%S%z"}
    dates |= {"min_date": "1800-01-01", "max_date": "2100-12-31"}
    found: Any = trafilatura.bare_extraction(
        page, with_metadata=True, include_comments=False, date_extraction_params=dates
    )
    if found is None:
        return {"title": "", "text": ""}
    title = (found.title or "").strip()
    text = (found.text or "").strip()
    return {
        "title": title,
        "text": text.removeprefix(f"{title}\n").strip() if title else text,
        "published": found.date or "",
        "source": found.sitename or "",
        "url": found.url or "",
    }


def _fitting(text: str, name: str) -> str:
    if UNFIT.search(text):
        raise InputError(f"{name} has {UNFIT_BYTES}; save it as UTF-8.")
    return text
