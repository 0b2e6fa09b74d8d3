"""The commands that the pages tell are understood as they are meant."""

import re
from pathlib import Path

import pandas as pd
import pytest

PAGES = ("README.md", "docs/own.md", "docs/cluster.md", "docs/protocols.md")


@pytest.mark.parametrize("page", PAGES)
def test_options_that_take_several_values_do_not_swallow_a_target(project: Path, page: str) -> None:
    text = (project / page).read_text()
    told = re.findall(r"(?:snakemake |ARGS=\")[^`\n\"#]*", text)
    assert told
    for command in told:
        for option, values in re.findall(r"(--configfile|--config) ([^-]\S*(?: [^-\s]\S*)*)", command):
            for value in values.split():
                is_file = (project / value).is_file() or f"`{value}`" in text  # the reader's own
                fits = is_file if option == "--configfile" else "=" in value
                assert fits or "..." in value, command


def test_the_readme_shows_what_the_benchmark_measured(project: Path) -> None:
    sections = (project / "benchmarks/results/speed.md").read_text().split("\n\n")
    tables = [text.strip() for text in sections if text.startswith("|")]
    shown = (project / "README.md").read_text()
    assert len([table for table in tables if table in shown]) == 2


def test_the_readme_shows_what_the_demo_measured(project: Path) -> None:
    demo = project / "results/reproduction/demo"
    lines = (demo / "table2.md").read_text().splitlines()
    shown = (project / "README.md").read_text()
    assert "\n".join(line for line in lines if line.startswith("|")) in shown

    runs = pd.read_csv(demo / "runs.csv").pivot(index="seed", columns=["arch", "recipe"])
    best = runs["accuracy_best"]
    cnn = best["cnn", "baseline"]
    gaps = {
        recipe: sum(cnn - best[arch, recipe] for arch in ("resnet18", "alexnet", "vgg11")) / 3
        for recipe in ("baseline", "full")
    }
    closed = [f"{gain:.1f}" for gain in gaps["baseline"] - gaps["full"]]
    averages = [f"{gap.mean():.1f}" for gap in gaps.values()]
    told = re.search(
        r"lie (\S+) points behind.*?and (\S+) with the\s+full recipe.*?shrinks by (.*?) points",
        shown,
        re.DOTALL,
    )
    assert told
    assert list(told.groups()[:2]) == averages
    assert re.findall(r"\d+\.\d", told.group(3)) == closed


def test_what_the_pages_point_to_is_there(project: Path) -> None:
    pages = [project / "README.md", project / "CONTRIBUTING.md", project / "config/README.md"]
    pages += [project / "benchmarks/README.md", *sorted((project / "docs").glob("*.md"))]
    pages += (project / "results/reproduction").glob("README.md")
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    ]
    assert len(links) > 20
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []
