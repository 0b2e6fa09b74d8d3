"""Where everything lies under `results/`: the one place that knows the paths of all stages."""

from dataclasses import dataclass
from pathlib import Path

from crossarch.config import RunId


@dataclass(frozen=True)
class Layout:
    """Paths of files between stages; `{...}` in the rules are the same patterns."""

    results: Path = Path("results")

    @property
    def downloads(self) -> Path:
        """Verified bytes from upstream, as `<host>/<path>`."""
        return self.results / "downloads"

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

    def run(self, run: RunId) -> Path:
        """The folder of a run: metrics.json, best.safetensors, last.safetensors."""
        return self.results / "runs" / run.path

    def finished_runs(self) -> list[Path]:
        """The metrics of every run that has ended, in order."""
        return sorted((self.results / "runs").glob("*/*/ipc*/*/*/seed*/metrics.json"))

    @property
    def states(self) -> Path:
        """States of unfinished trainings; not an output of any rule, so that no retry deletes them."""
        return self.results / "states"

    def metrics(self, collection: str) -> Path:
        """The tidy table of the runs of one table of the paper, or of all (`runs`)."""
        return self.results / "metrics" / f"{collection}.csv"

    @property
    def tables(self) -> Path:
        """Rendered tables."""
        return self.results / "tables"

    @property
    def figures(self) -> Path:
        """Rendered figures."""
        return self.results / "figures"

    @property
    def page(self) -> Path:
        """The page to explore all results in."""
        return self.results / "report" / "index.html"

    @property
    def scorecard(self) -> Path:
        """Every cell of the paper beside ours, as a tidy table."""
        return self.results / "report" / "scorecard.csv"
