"""Tables beyond Table 2: factors, settings, spreads, other data sets; all from made-up runs."""

import dataclasses
import re
from pathlib import Path

import pandas as pd
import pytest
from synthetic_runs import CONFIG, complete_runs, configured, run_row, runs_of
from test_report_printed_tables import compiled, latex_missing

from crossarch.config import applies, grid
from crossarch.config.schema import Table
from crossarch.report.printed_tables import blocks, render_table
from crossarch.report.table_formats import latex, markdown
from crossarch.report.tables import paper_numbers, settings_table, table_cells, without_paper

EVERYTHING = ["cifar10", "cifar100", "tiny-imagenet"]


def rows_of(text: str) -> list[list[str]]:
    """The fields of every row of the pipe tables in `text`, heads left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[field.strip() for field in line.strip("|").split("|")] for line in lines]
    separators = [place for place, row in enumerate(rows) if re.fullmatch(":?-+:?", row[0])]
    return [row for place, row in enumerate(rows) if not {place, place + 1} & set(separators)]


def shown(name: str, runs: pd.DataFrame, *, comparison: bool = False) -> str:
    configuration = configured(datasets=EVERYTHING)
    cells = table_cells(configuration, configuration.table(name), runs)
    return markdown(*blocks(configuration, name, cells if comparison else without_paper(cells)))


def test_table_1_is_the_papers() -> None:
    configuration = configured()
    cells = settings_table(configuration, configuration.table("table1"))
    assert rows_of(markdown(*blocks(configuration, "table1", cells))) == [
        ["Baseline", "×", "×", "×"],
        ["w/o DP & KD", "×", "×", "✓"],
        ["w/o DP", "×", "✓", "✓"],
        ["w/o KD", "✓", "×", "✓"],
        ["Full", "✓", "✓", "✓"],
    ]


def test_table_1_needs_no_run_and_has_no_comparison(tmp_path: Path) -> None:
    files = render_table(configured(), "table1", runs_of([]), tmp_path)
    names = ["table1.csv", "table1.md", "table1.tex", "table1-standalone.tex"]
    assert [file.name for file in files] == names
    assert "Read off the recipes of the configuration. Protocol: paper." in files[1].read_text()
    latex = files[2].read_text()
    assert latex.startswith(
        "% From table1.csv. Needs \\usepackage{booktabs,multirow,threeparttable,amssymb}"
    )
    assert r"Full & $\checkmark$ & $\checkmark$ & $\checkmark$ \\" in latex
    assert pd.read_csv(files[0])["factors"].tolist()[2:] == ["KD;Misc.", "DP;Misc.", "DP;KD;Misc."]


def test_tables_3_and_4_are_the_papers() -> None:
    runs = complete_runs()
    assert rows_of(shown("table3", runs)) == [
        ["×", "×", "65.2"],
        ["✓", "×", "65.6"],
        ["×", "✓", "65.9"],
        ["✓", "✓", "**66.2**"],  # one run for this cell and for Table 2's
    ]
    assert rows_of(shown("table4", runs, comparison=True)) == [
        ["×", "×", "×", "61.6 / 61.6 / +0.0"],
        ["✓", "×", "×", "61.9 / 61.9 / +0.0"],
        ["✓", "✓", "×", "64.8 / 64.8 / +0.0"],
        ["✓", "✓", "✓", "**66.2** / 66.6 / -0.4"],
    ]


def test_factors_follow_the_recipes() -> None:
    """A recipe has the factors in which it differs from the table's first, whatever its name."""
    configuration = configured()
    recipes = dict(configuration.recipe_book.recipes)
    bare = configuration.recipe_book.recipes
    recipes["full-cosine-adamw-1fold"] = {
        **bare["full-cosine-adamw-1fold"],
        "base": "full-1fold",
        "optimizer": bare["full-adamw-1fold"]["optimizer"],
    }
    recipes["full-adamw-1fold"] = {"base": "full-1fold", "title": "renamed"}
    book = dataclasses.replace(configuration.recipe_book, recipes=recipes)
    changed = dataclasses.replace(configuration, recipe_book=book)
    cells = table_cells(changed, changed.table("table4"), runs_of([]))
    assert cells["factors"].isna().tolist() == [True, False, False, False]
    assert cells["factors"].tolist()[1:] == [
        "Periodical LR;Lion",
        "Periodical LR;Lion",
        "Periodical LR;Lion;Stronger Aug.",
    ]


def test_table_7_has_means_and_deviations_of_both() -> None:
    rows = [run_row(a, recipe="full", arch="alexnet", seed=s) for s, a in enumerate((50.0, 51.0, 52.0))]
    ours = rows_of(shown("table7", runs_of([*rows, run_row(44.3)])))
    assert [row[:3] for row in ours] == [
        ["FRePo", "1", "w/o DP & KD"],
        ["", "", "w/o DP"],
        ["", "", "w/o KD"],
        ["", "", "Full"],
        ["", "10", "Full"],
        ["", "50", "Full"],
    ]
    assert ours[3][3:] == ["—", "51.0 ± 1.0", "—", "—"]  # no gap, though the baseline was run
    beside = rows_of(shown("table7", runs_of(rows), comparison=True))
    assert beside[3][4] == "51.0 ± 1.0 / 50.7 ± 0.1 / +0.3"
    assert beside[5][5] == "— / 72.8 ± 0.0 / —"


def test_table_8_has_its_own_methods_and_table_2s_baseline() -> None:
    rows = rows_of(shown("table8", complete_runs()))
    assert [row[2] for row in rows] == ["Baseline", "w/o DP & KD", "w/o DP", "w/o KD", "Full"]
    assert rows[0][3:] == ["44.3", "34.4 (-9.9)", "41.8 (-2.5)", "44.0 (-0.3)", "25.9 (-18.4)"]
    assert rows[4][3:] == ["-", "**45.5** (+1.2)", "**47.8** (+3.5)", "46.7 (+2.4)", "**33.8** (-10.5)"]


@pytest.mark.parametrize(
    ("name", "title", "full"),
    [
        ("table5", "CIFAR-100", ["24.4 (-1.8)", "25.3 (-0.9)", "24.0 (-2.2)", "23.7 (-2.5)"]),
        ("table6", "Tiny-ImageNet", ["18.9 (+2.3)", "18.5 (+1.9)", "18.3 (+1.7)", "19.1 (+2.5)"]),
    ],
)
def test_other_data_sets(name: str, title: str, full: list[str]) -> None:
    text = shown(name, complete_runs())
    assert text.startswith(f"# Test accuracies on {title}\n")
    row = rows_of(text)[4]
    assert row[2:4] == ["Full", "-"]
    assert [cell.replace("**", "") for cell in row[4:]] == full


def numbered() -> list[tuple[str, Table]]:
    return [(name, table) for name, table in configured().tables.items() if table.paper]


@pytest.mark.parametrize(("name", "table"), numbered(), ids=[name for name, _ in numbered()])
def test_every_number_of_the_paper_has_its_cell_and_every_cell_its_number(
    name: str, table: Table
) -> None:
    configuration = configured(datasets=EVERYTHING)
    assert table.dataset is not None
    printed = paper_numbers(configuration, table)
    cells = {
        (run.source, run.ipc, run.recipe, run.arch)
        for run in grid(configuration, table, table.dataset)
        if applies(configuration, run)
    }
    assert set(printed[["source", "ipc", "recipe", "arch"]].itertuples(index=False, name=None)) == cells


def test_the_papers_files_hold_nothing_else() -> None:
    configuration = configured()
    lines = [pd.read_csv(file) for file in sorted((CONFIG / "paper").glob("*.csv"))]
    assert sum(map(len, lines)) == 132 + 4 + 4 + 132 + 88 + 24 + 22
    for frame in lines:
        for (name, dataset), _ in frame.groupby(["table", "dataset"]):
            assert configuration.table(str(name)).dataset == dataset
            assert dataset in configuration.datasets


@pytest.mark.parametrize("name", ["table1", "table3", "table4", "table6", "table7"])
def test_latex_of_every_layout_compiles(tmp_path: Path, name: str) -> None:
    if reason := latex_missing():
        pytest.skip(reason)
    spread = complete_runs()
    runs = pd.concat([spread, spread.assign(seed=1, accuracy_best=spread["accuracy_best"] + 0.5)])
    files = render_table(configured(datasets=EVERYTHING), name, runs, tmp_path)
    for file in files:
        if file.name.endswith("-standalone.tex"):
            compiled(file)


@pytest.mark.parametrize("title", ["[2em] longer", "*starred", " [jpeg]"])
def test_a_title_is_no_argument_of_the_line_before_it_in_latex(tmp_path: Path, title: str) -> None:
    """`\\\\`, `\\midrule` and `\\toprule` look for `*` or `[` also on the next line."""
    own = {"longer": {"title": title, "base": "full"}}
    render_table(configured(own_recipes=own), "table1", runs_of([]), tmp_path)
    usual = configured().table("table3")
    factors = {title: ("keep_rate",), "B": ("network",)}
    table = usual.model_copy(update={"factors": factors, "paper": None})
    cells = without_paper(table_cells(configured(), table, runs_of([])))
    configuration = dataclasses.replace(configured(), tables={"mine": table})
    fragments = [(tmp_path / "table1.tex").read_text(), latex(*blocks(configuration, "mine", cells))]
    for fragment in fragments:
        assert title.strip() in fragment
        assert not re.search(r"(\\\\|rule)\s*[\[*]", fragment)


def test_made_up_runs_say_so_on_the_face_of_every_table(tmp_path: Path) -> None:
    runs = complete_runs().assign(device="synthetic")
    configuration = configured(datasets=EVERYTHING)
    assert (CONFIG.parent / "results") not in tmp_path.parents
    for name, _ in numbered():
        for file in render_table(configuration, name, runs, tmp_path):
            text = file.read_text()
            assert "synthetic" in text
            assert "NaN" not in text
            if file.suffix == ".md":
                assert "Device: synthetic." in text
                assert "—" not in text
