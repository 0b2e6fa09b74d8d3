"""The page as a file: what it holds, that it needs nothing else, that data cannot become markup."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from crossarch.report.page.results import LOSSES, rows
from page_runs import rendered
from synthetic_runs import CONFIG, configured, run_row, runs_of

from crossarch.config import load_configuration
from crossarch.errors import DataError
from crossarch.layout import Layout
from crossarch.printing.synthetic import NOTICE, SYNTHETIC
from crossarch.report import render_scorecard
from crossarch.report.figures import render_figure
from crossarch.report.page import render_page

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


def test_what_prints_alike_is_best_alike(tmp_path: Path) -> None:
    """50.25 and 50.3 both print 50.3."""
    runs = runs_of([run_row(50.25, recipe="wo_dp"), run_row(50.3, recipe="full"), run_row(40.0)])
    made = rows(configured(), runs, Layout(tmp_path))
    best = {row.recipe: row.cells["cnn"].best for row in made if row.cells["cnn"].mean is not None}
    assert best == {"wo_dp": True, "full": True, "baseline": False}


def test_paper_gap_and_curves(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    runs = runs_of([run_row(44.0), run_row(50.0, arch="alexnet", recipe="full")])
    elements = page_of(render_page(configured(), runs, layout))
    (full,) = [cell for cell in data_of(elements).values() if cell["title"] == "AlexNet, Full"]
    assert full["paper"] == 50.7  # Table 2
    assert full["difference"] == pytest.approx(-0.7)
    assert full["gap"] == pytest.approx(6.0)
    assert full["seeds"][0]["evaluations"] == []
    path, _ = rendered(configured(), tmp_path / "more")
    curve = next(iter(data_of(page_of(path)).values()))["seeds"][0]
    assert [epoch for epoch, _ in curve["evaluations"]] == [250, 500, 1000]
    assert len(curve["losses"]) == LOSSES
    assert curve["losses"][-1] == [1000, 2.3 / 200]


def test_one_file_that_needs_nothing_else(tmp_path: Path) -> None:
    configuration = configured(figures=["figure1"])
    path, runs = rendered(configuration, tmp_path)
    render_figure(configuration, "figure1", runs, Layout(tmp_path).figures)
    render_page(configuration, runs, Layout(tmp_path))
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
    render_page(configuration, runs, Layout(tmp_path))
    assert path.read_bytes() == before


def test_data_cannot_become_markup(tmp_path: Path) -> None:
    directory = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    for file, name in (("datasets.yaml", "cifar10"), ("sources.yaml", "frepo")):
        content = yaml.safe_load((directory / file).read_text())
        content[name]["title"] = ATTACK
        (directory / file).write_text(yaml.safe_dump(content))
    selection = {"datasets": ["cifar10"], "figures": ["figure1"]}
    configuration = load_configuration(directory, overrides=[("test", selection)])
    layout = Layout(tmp_path / "results")
    runs = runs_of([run_row(44.0, device=ATTACK, whitening=ATTACK), run_row(43.0, arch="vgg11")])
    layout.report.mkdir(parents=True)
    layout.scorecard_files()[0].write_text(pd.DataFrame({ATTACK: [ATTACK]}).to_csv(index=False))
    render_figure(configuration, "figure1", runs, layout.figures)
    elements = page_of(render_page(configuration, runs, layout))
    assert [one for one, _ in elements.all("script")] == [
        {"type": "application/json", "id": "data"},
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
    path = render_page(configured(), runs_of([]), Layout(tmp_path))
    assert "No run measured yet." in path.read_text(encoding="utf-8")
    assert data_of(page_of(path)) == {}


def test_runs_of_what_is_configured_no_longer_are_still_shown(tmp_path: Path) -> None:
    gone = {"dataset": "gone", "source": "left", "recipe": "fuller"}
    path = render_page(configured(), runs_of([run_row(44.1, **gone)]), Layout(tmp_path))
    (cell,) = data_of(page_of(path)).values()
    assert cell["set"] == "left, IPC 1, tested on gone, protocol paper"
    assert (cell["mean"], cell["paper"], cell["gap"]) == (44.1, None, None)


def test_a_broken_history_names_its_file(tmp_path: Path) -> None:
    configuration = configured()
    _, runs = rendered(configuration, tmp_path)
    file = next((tmp_path / "runs").rglob("metrics.json"))
    file.write_text('{"evaluations": [{"epoch": 1, "accuracy": 101}]}')
    with pytest.raises(DataError) as caught:
        render_page(configuration, runs, Layout(tmp_path))
    assert str(caught.value).startswith(f"{file}: evaluations.0.accuracy: found 101, allowed: ")
    file.write_text("{")
    with pytest.raises(DataError, match=r"metrics\.json"):
        render_page(configuration, runs, Layout(tmp_path))


def test_claims_and_the_audit_are_sections_where_they_are_made(tmp_path: Path) -> None:
    configuration, layout = configured(), Layout(tmp_path)
    sections = {"claims", "scorecard", "audit"}
    without = page_of(render_page(configuration, runs_of([]), layout))
    assert not sections & {attributes.get("id") for attributes, _ in without.all("section")}
    layout.report.mkdir(parents=True, exist_ok=True)
    layout.audits.mkdir()
    cells, summary, _ = layout.scorecard_files()
    cells.write_text("table,dataset,ours,protocol\ntable2,cifar10,44.2,paper\n")
    claim = "name,measured_on,held,units,paper_held,of,low,high,verdict"
    summary.write_text(f"kind,{claim}\nagreement,table2,x,,,,,,,\nclaim,a > b,x,3,4,64,64,1,2,holds\n")
    audit = "source,dataset,ipc,shape,labels,balance,std,neighbour_correlation,best,confidence,share"
    found = "frepo,x,1,1x1,soft,1 a class,0.5,0.3,none,likely,0.9,none,,7"
    (layout.audits / "audit.csv").write_text(f"{audit},configured,warning,mean\n{found}\n")
    elements = page_of(render_page(configuration, runs_of([]), layout))
    assert sections <= {attributes.get("id") for attributes, _ in elements.all("section")}
    text = layout.page.read_text(encoding="utf-8")
    assert "<td>a &gt; b</td>" in text
    assert text.count("<td>likely</td>") == 1
    assert "<td>agreement</td>" not in text


def test_what_another_selection_left_is_not_shown(tmp_path: Path) -> None:
    """Figure 1 and the scorecard were made of CIFAR-10's runs; Figure 6 needs none."""
    layout = Layout(tmp_path)
    of_cifar10 = configured()
    runs = runs_of([run_row(44.0), run_row(40.0, arch="alexnet")])
    for name in ("figure1", "figure6"):
        render_figure(of_cifar10, name, runs, layout.figures)
    render_scorecard(of_cifar10, runs, layout)
    for changes, shown in (
        ({}, {"figure1", "figure6", "claims", "scorecard"}),
        ({"datasets": ["cifar100"]}, {"figure6"}),
        ({"protocol": "released"}, {"figure6"}),
    ):
        path = render_page(configured(**changes), runs_of([]), layout)
        sections = {attributes.get("id") for attributes, _ in page_of(path).all("section")}
        numbers = re.findall(r"<strong>Figure (\d):", path.read_text(encoding="utf-8"))
        tables = sections & {"claims", "scorecard"}
        assert tables | {f"figure{number}" for number in numbers} == shown, changes
