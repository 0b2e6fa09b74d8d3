"""findings.yaml: what was found behind accuracies, said beside each cell that it is about."""

from pydantic import Field

from crossarch.config.model import Model
from crossarch.config.schema.terms import Arch, Distinct, Ipc, Name, RecipeName, Title


class Finding(Model):
    """A title, a plain text, and the runs that both are about: of all of these, null for any."""

    title: Title
    text: str = Field(min_length=1)
    datasets: Distinct[Name] | None = None
    sources: Distinct[Name] | None = None
    ipc: Distinct[Ipc] | None = None
    archs: Distinct[Arch] | None = None
    recipes: Distinct[RecipeName] | None = None

    def is_about(self, *, dataset: str, source: str, ipc: int, arch: str, recipe: str) -> bool:
        """Whether a run is of this data set, source, IPC, network and recipe."""
        pairs = (
            (dataset, self.datasets),
            (source, self.sources),
            (ipc, self.ipc),
            (arch, self.archs),
            (recipe, self.recipes),
        )
        return all(names is None or value in names for value, names in pairs)
