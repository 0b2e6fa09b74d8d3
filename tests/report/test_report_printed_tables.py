"""What a reader sees: Markdown and LaTeX of both editions, and the note below."""

import math
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic_runs import configured, run_row, runs_of

from crossarch.config import Configuration
from crossarch.errors import ConfigError, DataError
from crossarch.printing.numbers import printed, printed_signed
from crossarch.report.printed_tables import blocks, render_csv, render_table
from crossarch.report.table_formats import markdown
from crossarch.report.tables import read_cells, table_cells, without_paper

RECIPES = ["baseline", "wo_dp_kd", "wo_dp", "wo_kd", "full"]
ARCHS = ["cnn", "resnet18", "alexnet", "vgg11", "resnet50"]
TITLES = {
    "FRePo": "frepo",
    "MTT": "mtt",
    "FRePo (ours)": "own-frepo",
    "Baseline": "baseline",
    "w/o DP & KD": "wo_dp_kd",
    "w/o DP": "wo_dp",
    "w/o KD": "wo_kd",
    "Full": "full",
}
Key = tuple[str, int, str, str]


def parsed(text: str) -> dict[Key, str]:
    """The cells of the only pipe table in `text`."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    header, _, *rows = ([field.strip() for field in line.strip("|").split("|")] for line in lines)
    assert header == [
        *("DD", "IPC", "Method"),
        *("3-layer CNN", "ResNet18", "AlexNet", "VGG11", "ResNet50"),
    ]
    cells: dict[Key, str] = {}
    source, ipc = "", 0
    for first, second, third, *fields in rows:
        source, ipc = TITLES.get(first, source), int(second or ipc)
        cells |= {
            (source, ipc, TITLES[third], arch): field for arch, field in zip(ARCHS, fields, strict=True)
        }
    return cells


def printed_table(
    runs: pd.DataFrame, *, comparison: bool = False, configuration: Configuration | None = None
) -> str:
    configuration = configuration or configured()
    cells = table_cells(configuration, configuration.tables["table2"], runs)
    edition = cells if comparison else without_paper(cells)
    return "\n".join(map(markdown, blocks(configuration, "table2", edition)))


def test_cells_read_as_in_the_paper() -> None:
    runs = runs_of(
        [
            run_row(44.3),
            run_row(41.8, arch="alexnet"),
            run_row(50.6, arch="alexnet", recipe="full"),
            run_row(50.8, arch="alexnet", recipe="full", seed=1),
        ]
    )
    ours = parsed(printed_table(runs))
    assert ours["frepo", 1, "baseline", "cnn"] == "44.3"
    assert ours["frepo", 1, "baseline", "alexnet"] == "41.8 (-2.5)"
    assert ours["frepo", 1, "full", "alexnet"] == "**50.7 ± 0.1** (+6.4)"
    assert ours["frepo", 1, "full", "cnn"] == "-"
    assert ours["frepo", 1, "full", "vgg11"] == "—"
    assert ours["mtt", 50, "wo_dp", "resnet50"] == "—"
    beside = parsed(printed_table(runs, comparison=True))
    assert beside["frepo", 1, "baseline", "alexnet"] == "41.8 / 41.8 / +0.0"
    assert beside["frepo", 1, "full", "alexnet"] == "**50.7 ± 0.1** / 50.7 / +0.0"
    assert beside["frepo", 1, "full", "vgg11"] == "— / 48.8 / —"
    assert beside["frepo", 1, "full", "cnn"] == "-"


def test_the_note_is_read_off_the_runs() -> None:
    runs = runs_of(
        [
            run_row(44.3, whitening="zca-frepo"),
            run_row(44.5, whitening="zca-frepo", seed=1),
            run_row(60.0, ipc=10, epochs=300, best_epoch=300),
            run_row(61.0, source="mtt", ipc=10, device="cuda"),
        ]
    )
    text = printed_table(runs, comparison=True)
    assert text.startswith("# Test accuracies on CIFAR-10: ")
    assert "Measured on CIFAR-10. Protocol: paper. " in text
    assert "3 of 132 cells measured, 1 to 2 seeds per cell" in text
    assert "selected on the test set, every 100 epochs." in text
    assert "Epochs: 300 instead of 1000 (Baseline)." in text
    assert "zca-frepo (FRePo IPC 1); zca-kornia (FRePo IPC 10, MTT IPC 10)." in text
    assert "Device: cpu and cuda." in text
    # |44.4 - 44.3|, |60.0 - 63.0|, |61.0 - 63.6|: 5.7 / 3
    assert "Mean absolute difference from the paper: 1.9 points (n = 3)." in text
    assert "Mean absolute difference" not in printed_table(runs)


def test_the_note_of_the_last_epoch_and_of_one_seed() -> None:
    text = printed_table(runs_of([run_row(44)]), configuration=configured(accuracy="last"))
    assert "1 of 132 cells measured, 1 seed per cell. Accuracy: last epoch." in text
    assert "selected on the test set" not in text
    assert "Test whitening: zca-kornia." in text
    assert "Epochs:" not in text
    assert "±" not in text


def test_two_data_sets_are_two_tables() -> None:
    runs = runs_of([run_row(44), run_row(43, dataset="digits", source="own-frepo")])
    both = configured(datasets=["cifar10", "digits"])
    text = printed_table(runs, configuration=both)
    first, second = re.split(r"^# ", text, flags=re.MULTILINE)[1:]
    assert parsed(first)["frepo", 1, "baseline", "cnn"] == "44.0"
    assert parsed(second)["own-frepo", 1, "baseline", "cnn"] == "43.0"
    assert "Measured on CIFAR-10." in first
    assert "Measured on Digits." in second


def test_nothing_measured_is_said() -> None:
    text = printed_table(runs_of([]), comparison=True)
    assert "0 of 132 cells measured." in text
    assert "No measured cell has a number in the paper." in text
    assert "Device" not in text


def test_eight_files_and_all_but_the_csv_from_the_csv(tmp_path: Path, paper_runs: pd.DataFrame) -> None:
    files = render_table(configured(), "table2", paper_runs, tmp_path / "tables")
    stems = ("table2", "table2-comparison")
    ends = (".csv", ".md", ".tex", "-standalone.tex")
    assert [file.name for file in files] == [f"{stem}{end}" for stem in stems for end in ends]
    assert sorted(tmp_path.glob("tables/*")) == sorted(files)
    before = {file: file.read_bytes() for file in files}
    for file in files:
        if file.suffix != ".csv":
            file.unlink()
    for stem in stems:
        render_csv(configured(), "table2", tmp_path / "tables" / f"{stem}.csv")
    assert {file: file.read_bytes() for file in files} == before


def test_the_csv_holds_plain_numbers(tmp_path: Path) -> None:
    rows = [run_row(accuracy, seed=seed) for seed, accuracy in enumerate((44.1, 44.2, 44.2))]
    csv, *_ = render_table(configured(), "table2", runs_of(rows), tmp_path)
    cells = pd.read_csv(csv)
    assert cells["mean"][0] == 44.1667
    assert cells["std"][0] == 0.0577
    assert "paper" not in cells
    numbers = re.findall(r"\d+\.\d+", csv.read_text())
    assert max(len(number.split(".")[1]) for number in numbers) <= 4


def test_the_papers_own_numbers_make_the_papers_table(paper_runs: pd.DataFrame) -> None:
    cells = parsed(printed_table(paper_runs))
    assert cells["frepo", 1, "full", "alexnet"] == "**50.7** (+6.4)"
    assert cells["frepo", 10, "baseline", "alexnet"] == "59.3 (-3.7)"
    assert cells["mtt", 50, "full", "vgg11"] == "**69.5** (-0.7)"
    assert sum(cell.startswith("**") for cell in cells.values()) == 30 + 1  # one tie, 74.5


@settings(max_examples=15, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    accuracies=st.dictionaries(
        st.tuples(
            st.sampled_from(["frepo", "mtt"]),
            st.sampled_from([1, 10, 50]),
            st.sampled_from(RECIPES),
            st.sampled_from(ARCHS),
        ).filter(lambda key: key[3] != "cnn" or key[2] in ("baseline", "wo_dp_kd")),
        st.lists(st.integers(0, 10_000).map(lambda n: n / 100), min_size=1, max_size=3),
        max_size=20,
    )
)
def test_markdown_tells_the_rounded_numbers(accuracies: dict[Key, list[float]]) -> None:
    runs = runs_of(
        run_row(accuracy, source=source, ipc=ipc, recipe=recipe, arch=arch, seed=seed)
        for (source, ipc, recipe, arch), values in accuracies.items()
        for seed, accuracy in enumerate(values)
    )
    configuration = configured()
    cells = table_cells(configuration, configuration.tables["table2"], runs)
    text = parsed(markdown(*blocks(configuration, "table2", without_paper(cells))))
    shown = {key: field for key, field in text.items() if field not in ("—", "-")}
    assert set(shown) == set(accuracies)
    form = re.compile(r"(\*\*)?(\d+\.\d)(?: ± (\d+\.\d))?(\*\*)?(?: \(([+-]\d+\.\d)\))?")
    for _, row in cells[cells["n"] > 0].iterrows():
        key = (row["source"], row["ipc"], row["recipe"], row["arch"])
        match = form.fullmatch(shown[key])
        assert match
        bold, mean, std, bold_end, gap = match.groups()
        values = accuracies[key]
        assert mean == printed(row["mean"])
        assert math.isclose(float(mean), sum(values) / len(values), abs_tol=0.0501)
        assert std == (printed(row["std"]) if len(values) > 1 else None)
        assert (gap is None) == math.isnan(row["gap"])
        assert gap is None or gap == printed_signed(row["gap"])
        assert bool(bold) == bool(bold_end) == row["best"]


def test_an_unknown_table_and_a_broken_csv_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown table 'table0' \(did you mean 'table"):
        render_table(configured(), "table0", runs_of([]), tmp_path)
    csv, *_ = render_table(configured(), "table2", runs_of([]), tmp_path)
    csv.write_text(csv.read_text().replace("True", "perhaps", 1))
    with pytest.raises(DataError, match=r"table2\.csv: line 2: applicable: found 'perhaps'"):
        read_cells(csv)


def test_latex_says_the_same(tmp_path: Path) -> None:
    runs = runs_of(
        [
            run_row(44.3),
            run_row(41.8, arch="alexnet"),
            run_row(50.6, arch="alexnet", recipe="full"),
            run_row(50.8, arch="alexnet", recipe="full", seed=1),
        ]
    )
    render_table(configured(), "table2", runs, tmp_path)
    fragment = (tmp_path / "table2.tex").read_text()
    assert r"\textbf{50.7 ± 0.1} & (+6.4)" in fragment
    assert "41.8 & (−2.5)" in fragment
    assert r"w/o DP \& KD" in fragment
    assert r"\documentclass" not in fragment
    document = (tmp_path / "table2-standalone.tex").read_text()
    assert r"{standalone}" in document
    assert "Test accuracies on CIFAR-10." in document


@pytest.mark.parametrize("edition", ["table2", "table2-comparison"])
def test_latex_has_the_cells_of_markdown_in_as_many_columns(
    tmp_path: Path, paper_runs: pd.DataFrame, edition: str
) -> None:
    render_table(configured(), "table2", paper_runs, tmp_path)
    text = (tmp_path / f"{edition}.tex").read_text()
    (columns,) = re.findall(r"\\begin\{tabular\}\{([^\n]*)\}", text)
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    spans = [int(span) for line in lines for span in re.findall(r"\\multicolumn\{(\d)", line)]
    assert len(spans) == len(ARCHS)
    for line in lines[1:]:
        assert line.count(" & ") + 1 == len(re.findall("[lrc]", columns))
    shown = parsed((tmp_path / f"{edition}.md").read_text())
    rows = [line.removesuffix(r" \\").split(" & ")[3:] for line in lines if "rule" not in line][2:]
    fields = ["".join(re.sub(r"\\textbf\{(.*?)\}", r"\1", field) for field in row) for row in rows[-30:]]
    told = list(shown.values())
    expected = [told[place : place + 5] for place in range(0, len(told), 5)]
    for field, cells in zip(fields, expected, strict=True):
        ours = "".join(re.sub(r" / |\*\*| (?=\()", "", cell) for cell in cells)
        assert field.replace("−", "-") == ours


def latex_missing() -> str | None:
    """Why LaTeX cannot be tried here, or None."""
    if not shutil.which("pdflatex"):
        return "pdflatex is not installed"
    for package in ("standalone.cls", "booktabs.sty", "multirow.sty", "threeparttable.sty"):
        found = subprocess.run(["kpsewhich", package], capture_output=True, check=False)
        if found.returncode:
            return f"{package} is not installed"
    return None


@pytest.mark.parametrize("datasets", [["cifar10"], ["cifar10", "digits"]])
def test_latex_compiles(tmp_path: Path, paper_runs: pd.DataFrame, datasets: list[str]) -> None:
    if reason := latex_missing():
        pytest.skip(reason)
    files = render_table(configured(datasets=datasets), "table2", paper_runs, tmp_path)
    inserted = tmp_path / "inserted.tex"  # fragments, twice in one document
    inserted.write_text(
        "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs,multirow,threeparttable}\\begin{document}\n"
        "\\input{table2.tex}\n\n\\input{table2-comparison.tex}\n\\end{document}\n"
    )
    documents = [file for file in files if file.name.endswith("-standalone.tex")]
    for document in [*documents, inserted]:
        told = compiled(document)
        if document in documents:
            assert "(1 page" in told
            assert "Overfull" not in told


def compiled(document: Path) -> str:
    """What pdflatex says of a document that it must be able to set."""
    result = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", document.name],
        cwd=document.parent,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-2000:]
    assert document.with_suffix(".pdf").stat().st_size > 10_000
    return result.stdout
