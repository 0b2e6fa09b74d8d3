"""The page in a real browser: it loads in silence, filters, sorts, explains, and is accessible."""

import os
import shutil
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from page_runs import page_runs
from scipy import stats
from synthetic_runs import configured

from crossarch.printing.synthetic import SYNTHETIC
from crossarch.report.figures import render_figure
from crossarch.report.page import render_page
from crossarch.report.scorecard_page import render_scorecard

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
pytestmark = pytest.mark.slow

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
ARCHS = {
    "3-layer CNN": "cnn",
    "ResNet18": "resnet18",
    "AlexNet": "alexnet",
    "VGG11": "vgg11",
    "ResNet50": "resnet50",
}
KEYS = ["dataset", "source", "ipc", "recipe"]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's chromium, headless; the tests are skipped where there is none."""
    executable = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if executable is None:
        pytest.skip("no chromium: apt-get install chromium, or name one in CHROMIUM")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=executable, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """A page full of synthetic results, figures and a scorecard, and the runs that it shows."""
    configuration = configured(
        datasets=["cifar10", "cifar100"],
        tables=["table2", "table5"],
        figures=["figure1", "figure5", "headline"],
    )
    folder = tmp_path_factory.mktemp("page")
    runs = page_runs(configuration, folder / "runs", device=SYNTHETIC)
    files = render_scorecard(configuration, runs, folder)
    for name in configuration.selection.figures:
        files += render_figure(configuration, name, runs, folder)
    page = render_page(configuration, runs, folder / "index.html", files, folder / "runs")
    return page, runs


class Visit:
    """A page opened in the browser, and everything that went wrong or over the network."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.context = browser.new_context(**{"viewport": WIDE, **context})
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.address = path.as_uri()
        self.page.goto(self.address)

    def choose(self, kind: str, *values: str) -> None:
        """Check the boxes of a filter, as a keyboard would."""
        for value in values:
            box = self.page.locator(f'input[name="{kind}"][value="{value}"]')
            box.focus()
            self.page.keyboard.press("Space")

    def rows(self) -> list[dict[str, Any]]:
        """What the visible rows say, in their order."""
        script = """rows => rows.filter(row => row.checkVisibility()).map(row => ({
            ...row.dataset,
            cells: Object.fromEntries([...row.querySelectorAll('td[data-arch]')]
                .filter(cell => cell.checkVisibility())
                .map(cell => [cell.dataset.arch, cell.querySelector('.mean, .none').textContent])),
        }))"""
        rows: list[dict[str, Any]] = self.page.locator("#cells tbody tr").evaluate_all(script)
        return rows


@pytest.fixture
def visit(browser: Any, made: tuple[Path, pd.DataFrame]) -> Iterator[Visit]:
    """The page at 1280 pixels; afterwards nothing may have gone wrong."""
    opened = Visit(browser, made[0])
    yield opened
    assert opened.problems == []
    assert {url for url in opened.requests if not url.startswith("data:")} == {opened.address}
    opened.context.close()


def means(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean and deviation by row and network, worked out apart from the page."""
    cells = runs.groupby([*KEYS, "arch"])["accuracy_best"].agg(["mean", "std"])
    return cells.reset_index()


def printed(mean: float, std: float) -> str:
    """With one decimal, halves away from zero."""
    numbers = [Decimal(repr(round(one, 4))) for one in (mean, std) if not pd.isna(one)]
    return " ± ".join(str(one.quantize(Decimal("0.1"), ROUND_HALF_UP)) for one in numbers)


def test_every_number_is_shown(visit: Visit, made: tuple[Path, pd.DataFrame]) -> None:
    expected = {
        (*(str(row[key]) for key in KEYS), row["arch"]): printed(row["mean"], row["std"])
        for row in means(made[1]).to_dict("records")
    }
    shown = {
        (*(row[key] for key in KEYS), arch): text
        for row in visit.rows()
        for arch, text in row["cells"].items()
        if text not in ("—", "n/a")
    }
    assert shown == expected


def test_filters(visit: Visit, made: tuple[Path, pd.DataFrame]) -> None:
    everything = len(visit.rows())
    assert visit.page.locator("#count").text_content() == f"{everything} rows"
    visit.choose("dataset", "cifar100")
    visit.choose("source", "mtt")
    visit.choose("ipc", "1", "10")
    visit.choose("recipe", "baseline", "full")
    visit.choose("arch", "alexnet", "resnet50")
    rows = visit.rows()
    assert [tuple(row[key] for key in KEYS) for row in rows] == [
        ("cifar100", "mtt", ipc, recipe) for ipc in ("1", "10") for recipe in ("baseline", "full")
    ]
    assert all(set(row["cells"]) == {"alexnet", "resnet50"} for row in rows)
    assert visit.page.locator("#count").text_content() == f"4 of {everything} rows"
    visible = visit.page.locator("#cells thead th:visible").all_text_contents()
    assert visible == ["Data set", "Source", "IPC", "Recipe", "AlexNet", "ResNet50"]

    visit.page.locator("#measured-only").check(force=True)
    runs = made[1]
    chosen = runs[
        (runs["dataset"] == "cifar100")
        & (runs["source"] == "mtt")
        & runs["recipe"].isin(["baseline", "full"])
        & runs["arch"].isin(["alexnet", "resnet50"])
    ]
    assert len(visit.rows()) == len(chosen.drop_duplicates(KEYS))

    visit.page.get_by_role("button", name="Clear all").click()
    playwright.expect(visit.page.locator("#count")).to_have_text(f"{everything} rows")
    assert len(visit.rows()) == everything
    visit.choose("ipc", "50")
    visit.page.locator("#measured-only").check(force=True)
    assert visit.rows() == []
    assert visit.page.get_by_text("No row fits these filters.").is_visible()


@pytest.mark.parametrize("title", list(ARCHS))
def test_sorting_by_a_network(visit: Visit, made: tuple[Path, pd.DataFrame], title: str) -> None:
    arch = ARCHS[title]
    of_arch = means(made[1]).query("arch == @arch").sort_values("mean", kind="stable")
    rising = [tuple(map(str, row)) for row in of_arch[KEYS].itertuples(index=False, name=None)]
    header = visit.page.locator(f'th[data-sort="{arch}"]')
    for order, expected in (("descending", rising[::-1]), ("ascending", rising)):
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == order
        rows = [tuple(row[key] for key in KEYS) for row in visit.rows()]
        assert rows[: len(expected)] == expected  # and what was not run comes last
        assert not set(rows[len(expected) :]) & set(expected)
    assert visit.page.locator("th[aria-sort]").count() == 1


def test_sorting_by_ipc_is_by_number(visit: Visit) -> None:
    visit.page.get_by_role("columnheader", name="IPC").get_by_role("button").click()
    found = [int(row["ipc"]) for row in visit.rows()]
    assert found == sorted(found)
    visit.page.locator("#direction").click()
    assert [int(row["ipc"]) for row in visit.rows()] == sorted(found, reverse=True)


def test_a_cell_explains_itself_to_mouse_and_keyboard(
    visit: Visit, made: tuple[Path, pd.DataFrame]
) -> None:
    cell = visit.page.locator(
        'tr[data-dataset="cifar10"][data-source="frepo"][data-ipc="1"][data-recipe="baseline"] '
        'td[data-arch="vgg11"] button'
    )
    runs = made[1].query(
        "dataset == 'cifar10' and source == 'frepo' and ipc == 1 and recipe == 'baseline'"
        " and arch == 'vgg11'"
    )
    popover = visit.page.locator("#popover")
    cell.hover()
    text = popover.inner_text()
    assert "VGG11, Baseline" in text
    for run in runs.itertuples():
        assert f"Seed {run.seed}" in text
        assert f"{run.accuracy_best:.2f} in epoch 500 of 1000" in text
    difference = runs["accuracy_best"].mean() - 44.0  # Table 2 prints 44.0
    sign = "−" if difference < 0 else "+"
    assert f"{sign}{abs(difference):.2f} points" in text
    popover.hover()
    visit.page.wait_for_timeout(300)
    assert popover.is_visible()  # one can move on to the link
    visit.page.keyboard.press("Escape")
    popover.wait_for(state="hidden")

    visit.page.locator("#direction").focus()
    for _ in range(200):
        visit.page.keyboard.press("Tab")
        if cell.evaluate("one => one === document.activeElement"):
            break
    assert popover.is_visible()
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == "Learning curve"
    finding = popover.get_by_role("link", name="The best evaluation is selected on the test set")
    assert finding.get_attribute("href") == "#finding-selected-on-the-test-set"
    visit.page.keyboard.press("Enter")
    dialog = visit.page.get_by_role("dialog", name="VGG11, Baseline")
    assert dialog.is_visible()
    drawn = dialog.get_by_role("img", name="Test accuracy (%)").locator("polyline")
    assert drawn.count() == len(runs)
    assert len((drawn.first.get_attribute("points") or "").split()) == 3
    assert dialog.get_by_role("img", name="Training loss").locator("polyline").count() == len(runs)
    link = visit.page.url
    assert "#cell-" in link
    visit.page.keyboard.press("Escape")
    assert dialog.is_hidden()
    visit.page.goto("about:blank")
    visit.page.goto(link)  # a curve has an address
    assert visit.page.get_by_role("dialog", name="VGG11, Baseline").is_visible()
    visit.requests = [url for url in visit.requests if url not in ("about:blank", link)]


@pytest.mark.parametrize("pair", [("full", "baseline"), ("wo_dp_kd", "baseline"), ("full", "wo_dp")])
def test_two_recipes_are_compared_on_the_same_networks_and_sets(
    visit: Visit, made: tuple[Path, pd.DataFrame], pair: tuple[str, str]
) -> None:
    """Against a paired t test by SciPy."""
    for which, recipe in zip(("first", "second"), pair, strict=True):
        visit.page.locator(f"#{which}").select_option(recipe)
    columns = ["dataset", "source", "ipc", "arch"]
    both = means(made[1]).pivot(index=columns, columns="recipe", values="mean").reindex(columns=pair)
    both = both.dropna()
    text = visit.page.locator("#compared").text_content()
    if both.empty:
        assert text == "No network was measured with both on the same set."
        return
    first, second = (both[recipe].to_numpy() for recipe in pair)
    low, high = stats.ttest_rel(first, second).confidence_interval(0.95)
    gains = first - second
    numbers = [f"{value:+.2f}".replace("-", "−") for value in (gains.mean(), low, high)]
    assert text == (
        f"{numbers[0]} points on average over {len(both)} networks on sets, 95% interval {numbers[1]} "
        f"to {numbers[2]}; higher in {(gains > 0).sum()} of {len(both)}."
    )
    shown = visit.page.locator("#pairs tbody tr td:nth-child(5)").all_text_contents()
    told = [float(one.replace("−", "-")) for one in shown]
    assert sorted(told) == pytest.approx(sorted(gains), abs=0.006)


def test_every_recipe_can_be_chosen_at_1280_pixels(visit: Visit) -> None:
    fieldset = visit.page.locator('fieldset[data-filter="recipe"]')
    assert fieldset.evaluate("one => one.scrollHeight <= one.clientHeight")
    boxes = [chip.bounding_box() for chip in fieldset.locator("label").all()]
    around = fieldset.bounding_box()
    assert around is not None
    for box in boxes:
        assert box is not None
        assert box["y"] + box["height"] <= around["y"] + around["height"] + 1


@pytest.mark.parametrize(
    ("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["1280 light", "390 dark"]
)
def test_it_fits_and_is_accessible(
    browser: Any, made: tuple[Path, pd.DataFrame], size: dict[str, int], scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    opened = Visit(browser, made[0], viewport=size, color_scheme=scheme, bypass_csp=True)
    page = opened.page
    width = "[document.documentElement.scrollWidth, document.body.scrollWidth]"

    def check(what: str) -> None:
        assert max(page.evaluate(width)) <= size["width"], what
        result = Axe().run(page)
        grave = [
            (one["id"], one["nodes"][0]["html"])
            for one in result.response["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert grave == [], what

    check("as loaded")
    page.locator("button.value").first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert page.locator("#popover").is_visible()
    box = page.locator("#popover").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    check("with a pop-up")
    page.locator("button.value").first.click()
    assert page.locator("#curve").is_visible()
    check("with a learning curve")
    assert opened.problems == []
    opened.context.close()


def test_without_javascript_everything_is_there(browser: Any, made: tuple[Path, pd.DataFrame]) -> None:
    opened = Visit(browser, made[0], java_script_enabled=False)
    assert opened.page.locator("#cells tbody tr").count() == 60
    assert opened.page.get_by_text("SYNTHETIC: not measured").first.is_visible()
    opened.context.close()
