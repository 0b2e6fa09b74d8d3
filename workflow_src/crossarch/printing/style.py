"""How figures look, and how they become files whose bytes depend on nothing but what is drawn."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from crossarch.files import atomic_path

WIDTH = {1: 3.4, 2: 7.0}  # inches, of one and of two columns of print
# Okabe and Ito's palette: its colours stay apart for every kind of colour vision.
COLOURS = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
}
# Colour and marker of each network: in grey print the marker alone tells them apart.
ARCH_COLOURS = {
    "cnn": "black",
    "resnet18": "orange",
    "alexnet": "sky",
    "vgg11": "green",
    "resnet50": "vermillion",
}
ARCH_MARKERS = {"cnn": "o", "resnet18": "s", "alexnet": "^", "vgg11": "D", "resnet50": "v"}
OWN_COLOURS = ("blue", "purple", "yellow")  # of networks of the user's own, in turn
OWN_MARKERS = ("P", "X", "*", "h", "p")
GREY = "#595959"
FORMATS = ("pdf", "svg", "png")

_STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that it is the same everywhere
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.2,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.size": 0,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,  # TrueType, embedded
    "svg.fonttype": "path",
    "svg.hashsalt": "crossarch",
    "savefig.dpi": 300,
}
_METADATA: dict[str, dict[str, str | None]] = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


@dataclass(frozen=True)
class Look:
    """Colour (a name of `COLOURS`) and marker of a network."""

    colour: str
    marker: str


def look_of(arch: str, own: Sequence[str]) -> Look:
    """The look of a network; of `own`, the user's, it follows from their order: the first 15 differ."""
    if arch not in own:
        return Look(ARCH_COLOURS[arch], ARCH_MARKERS[arch])
    place = own.index(arch)
    return Look(OWN_COLOURS[place % len(OWN_COLOURS)], OWN_MARKERS[place % len(OWN_MARKERS)])


@contextmanager
def canvas(columns: int, height: float = 2.3) -> Iterator[Figure]:
    """An empty figure, as wide as so many columns of print, `height` inches high, in our style."""
    with matplotlib.style.context(["default", _STYLE]):
        yield Figure(figsize=(WIDTH[columns], height))


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write `<stem>.pdf`, `.svg` and `.png`, each whole or not at all; gives the files."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, so that all files show the same
    files = [stem.with_name(f"{stem.name}.{kind}") for kind in FORMATS]
    for file, kind in zip(files, FORMATS, strict=True):
        with atomic_path(file) as temporary:
            figure.savefig(temporary, format=kind, metadata=_METADATA[kind])
    return files


def plain(text: str) -> str:
    """`text`, a title say, for matplotlib, to which what stands between two `$` is mathematics."""
    return text.replace("$", r"\$")


def legend_below(
    page: Figure, entries: Mapping[str, Artist], most: int, apart: float | None = None
) -> int:
    """A legend below the panels, no wider than the page; gives how many lines of text it has.

    `entries` are the handles by their labels, in at most `most` columns of about one length, `apart`
    times the size of the letters. A label that is wider than the page by itself is wrapped.
    """
    labels = [_wrapped(page, handle, label) for label, handle in entries.items()]
    for rows in range(-(-len(labels) // most), len(labels) + 1):
        columns = -(-len(labels) // rows)
        legend = _legend(page, list(entries.values()), labels, columns, apart)
        if _fits(page, legend) or columns == 1:
            break
        legend.remove()
    lines = [label.count("\n") + 1 for label in labels]
    long, short = len(labels) % columns, len(labels) // columns  # how many columns have one row more
    ends = [place * short + min(place, long) for place in range(columns + 1)]
    return max(sum(lines[begin:end]) for begin, end in pairwise(ends))


def _legend(
    page: Figure, handles: Sequence[Artist], labels: Sequence[str], columns: int, apart: float | None
) -> Legend:
    return page.legend(
        handles,
        list(map(plain, labels)),
        loc="outside lower center",
        ncols=columns,
        columnspacing=apart,
    )


def _fits(page: Figure, legend: Legend) -> bool:
    return bool(legend.get_window_extent().width <= page.bbox.width)


def _wrapped(page: Figure, handle: Artist, label: str) -> str:
    """The label in as few lines as a legend of it alone needs to be no wider than the page."""
    for letters in range(len(label), 0, -1):
        lines = label if letters == len(label) else textwrap.fill(label, letters)
        legend = _legend(page, [handle], [lines], 1, None)
        fits = _fits(page, legend)
        legend.remove()
        if fits:
            return lines
    return label


def say_nothing(axes: Axes, words: str = "no run measured yet") -> None:
    """`words` in the middle of axes that have nothing to show."""
    look = {"ha": "center", "va": "center", "color": GREY, "fontstyle": "italic"}
    axes.text(0.5, 0.5, words, look, transform=axes.transAxes)


def watermark(figure: Figure, text: str) -> None:
    """`text` across the whole figure, behind nothing."""
    figure.text(
        *(0.5, 0.5, text),
        ha="center",
        va="center",
        rotation=20,
        fontsize=26,
        fontweight="bold",
        color=COLOURS["vermillion"],
        alpha=0.35,
        zorder=10,
    ).set_in_layout(False)
