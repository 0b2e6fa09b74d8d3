"""Where everything lies under `results/`: the one place that knows the paths of all stages."""

from dataclasses import dataclass, replace
from pathlib import Path

from crossarch.config import Configuration, RunId, SetId
from crossarch.errors import ConfigError


@dataclass(frozen=True)
class Layout:
    """Paths of files between stages; `{...}` in the rules are the same patterns."""

    results: Path = Path("results")
    rendered: Path | None = None
    """Where collected metrics, tables, figures and the report lie; default: in `results`."""

    @property
    def partial(self) -> "Layout":
        """The same results, for what is rendered of those runs that there are.

        It lies apart, since Snakemake would take it for what is rendered of all.
        """
        return replace(self, rendered=self.results / "partial")

    @property
    def _rendered(self) -> Path:
        return self.rendered or self.results

    @property
    def downloads(self) -> Path:
        """Verified bytes from upstream, as `<host>/<path>`."""
        return self.results / "downloads"

    def located(self, dataset: str) -> Path:
        """Where a real data set lies, in a data root or as an archive that was fetched, JSON."""
        return self.downloads / "real" / f"{dataset}.json"

    def images(self, dataset: str, split: str) -> Path:
        """Training or test images of a real data set, uint8."""
        return self.results / "data" / dataset / f"{split}.safetensors"

    def whitener(self, dataset: str, whitening: str) -> Path:
        """A whitening fitted on the training images of a data set."""
        return self.results / "data" / dataset / "whitening" / f"{whitening}.safetensors"

    def test_set(self, dataset: str, whitening: str) -> Path:
        """The test set of a data set in the space of a whitening, float32."""
        return self.results / "data" / dataset / "test" / f"{whitening}.safetensors"

    def distilled(self, source: str, dataset: str, ipc: int) -> Path:
        """A distilled set; `dataset` is the one that it was distilled from."""
        return self.results / "distilled" / source / dataset / f"ipc{ipc}.safetensors"

    def drawn(self, source: str, dataset: str, ipc: int, seed: int) -> Path:
        """A random subset of the real training images of `dataset`."""
        return self.results / "distilled" / source / dataset / f"ipc{ipc}" / f"seed{seed}.safetensors"

    def training_set(self, configuration: Configuration, target: SetId, seed: int) -> Path:
        """What runs of a seed are trained on: a distilled set, or the subset drawn with that seed."""
        if configuration.source(target.source).drawn:
            return self.drawn(target.source, target.dataset, target.ipc, seed)
        return self.distilled(target.source, target.dataset, target.ipc)

    def distillation(self, target: SetId) -> Path:
        """What a distillation by this pipeline did and measured, JSON."""
        return self.results / "distil" / target.path / "metrics.json"

    def distillation_curve(self, target: SetId) -> list[Path]:
        """The accuracies of a distillation against its steps: the CSV, and what is drawn from it."""
        folder = self.distillation(target).parent
        return [folder / f"curve.{kind}" for kind in ("csv", "pdf", "svg", "png")]

    @property
    def audits(self) -> Path:
        """What the audit found: audit.csv, audit.md and a folder for each source."""
        return self.results / "audit"

    @property
    def audit_table(self) -> Path:
        """The audits of several sets in one table."""
        return self.audits / "audit.csv"

    def audit(self, audited: SetId) -> Path:
        """The audit of one distilled set, JSON."""
        return self.audits / f"{audited.path}.json"

    def contact_sheet(self, audited: SetId) -> Path:
        """The images of one distilled set on one sheet, PNG."""
        return self.audits / f"{audited.path}.png"

    def run(self, run: RunId) -> Path:
        """The folder of a run: metrics.json, best.safetensors, last.safetensors."""
        return self.results / "runs" / run.path

    def run_metrics(self, run: RunId) -> Path:
        """What a run measured; it is written last, so that where it is, the run is whole."""
        return self.run(run) / "metrics.json"

    def train_log(self, run: RunId) -> Path:
        """What a training that Snakemake started says."""
        return self.results / "logs" / "train" / f"{run.path}.log"

    def finished_runs(self) -> list[Path]:
        """The metrics of every run that has ended, in order."""
        return sorted((self.results / "runs").glob("*/*/ipc*/*/*/seed*/metrics.json"))

    @property
    def analyses(self) -> Path:
        """What analyses found: a table and a figure of each, and a folder of records by run."""
        return self.results / "analysis"

    def analysis_record(self, analysis: str, run: RunId) -> Path:
        """What an analysis measured of one run, JSON."""
        return self.analyses / analysis / f"{run.path}.json"

    def analysis_records(self, analysis: str = "*", run: str = "*/*/ipc*/*/*/seed*") -> list[Path]:
        """The records of every run that an analysis, or any, has measured, in order."""
        return sorted(self.analyses.glob(f"{analysis}/{run}.json"))

    def analysis_files(self, analysis: str) -> list[Path]:
        """Every file of an analysis of several runs."""
        return [self.analyses / f"{analysis}.{kind}" for kind in ("csv", "md", "pdf", "svg", "png")]

    @property
    def states(self) -> Path:
        """States of unfinished work; not an output of any rule, so that no retry deletes them."""
        return self.results / "states"

    def metrics(self, collection: str) -> Path:
        """The tidy table of the runs of one table of the paper, or of all (`runs`)."""
        return self._rendered / "metrics" / f"{collection}.csv"

    @property
    def tables(self) -> Path:
        """Rendered tables."""
        return self._rendered / "tables"

    def table_files(self, name: str, layout: str) -> list[Path]:
        """Every file of a rendered table; one without runs (`settings`) has no comparison edition."""
        editions = ("",) if layout == "settings" else ("", "-comparison")
        kinds = (".csv", ".md", ".tex", "-standalone.tex")
        return [self.tables / f"{name}{edition}{kind}" for edition in editions for kind in kinds]

    @property
    def report(self) -> Path:
        """The scorecard and the HTML report."""
        return self._rendered / "report"

    def scorecard_files(self) -> tuple[Path, Path, Path]:
        """The scorecard: all cells of the paper, what they come to, the page."""
        return (
            self.report / "scorecard.csv",
            self.report / "scorecard-summary.csv",
            self.report / "scorecard.md",
        )

    @property
    def figures(self) -> Path:
        """Rendered figures."""
        return self._rendered / "figures"

    def figure_files(self, name: str) -> list[Path]:
        """Every file of a rendered figure."""
        return [self.figures / f"{name}{kind}" for kind in (".csv", ".md", ".pdf", ".svg", ".png")]

    @property
    def headline(self) -> Path:
        """The picture of the headline, without the ending of its files (`pdf`, `svg`, `png`)."""
        return self.figures / "headline"

    @property
    def page(self) -> Path:
        """The page to explore all results in."""
        return self.report / "index.html"


def layout_of(configuration: Configuration, results: Path | None = None) -> Layout:
    """Where everything lies below `results`, or below the folder that the configuration names.

    Raises ConfigError where that is a file.
    """
    folder = results or Path(configuration.selection.results)
    if folder.is_file():
        raise ConfigError(f"results: found {folder}, a file, allowed: a folder, or a name for one")
    return Layout(folder)
