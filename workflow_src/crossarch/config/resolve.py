"""From a run's identity to everything that its training needs, with nothing left to look up."""

from crossarch.config.configuration import Configuration
from crossarch.config.custom import NoDropPath, may_have_droppath
from crossarch.config.files import File, LocalFile, UpstreamFile
from crossarch.config.runs import RunId
from crossarch.config.schema import (
    Arch,
    Dataset,
    DistilledSet,
    Frepo,
    Origin,
    Recipe,
    TeacherFile,
    Whitening,
)
from crossarch.config.settings import LabelSettings, NetworkSettings, RunSettings, TeacherWeights
from crossarch.config.validation import unknown
from crossarch.errors import ConfigError
from crossarch.files import sha256_of

SMALLEST_WITH_INSTANCE_NORM: dict[Arch, int] = {"vgg11": 32, "resnet18": 16, "resnet50": 16}
"""The sides of images, in pixels, that leave 2 x 2 of them to the last norms behind 4 and 3 halvings."""


def network_widths(configuration: Configuration, source: str, dataset: str) -> tuple[int, ...]:
    """The channels of each layer of the CNN that a source's sets for `dataset` were distilled with."""
    of_source = configuration.source(source)
    return of_source.widths_by_dataset.get(dataset, of_source.widths)


def network_settings(
    configuration: Configuration, arch: Arch, source: str, dataset: str, recipe: Recipe
) -> NetworkSettings:
    """The network that `recipe` builds; the source's own network never gets DropPath.

    Raises ConfigError as `plain_network`.
    """
    plain = plain_network(configuration, arch, source, dataset)
    changes = {
        "first_norm": recipe.network.first_norm or plain.norm,
        "shortcut": recipe.network.shortcut,
        "droppath": recipe.keep_rate is not None and arch != configuration.source_network(source),
    }
    return plain.model_copy(update=changes)


def plain_network(
    configuration: Configuration, arch: Arch, source: str, dataset: str
) -> NetworkSettings:
    """A network as it is without a recipe: without DropPath, its norm that of the source's sets.

    Raises ConfigError for a network that is neither ours nor the user's own, and for images that are too
    small for the network with instance norm.
    """
    of_source = configuration.source(source)
    of_dataset = configuration.dataset(dataset)
    least = SMALLEST_WITH_INSTANCE_NORM.get(arch, 1)
    if of_source.norm == "instance" and of_dataset.image_size < least:
        raise ConfigError(
            f"{configuration.directory}/datasets.yaml: {dataset}.image_size: found "
            f"{of_dataset.image_size}, allowed for {arch} with the instance norm of {source}: at least "
            f"{least}: below, its last layers see one pixel, of which that norm leaves nothing"
        )
    return NetworkSettings(
        arch=arch,
        classes=of_dataset.classes,
        channels=of_dataset.channels,
        image_size=of_dataset.image_size,
        norm=of_source.norm,
        first_norm=of_source.norm,
        widths=network_widths(configuration, source, dataset),
        shortcut="improved",
        droppath=False,
        own=configuration.network_file(arch),
    )


def check_training_set(configuration: Configuration, source: str, dataset: str, ipc: int) -> None:
    """Raise ConfigError, saying which ones exist, if a source has no set of that IPC for a data set."""
    file = f"{configuration.directory}/sources.yaml"
    settings = configuration.source(source)
    key, known = settings.kind, settings.by_dataset
    if dataset not in known:
        raise ConfigError(unknown(file, f"{source}.{key}", dataset, known, what="dataset"))
    if ipc not in settings.ipcs(dataset):
        allowed = ", ".join(map(str, settings.ipcs(dataset)))
        raise ConfigError(
            f"{file}: {source}.{key}.{dataset}: found no set with ipc {ipc}, allowed: {allowed}"
        )


def distilled_set(configuration: Configuration, source: str, dataset: str, ipc: int) -> DistilledSet:
    """The entry of sources.yaml for a distilled set; ConfigError says which ones exist."""
    check_training_set(configuration, source, dataset, ipc)
    sets = configuration.source(source).sets
    if not sets:
        found = {
            "drawn": "subsets drawn from real images",
            "distilled": "sets that are distilled here",
        }[configuration.source(source).kind]
        raise ConfigError(
            f"{configuration.directory}/sources.yaml: {source}: found {found}, "
            "needed: a source of published sets, or of your own"
        )
    return sets[dataset][ipc]


def published_teacher(configuration: Configuration, run: RunId) -> UpstreamFile | None:
    """The weights that the authors trained on the set of `run` with the source's own network.

    None for a run of another network, and for a set without published weights.
    """
    if run.arch != configuration.source_network(run.source):
        return None
    return _published_weights(configuration, run)


def _published_weights(configuration: Configuration, run: RunId) -> UpstreamFile | None:
    """The published weights of the source's own network on the set of `run`, if there are some."""
    if configuration.source(run.source).kind != "sets":
        return None
    return distilled_set(configuration, run.source, run.dataset, run.ipc).teacher


def teacher_file(configuration: Configuration, run: RunId) -> File | None:
    """The file of the teacher of `run` where this pipeline does not train it; None where it does.

    Raises ConfigError where a recipe requires published weights of a set that has none.
    """
    distillation = run_recipe(configuration, run).distillation
    if distillation is None or distillation.teacher == "trained":
        return None
    if isinstance(distillation.teacher, TeacherFile):
        return distillation.teacher.file
    published = _published_weights(configuration, run)
    if published is None and distillation.teacher == "published":
        raise ConfigError(
            f"{configuration.directory}/sources.yaml: {run.training_set.path}: found no `teacher`, "
            f"which the recipe {run.recipe!r} requires (`teacher: published`)"
        )
    return published


def set_whitening(configuration: Configuration, source: str, dataset: str, ipc: int) -> Whitening:
    """The space that a training set lives in."""
    of_source = configuration.source(source)
    if of_source.drawn:
        return of_source.whitening
    entry: DistilledSet | Frepo
    if of_source.distilled:
        check_training_set(configuration, source, dataset, ipc)
        entry = of_source.distilled[dataset]
    else:
        entry = distilled_set(configuration, source, dataset, ipc)
    return entry.whitening or of_source.whitening


def set_reading(configuration: Configuration, source: str, dataset: str, ipc: int) -> str:
    """How the files of a distilled set are understood: order of the classes, pixels, choices in it."""
    entry = distilled_set(configuration, source, dataset, ipc)
    return f"{entry.reading}, {configuration.source(source).pixels}"


def label_settings(configuration: Configuration, source: str, dataset: str, ipc: int) -> LabelSettings:
    """Kind and temperature of a training set's labels. The temperature of hard ones has no effect."""
    of_source, temperature = (
        configuration.source(source),
        configuration.dataset(dataset).label_temperature,
    )
    if of_source.labels == "soft":
        sets = of_source.sets.get(dataset, {})
        chosen = (sets[ipc].label_temperature if ipc in sets else None) or of_source.label_temperature
        temperature = temperature if chosen == "paper" else chosen
    return LabelSettings(kind=of_source.labels, temperature=temperature)


def images_reading(dataset: Dataset, origin: Origin) -> str:
    """How the images of a real data set are read: in which layout, of what shape, how many classes."""
    shape = f"{dataset.channels} x {dataset.image_size} x {dataset.image_size}"
    padded = ", padded" if origin.pad else ""
    return f"{origin.layout}, {shape}, {dataset.classes} classes{padded}"


def test_whitening(configuration: Configuration, run: RunId) -> Whitening:
    """The space that `run` is tested in: that of its training set, unless the protocol has another.

    The protocol's is for published sets. What is whitened here is tested in the very space.
    """
    own = set_whitening(configuration, run.source, run.dataset, run.ipc)
    source = configuration.source(run.source)
    if source.kind != "sets" or source.pixels == "raw":
        return own
    return configuration.recipe_book.test_whitening(run.protocol, run.dataset) or own


def batch_size_of(configuration: Configuration, dataset: str, ipc: int) -> int:
    """The batch size of the largest IPC of datasets.yaml that does not exceed `ipc`."""
    sizes = configuration.dataset(dataset).batch_size
    reached = [each for each in sizes if each <= ipc]
    if not reached:
        raise ConfigError(
            f"{configuration.directory}/datasets.yaml: {dataset}.batch_size: found no entry for "
            f"ipc {ipc} or less, but from {min(sizes)} on"
        )
    return sizes[max(reached)]


def run_recipe(configuration: Configuration, run: RunId) -> Recipe:
    """The complete recipe of `run`, for its protocol, IPC, network and source."""
    return configuration.recipe_book.recipe(
        run.recipe, run.protocol, ipc=run.ipc, arch=run.arch, source=run.source
    )


def applies(configuration: Configuration, run: RunId) -> bool:
    """Whether a recipe makes sense for a network.

    The source's own network takes neither DropPath nor distillation, none is its own teacher, a
    published teacher has to be published, and a custom network has to have the recipe's DropPath.
    """
    recipe = run_recipe(configuration, run)
    if run.arch == configuration.source_network(run.source):
        return not (recipe.keep_rate or recipe.distillation)
    if recipe.keep_rate and _lacks_droppath(configuration, run.arch):
        return False
    if recipe.distillation is None:
        return True
    if recipe.distillation.teacher == "published" and not _published_weights(configuration, run):
        return False
    return recipe.distillation.arch != run.arch


def _lacks_droppath(configuration: Configuration, arch: Arch) -> bool:
    """Whether a network is a custom one that has no DropPath."""
    own = configuration.network_files.get(arch)
    return own is not None and not may_have_droppath(own, arch)


def trained_as(configuration: Configuration, run: RunId) -> RunId:
    """The run that serves for `run`: under the recipe's furthest base that trains its network alike.

    Itself where the recipe does not apply to the network.
    """
    if not applies(configuration, run):
        return run
    recipe = configuration.recipe_book.trained_as(
        run.recipe, run.protocol, ipc=run.ipc, arch=run.arch, source=run.source
    )
    return run.model_copy(update={"recipe": recipe})


def resolve(configuration: Configuration, run: RunId) -> RunSettings:
    """Everything that the training of `run` needs. Raises ConfigError if the run is impossible."""
    configuration.network_file(run.arch)
    recipe = run_recipe(configuration, run)
    own_network = configuration.source_network(run.source)
    configuration.dataset(run.dataset)
    check_training_set(configuration, run.source, run.dataset, run.ipc)
    whitening = test_whitening(configuration, run)
    if not applies(configuration, run):
        if run.arch != own_network and recipe.keep_rate and _lacks_droppath(configuration, run.arch):
            raise NoDropPath(configuration.network_files[run.arch], run.arch)
        role, without = (
            (f"the network that {run.source!r} was distilled with", "DropPath and distillation")
            if run.arch == own_network
            else ("the recipe's own teacher", "distillation from that network")
        )
        raise ConfigError(
            f"{run.path}: recipe: found {run.recipe!r} for {run.arch!r}, {role}, allowed there: "
            f"recipes without {without}"
        )
    teacher = teacher_network = None
    if recipe.distillation:
        arch = recipe.distillation.arch or own_network
        teacher = trained_as(
            configuration,
            run.model_copy(update={"arch": arch, "recipe": recipe.distillation.recipe}),
        )
        of_teacher = run_recipe(configuration, teacher)
        if of_teacher.keep_rate or of_teacher.distillation:
            file, where = configuration.recipe_book.place(run.recipe)
            raise ConfigError(
                f"{file}: {where}.distillation.recipe: "
                f"found {teacher.recipe!r}, allowed: a recipe without DropPath and distillation"
            )
        teacher_network = network_settings(configuration, arch, run.source, run.dataset, of_teacher)
    weights = teacher_file(configuration, run)
    return RunSettings(
        run=run,
        network=network_settings(configuration, run.arch, run.source, run.dataset, recipe),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size or batch_size_of(configuration, run.dataset, run.ipc),
        label_smoothing=recipe.label_smoothing,
        ema=recipe.ema,
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        keep_rate=recipe.keep_rate,
        distillation=recipe.distillation,
        teacher=None if weights else teacher,
        teacher_network=teacher_network,
        teacher_weights=_identified(configuration, run, weights) if weights else None,
        augmentation=recipe.augmentation,
        labels=label_settings(configuration, run.source, run.dataset, run.ipc),
        whitening=whitening,
        evaluate_every=configuration.selection.evaluation.every or recipe.evaluate_every,
        evaluation_precision=configuration.selection.evaluation.precision,
        arithmetic=configuration.selection.arithmetic,
    )


def _identified(
    configuration: Configuration, run: RunId, file: UpstreamFile | LocalFile
) -> TeacherWeights:
    """What a file of weights is known by. Raises ConfigError where a custom teacher's is missing."""
    if isinstance(file, UpstreamFile):
        return TeacherWeights(name=file.url)
    if not file.location.is_file():
        book_file, where = configuration.recipe_book.place(run.recipe)
        raise ConfigError(f"{book_file}: {where}.distillation.teacher.file: {file.path}: no such file")
    return TeacherWeights(name=file.location.name, sha256=sha256_of(file.location))
