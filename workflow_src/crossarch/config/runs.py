"""Which set or training is meant: the identities of both, and the paths that spell them."""

import re
from pathlib import PurePosixPath

from crossarch.config.model import Model
from crossarch.config.schema import Arch, Ipc, Name, Protocol, RecipeName, Seed
from crossarch.config.validation import validated
from crossarch.errors import ConfigError

RUN_PATTERN = "{dataset}/{source}/ipc{ipc}/{arch}/{recipe}/seed{seed}"  # also the rules' wildcard path
_RUN = re.compile(
    r"(?:.*/)?(?P<dataset>[^/]+)/(?P<source>[^/]+)/ipc(?P<ipc>\d+)/(?P<arch>[^/]+)"
    r"/(?P<recipe>[^/@]+)(?:@(?P<protocol>[^/]+))?/seed(?P<seed>\d+)(?:/(?:metrics\.json)?)?"
)


class SetId(Model):
    """One distilled set, used with one real data set: source x data set x IPC."""

    source: Name
    dataset: Name
    ipc: Ipc

    @property
    def path(self) -> str:
        """`frepo/cifar10/ipc1`: where the set stands under the folder of a stage."""
        return f"{self.source}/{self.dataset}/ipc{self.ipc}"


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
    def training_set(self) -> SetId:
        """What a teacher and its students have in common; a set that is drawn has the seed, too."""
        return SetId(source=self.source, dataset=self.dataset, ipc=self.ipc)


def parse_set(path: str) -> SetId | None:
    """The set that a path such as `own-frepo/digits/ipc1` spells; None if it does not have that form."""
    match = re.fullmatch(r"([^/]+)/([^/]+)/ipc([0-9]+)", path)
    if match is None:
        return None
    return validated(SetId, dict(zip(SetId.model_fields, match.groups(), strict=True)), path)


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
