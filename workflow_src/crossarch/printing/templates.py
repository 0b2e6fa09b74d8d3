"""Templates of pages, notes and captions, and the filters that they format numbers and words with."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from crossarch.printing.numbers import printed, printed_range, printed_signed
from crossarch.printing.words import listed, plural

NOT_RUN = "—"


def rendered(package: str, template: str, **values: Any) -> str:
    """The text of `templates/<template>` of `package` with these values; it ends in one line break.

    HTML is escaped where the name ends in `.html`, nothing else is. A value that is missing is an error.
    """
    return _environment(package).get_template(template).render(values).strip() + "\n"


def paragraph(package: str, template: str, **values: Any) -> str:
    """As `rendered`, as one paragraph: all white space becomes one blank."""
    return " ".join(rendered(package, template, **values).split())


def number(value: float | None) -> str:
    """`50.7`; a dash where there is no number. Also `signed` and `correlation` do so."""
    return NOT_RUN if _missing(value) else printed(float(value or 0))


def percent(value: float) -> str:
    """`50.7%`."""
    return f"{printed(value)}%"


def signed(value: float | None) -> str:
    """`+0.7`."""
    return NOT_RUN if _missing(value) else printed_signed(float(value or 0))


def correlation(value: float | None) -> str:
    """`+0.97`."""
    return NOT_RUN if _missing(value) else f"{value:+.2f}"


def interval(row: Any) -> str:
    """`-1.0 to +2.5`, of a row's `low` and `high`."""
    return NOT_RUN if _missing(row["low"]) else printed_range(row["low"], row["high"])


def spread(value: float | None, deviation: float | None) -> str:
    """`50.7 ± 0.1`; without the deviation where there is none."""
    return number(value) + ("" if _missing(deviation) else f" ± {number(deviation)}")


def markdown_escaped(text: object) -> str:
    """Plain text for Markdown and its pipe tables."""
    return "".join(f"\\{letter}" if letter in "\\|*_<`" else letter for letter in str(text))


def latex_escaped(text: object) -> str:
    """Plain text for LaTeX that reads UTF-8."""
    return str(text).translate(_LATEX)


_LATEX = str.maketrans(
    {letter: f"\\{letter}" for letter in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)


def _missing(value: float | None) -> bool:
    return value is None or value != value


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=lambda name: bool(name and name.endswith(".html")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        **{"number": number, "signed": signed, "correlation": correlation, "interval": interval},
        **{"spread": spread, "percent": percent, "listed": listed, "plural": plural},
        **{"md": markdown_escaped, "tex": latex_escaped},
    }
    environment.globals |= {"plural": plural, "not_run": NOT_RUN}
    return environment
