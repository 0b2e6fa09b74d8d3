"""One page to explore all results in: a single HTML file that needs no network.

`results` works out what the page shows, `page` puts it into `template.html` together with
`style.css` and `script.js`.
"""

from crossarch.report.page.page import render_page

__all__ = ["render_page"]
