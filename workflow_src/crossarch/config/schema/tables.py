"""tables.yaml: the tables of the paper."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from crossarch.config.model import Model
from crossarch.config.schema.terms import Arch, Chosen, Distinct, Ipc, Name, RecipeName, Title, TitleKeys


class Table(Model):
    """One table of the paper: its cells, and the layout that it is printed in.

    `main` prints gaps to the baseline of the sources' own network, `spread` means and deviations alone;
    both have a row for each recipe and a column for each network. `factors` has a column for each factor
    that the recipes differ in and one for the accuracy; `settings` has the factors alone, and no runs.

    A factor is a title and the keys of a recipe that it is about: the first recipe of the table has no
    factor, another one those in whose keys it differs from the first.
    """

    title: Title
    caption: str
    layout: Literal["main", "spread", "factors", "settings"]
    dataset: Name | None = None
    sources: Distinct[Name] = ()
    ipc: Distinct[Ipc] = ()
    archs: Distinct[Arch] = ()
    recipes: Chosen[RecipeName]
    recipes_by_ipc: dict[Ipc, Chosen[RecipeName]] = Field(default={})
    factors: Annotated[dict[str, Chosen[str]], TitleKeys] = Field(default={})
    paper: str | None = None

    @model_validator(mode="after")
    def _what_the_layout_needs(self) -> "Table":
        cells = {"dataset", "sources", "ipc", "archs"}
        factors = {"factors"}
        needed = {"settings": factors, "factors": factors | cells}.get(self.layout, cells)
        for name in (*sorted(cells), *factors):
            given = bool(getattr(self, name))
            if given != (name in needed):
                found = "found nothing, but" if name in needed else "is not allowed where"
                verb = "needs it" if name in needed else "does not use it"
                raise ValueError(f"{name}: {found} the layout {self.layout!r} {verb}")
        if self.layout == "factors" and not len(self.sources) == len(self.ipc) == len(self.archs) == 1:
            raise ValueError("the layout 'factors' is for one source, one ipc and one network")
        return self
