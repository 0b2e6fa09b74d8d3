"""HTML pages that servers send in place of a file, and what they mean for the user."""

import html
import re

_MEANINGS = {
    r"quota (has been )?exceeded|too many users have (viewed or downloaded|accessed)": (
        "its download quota for this file is used up for now; try again in a day, or download it by "
        "hand in a browser"
    ),
    r"sign in|log ?in|accounts\.google\.com": "it asks to sign in, so the file is not shared with all",
    r"virus scan warning|can.t scan this file": "it asks to confirm a file too large to be scanned",
}
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def is_page(content: bytes) -> bool:
    """Whether bytes begin as an HTML page does."""
    start = content[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<!--"))


def reason_of_page(content: bytes) -> str:
    """One line on what the page `content` (its beginning is enough) says."""
    text = content.decode("utf-8", errors="replace")
    title = _TITLE.search(text)
    named = f" ({' '.join(html.unescape(title[1]).split())[:80]!r})" if title else ""
    told = next((m for pattern, m in _MEANINGS.items() if re.search(pattern, text, re.IGNORECASE)), "")
    meaning = told or "a login, quota or error page?"
    return f"the server sent an HTML page instead of the file{named}: {meaning}"
