"""The page as a file: what it holds, that it needs nothing else, that data cannot become markup."""

import base64
import hashlib
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from page_runs import rendered
from synthetic_runs import CONFIG, complete_runs, configured, run_row, runs_of

from crossarch.config import load_configuration
from crossarch.errors import DataError
from crossarch.printing.synthetic import NOTICE, SYNTHETIC
from crossarch.report.figures import render_figure
from crossarch.report.page import LOSSES, page_rows, recipe_groups, render_page
from crossarch.report.scorecard_page import render_scorecard

ATTACK = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;'


class Elements(HTMLParser):
    """Every element of a page: its tag, attributes and the text inside scripts, styles and cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}", {}, ""))  # what follows is not inside it

    def handle_data(self, text: str) -> None:
        if self.found:
            tag, attributes, before = self.found[-1]
            self.found[-1] = (tag, attributes, before + text)

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attributes, text) for name, attributes, text in self.found if name == tag]


def page_of(path: Path) -> Elements:
    return Elements(path.read_text(encoding="utf-8"))


def data_of(elements: Elements) -> dict[str, Any]:
    """What the script is given."""
    (text,) = [text for attributes, text in elements.all("script") if attributes.get("id") == "data"]
    data: dict[str, Any] = json.loads(text)
    return data


def test_cells_are_the_means_of_their_runs(tmp_path: Path) -> None:
    chosen = {"tables": ["table2", "table5"], "figures": ["figure1"]}
    configuration = configured(datasets=["cifar10", "cifar100"], **chosen)
    path, runs = rendered(configuration, tmp_path)
    elements = page_of(path)
    rows = {row["data-place"]: row for row, _ in elements.all("tr") if "data-place" in row}
    keys = ["dataset", "source", "ipc", "recipe", "arch"]
    expected = runs.groupby(keys)["accuracy_best"].agg(["mean", "count"])
    data = data_of(elements)
    assert len(data) == len(expected)
    for cell, content in data.items():
        place, arch = cell.split("-")
        row = rows[place]
        key = (
            row["data-dataset"],
            row["data-source"],
            int(row["data-ipc"] or 0),
            row["data-recipe"],
            arch,
        )
        assert content["mean"] == pytest.approx(expected.loc[key, "mean"], abs=5e-5)  # so it is stored
        assert len(content["seeds"]) == expected.loc[key, "count"]
    assert len(rows) == 2 * 2 * 3 * 5  # data sets, sources, IPC, recipes of Table 2
    text = path.read_text(encoding="utf-8")
    assert f"<strong>{len(expected)}</strong> of {2 * 132} cells measured" in text
    assert text.count('title="not run">—<') == 2 * 132 - len(expected)


def test_what_prints_alike_is_best_alike() -> None:
    """50.25 and 50.3 both print 50.3."""
    values = {"wo_dp": 50.25, "full": 50.3, "baseline": 40.0}
    runs = runs_of(run_row(value, recipe=recipe, arch="alexnet") for recipe, value in values.items())
    rows = [row for row in page_rows(configured(), runs) if (row["source"], row["ipc"]) == ("frepo", 1)]
    cells = {row["recipe"]: row["cells"]["alexnet"] for row in rows}
    best = {recipe: cell["best"] for recipe, cell in cells.items() if cell["seeds"]}
    assert best == {"wo_dp": True, "full": True, "baseline": False}


def test_paper_gap_and_curves(tmp_path: Path) -> None:
    runs = runs_of([run_row(44.0), run_row(50.0, arch="alexnet", recipe="full")])
    elements = page_of(render_page(configured(), runs, tmp_path / "index.html"))
    (full,) = [cell for cell in data_of(elements).values() if cell["title"] == "AlexNet, Full"]
    assert full["paper"] == 50.7  # Table 2
    assert full["difference"] == pytest.approx(-0.7)
    assert full["gap"] == pytest.approx(6.0)
    assert full["seeds"][0]["evaluations"] == []
    assert "selected-on-the-test-set" in full["findings"]
    assert any(
        attributes.get("id") == "finding-selected-on-the-test-set"
        for attributes, _ in elements.all("h3")
    )
    path, _ = rendered(configured(), tmp_path / "more")
    curve = next(iter(data_of(page_of(path)).values()))["seeds"][0]
    assert [epoch for epoch, _ in curve["evaluations"]] == [250, 500, 1000]
    assert len(curve["losses"]) == LOSSES
    assert curve["losses"][-1] == [1000, 2.3 / 200]


def test_one_file_that_needs_nothing_else(tmp_path: Path) -> None:
    configuration = configured(figures=["figure1"])
    figures = render_figure(configuration, "figure1", runs_of([run_row(44.0)]), tmp_path / "figures")
    path, runs = rendered(configuration, tmp_path, figures)
    elements = page_of(path)
    for _, attributes, _ in elements.found:
        for name in ("src", "href", "srcset", "action", "data"):
            address = attributes.get(name) or "#"
            assert address.startswith(("#", "data:")), address
    assert {attributes.get("src") for attributes, _ in elements.all("script")} == {None}
    (image,) = [attributes["src"] for attributes, _ in elements.all("img")]
    assert (
        base64.b64decode(str(image).partition(",")[2]) == (tmp_path / "figures/figure1.svg").read_bytes()
    )
    (policy,) = [one["content"] or "" for one, _ in elements.all("meta") if "http-equiv" in one]
    assert "default-src 'none'" in policy
    scripts = [text for one, text in elements.all("script") if "id" not in one]
    for text in (*scripts, *(text for _, text in elements.all("style"))):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    before = path.read_bytes()
    render_page(configuration, runs, path, figures, tmp_path / "runs")
    assert path.read_bytes() == before


def test_data_cannot_become_markup(tmp_path: Path) -> None:
    directory = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    for file, name in (("datasets.yaml", "cifar10"), ("sources.yaml", "frepo")):
        content = yaml.safe_load((directory / file).read_text())
        content[name]["title"] = ATTACK
        (directory / file).write_text(yaml.safe_dump(content))
    selection = {"datasets": ["cifar10"], "figures": ["figure1"]}
    configuration = load_configuration(directory, overrides=[("test", selection)])
    runs = runs_of([run_row(44.0, device=ATTACK, whitening=ATTACK), run_row(43.0, arch="vgg11")])
    files = render_figure(configuration, "figure1", runs, tmp_path)
    files += render_scorecard(configuration, runs, tmp_path)
    elements = page_of(render_page(configuration, runs, tmp_path / "index.html", files))
    assert [one for one, _ in elements.all("script")] == [
        {"type": "application/json", "id": "data"},
        {"type": "application/json", "id": "reach"},
        {},
    ]
    assert len(elements.all("img")) == 1  # Figure 1
    assert not any(name.startswith("on") for _, one, _ in elements.found for name in one)
    assert next(iter(data_of(elements).values()))["seeds"][0]["device"] == ATTACK
    assert ATTACK in {text for _, text in elements.all("td")}  # as text, in the scorecard


def test_synthetic_runs_are_marked(tmp_path: Path) -> None:
    path, _ = rendered(configured(), tmp_path, device=SYNTHETIC)
    assert f'<p class="notice" role="note">{NOTICE}.' in path.read_text(encoding="utf-8")
    path, _ = rendered(configured(), tmp_path / "measured")
    assert NOTICE not in path.read_text(encoding="utf-8")


def test_no_run_at_all(tmp_path: Path) -> None:
    path = render_page(configured(), runs_of([]), tmp_path / "index.html")
    assert "No run measured yet." in path.read_text(encoding="utf-8")
    assert data_of(page_of(path)) == {}


def test_a_broken_history_names_its_file(tmp_path: Path) -> None:
    configuration = configured()
    _, runs = rendered(configuration, tmp_path)
    file = next((tmp_path / "runs").rglob("metrics.json"))
    file.write_text('{"evaluations": [{"epoch": 1, "accuracy": 101}]}')
    with pytest.raises(DataError) as caught:
        render_page(configuration, runs, tmp_path / "x.html", metrics=tmp_path / "runs")
    assert str(caught.value).startswith(f"{file}: evaluations.0.accuracy: found 101, allowed: ")
    file.write_text("{")
    with pytest.raises(DataError, match=r"metrics\.json"):
        render_page(configuration, runs, tmp_path / "x.html", metrics=tmp_path / "runs")


def test_claims_scorecard_and_audit_are_sections_where_their_files_are_given(tmp_path: Path) -> None:
    configuration = configured()
    runs = runs_of([run_row(44.0), run_row(40.0, arch="alexnet"), run_row(48.0, arch="alexnet", seed=1)])
    files = render_scorecard(configuration, runs, tmp_path)
    audit = tmp_path / "audit.csv"
    audit.write_text("source,dataset,ipc,best,confidence,mean\nfrepo,x,1,none,likely,7\n")

    def sections(*given: Path) -> set[str | None]:
        elements = page_of(render_page(configuration, runs, tmp_path / "index.html", given))
        return {attributes.get("id") for attributes, _ in elements.all("section")}

    assert not sections() & {"claims", "scorecard", "audit"}
    assert sections(*files, audit) > {"claims", "scorecard", "audit"}
    elements = page_of(tmp_path / "index.html")
    texts = [text for _, text in elements.all("td")]
    assert texts.count("likely") == 1
    rows = (tmp_path / "index.html").read_text(encoding="utf-8").split("<tr>")
    (own,) = [row for row in rows if "table2: " in row and "<td>1</td><td>44.0</td>" in row]
    assert own.startswith("<td>one seed</td>")  # of the sets' own networks none has several
    beside = [row for row in rows if "table2: " in row and "<td>44.0 ± 5.7</td>" in row]
    assert beside[0].startswith("<td>reproduces</td>")  # 44 and 41.8, and seeds allow 65


def test_recipes_are_grouped_by_where_the_paper_shows_them() -> None:
    configuration = configured(own_recipes={"slow": {"title": "Slow", "base": "full"}})
    names = ["slow", "full", "full-nofinal", "full-1fold", "full-2fold", "full-tau4"]
    assert recipe_groups(configuration, names) == {
        **{"slow": "Custom", "full": "The paper's methods", "full-nofinal": "Table 3"},
        **{"full-1fold": "Table 4", "full-2fold": "Table 8", "full-tau4": "Figure 4"},
    }


def test_figures_of_which_nothing_was_measured_are_left_out(tmp_path: Path) -> None:
    configuration = configured(figures=["figure1", "figure5", "headline"])
    # The headline shows networks that Full was measured on, too: the CNN's baseline is not enough.
    runs = runs_of([run_row(43.0), run_row(44.0, recipe="wo_dp_kd")])
    files = [
        file
        for name in configuration.selection.figures
        for file in render_figure(configuration, name, runs, tmp_path / "figures")
    ]
    page = render_page(configuration, runs, tmp_path / "index.html", files).read_text(encoding="utf-8")
    titles = {name: configuration.figure(name).title for name in ("figure1", "figure5", "headline")}
    shown = {name for name, title in titles.items() if title in page}
    assert shown == {"figure1", "figure5"}  # the latter needs no run


@pytest.mark.parametrize(("measured", "expected"), [(0, False), (2, True), (44, False)])
def test_where_little_was_measured_the_page_opens_with_that(
    tmp_path: Path, measured: int, expected: bool
) -> None:
    configuration = configured(figures=[], tables=["table2"], ipc=[1])
    runs = complete_runs().query("dataset == 'cifar10' and ipc == 1 and protocol == 'paper'")
    cells = runs[runs["source"].isin(["frepo", "mtt"])].head(measured)
    page = page_of(render_page(configuration, cells, tmp_path / "index.html", []))
    (box,) = (
        attributes for attributes, _ in page.all("input") if attributes.get("id") == "measured-only"
    )
    assert ("checked" in box) == expected
