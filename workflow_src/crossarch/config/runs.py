"""Which training is meant: the identity of a run, and the path that spells it."""

import re
from pathlib import PurePosixPath

from crossarch.config.complain import validated
from crossarch.config.model import Model
from crossarch.config.schema import Arch, Ipc, Name, Protocol, RecipeName, Seed
from crossarch.errors import ConfigError

RUN_PATTERN = "{dataset}/{source}/ipc{ipc}/{arch}/{recipe}/seed{seed}"  # also the rules' wildcard path
_RUN = re.compile(
    r"(?:.*/)?(?P<dataset>[^/]+)/(?P<source>[^/]+)/ipc(?P<ipc>\d+)/(?P<arch>[^/]+)"
    r"/(?P<recipe>[^/@]+)(?:@(?P<protocol>[^/]+))?/seed(?P<seed>\d+)(?:/(?:metrics\.json)?)?"
)


class RunId(Model):
    """One training: data set x source x IPC x architecture x recipe (of a protocol) x seed."""

    dataset: Name
    source: Name
    ipc: Ipc
    arch: Arch
    recipe: RecipeName
    seed: Seed
    protocol: Protocol = "paper"

    @property
    def qualified_recipe(self) -> str:
        """`full`, or `full@released` under another protocol than `paper`."""
        return self.recipe if self.protocol == "paper" else f"{self.recipe}@{self.protocol}"

    @property
    def path(self) -> str:
        """`cifar10/frepo/ipc1/alexnet/full/seed0`: the folder of the run under `results/runs/`."""
        return RUN_PATTERN.format(
            dataset=self.dataset,
            source=self.source,
            ipc=self.ipc,
            arch=self.arch,
            recipe=self.qualified_recipe,
            seed=self.seed,
        )

    @property
    def training_set(self) -> tuple[str, str, int]:
        """Source, data set and IPC: what a teacher and its students have in common."""
        return self.source, self.dataset, self.ipc


def split_recipe(qualified: str) -> tuple[str, str]:
    """`full@released` -> (`full`, `released`); without `@` the protocol is `paper`."""
    recipe, at, protocol = qualified.partition("@")
    return recipe, protocol if at else "paper"


def parse_run(path: str | PurePosixPath) -> RunId:
    """Read a run's identity from its path (also with a folder before it or `metrics.json` behind).

    Raises ConfigError when the path does not have the form of a run.
    """
    match = _RUN.fullmatch(str(path))
    if not match:
        raise ConfigError(f"{path}: is not a run, allowed: {RUN_PATTERN} (recipe or recipe@protocol)")
    parts = {key: value for key, value in match.groupdict().items() if value is not None}
    return validated(RunId, parts, str(path))
