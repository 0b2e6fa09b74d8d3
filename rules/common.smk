# Configuration, checked before anything else, and what the rules ask of it.

import functools
import json
import os
import shlex
import re
import sys
import time
from functools import cache
from itertools import pairwise
from pathlib import Path

from snakemake.exceptions import WorkflowError

CODE = Path(workflow.basedir) / "workflow_src"
try:
    import crossarch
except ModuleNotFoundError:
    raise WorkflowError(
        f"crossarch is not installed in {sys.executable}: `make setup`, then `. .venv/bin/activate`"
    ) from None
imported = Path(crossarch.__file__).parents[1]
if imported.resolve() != CODE.resolve() and imported.name != "site-packages":
    raise WorkflowError(
        f"found the crossarch of another checkout, {imported}: `make setup`, then `. .venv/bin/activate`"
    )

from crossarch.config import (
    RUN_PATTERN,
    SetId,
    chosen_distillations,
    chosen_sets,
    distilled_set,
    figure_runs,
    images_reading,
    load_configuration,
    needs_runs,
    parse_run,
    parse_set,
    published_teacher,
    read_overrides,
    renderable_figures,
    renderable_tables,
    resolve,
    resolve_distil,
    schedule_recipe,
    selected_titles,
    set_reading,
    set_whitening,
    shows_curvature,
    table_words,
    teacher_file,
)
from crossarch.config.analyses import (
    analysis_runs,
    analysis_settings,
    applicable_runs,
    chosen_analyses,
    runs_to_collect,
)
from crossarch.digests import stage_digest
from crossarch.errors import CrossarchError
from crossarch.config.files import LocalFile
from crossarch.config.schema import CUSTOM_WHITENING, WHITENINGS
from crossarch.config.sets import AUDITED, check_own_files
from crossarch.fetch.roots import data_roots
from crossarch.files import files_of, sha256_of
from crossarch.layout import Layout, layout_of
from crossarch.logs import warnings_since
from crossarch.running.finished import prune_finished
from crossarch.running.trainings_left import tell_trainings_left


def one_line(function):
    """A user's mistake ends the workflow with its one line, not with a traceback."""

    @functools.wraps(function)
    def guarded(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except CrossarchError as error:
            raise WorkflowError(str(error)) from None

    return guarded


# The folder of the YAML files: where the workflow is started, or beside the Snakefile.
CONFIG = Path("config") if Path("config").is_dir() else Path(workflow.basedir).absolute() / "config"
PRESETS = [Path(os.path.relpath(path)) for path in workflow.config_settings.configfiles]
# What is said on the command line, where `null` is a word to Snakemake.
VALUES = {
    key: None if value == "null" else value
    for key, value in (workflow.config_settings.config or {}).items()
}
# The same for jobs that read config/ themselves: what of it matters to them triggers them as a param.
CONFIG_OPTION = f"--config-dir {shlex.quote(str(CONFIG))}" if CONFIG.is_absolute() else ""
CHOSEN = " ".join(
    [
        CONFIG_OPTION,
        *(f"--preset {shlex.quote(str(preset))}" for preset in PRESETS),
        *([f"--selection {shlex.quote(json.dumps(VALUES))}"] if VALUES else []),
    ]
)


@one_line
def read_configuration():
    """config/ with the presets of --configfile and the values of --config laid over it."""
    overrides = [*read_overrides(PRESETS), ("--config", VALUES)]
    chosen = load_configuration(CONFIG, overrides=overrides)
    check_own_files(chosen)
    data_roots(chosen)
    return chosen


configuration = read_configuration()
selection = configuration.selection
layout = one_line(layout_of)(configuration)


@one_line
def check_targets(targets):
    """A path that names what the configuration does not have is one line, before any rule is tried.

    Snakemake would print a traceback of the input function that finds it out.
    """
    for before, target in pairwise(targets):
        if not target.startswith(f"{layout.results}/") or before in ("--report", "--cleanup-metadata"):
            continue
        match target.removeprefix(f"{layout.results}/").split("/"):
            case ["runs", *_]:
                resolve(configuration, parse_run(target.rpartition("/")[0]))
            case ["distil", source, dataset, str(ipc), _]:
                resolve_distil(configuration, parse_set(f"{source}/{dataset}/{ipc}"))
            case ["distilled", source, dataset, str(ipc), *_]:
                chosen = parse_set(f"{source}/{dataset}/{ipc.removesuffix('.safetensors')}")
                set_whitening(configuration, chosen.source, chosen.dataset, chosen.ipc)
            case ["data", dataset, *_]:
                configuration.dataset(dataset)


check_targets(sys.argv)  # Snakemake gives its targets to no Snakefile
START = time.time()
tell_trainings_left()

# Jobs run `python -m crossarch`: this Python, or that of a conda environment or a container, in which
# crossarch is not installed.
if workflow.deployment_settings.deployment_method:
    os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(CODE), os.getenv("PYTHONPATH")])))
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")]),
)
CONTAINER = os.getenv("CROSSARCH_CONTAINER")  # an image made from Dockerfile or apptainer.def
TRAINING_ENVIRONMENT = f"../envs/{'train-cuda' if selection.device == 'cuda' else 'train'}.yaml"
# What decides the contents of tables, as one value that a change of triggers their jobs.
NOT_IN_TABLES = {"device", "threads", "slots_per_gpu", "results", "curvature", "data_roots"}
SELECTION = selection.model_dump_json(exclude=NOT_IN_TABLES)
# Where networks of the user's own lie, which triggers no job: their code does.
OWN_NETWORKS = json.dumps({file.code: file.file for file in configuration.network_files.values()})
# What data sets and sources are called, which figures and analyses print.
TITLES = selected_titles(configuration)
FINDINGS = json.dumps({name: each.model_dump() for name, each in configuration.findings.items()})
REPRODUCTION = Layout(Path("results/reproduction"))
SETTINGS_TABLES = [name for name, table in configuration.tables.items() if table.layout == "settings"]
MEASURED = [name for name, analysis in configuration.analyses.items() if analysis.inputs]
SUMMARISED = [name for name, analysis in configuration.analyses.items() if analysis.summary]
MEASURED_TABLES = [name for name in configuration.tables if name not in SETTINGS_TABLES]

MEASURED_FIGURES = [name for name, figure in configuration.figures.items() if needs_runs(figure)]
DISTILLED_HERE = [name for name, source in configuration.sources.items() if source.distilled]
# The editions of a rendered table, as Snakemake's report calls them.
EDITION_TITLES = {"": "the paper's shape", "-comparison": "beside the paper's numbers"}


def tell_warnings():
    """What this workflow's jobs warned of in their logs, where nobody looks after a success."""
    warnings = warnings_since(layout.results / "logs", START)
    if warnings:
        print("Jobs warned in their logs:", *warnings, sep="\n", file=sys.stderr)


def any_of(names):
    """The regular expression of one of these names, perhaps of none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def upstream_path(file):
    """Where an upstream file lies after the fetch stage."""
    return str(layout.downloads / file.relative_path)


UPSTREAM = {upstream_path(file): file for file in configuration.upstream().values()}


def pinned_file(wildcards):
    """An upstream file and what its bytes must be, by the lock, too, as one value that triggers its job.

    Not by the job's output: Snakemake keeps no track of a param that is made from that.
    """
    file = UPSTREAM[str(layout.downloads / wildcards.upstream)]
    return configuration.pinned(file).model_dump_json(exclude_none=True)


def pinned_archives(wildcards):
    """What the bytes of a real data set's archives must be, as `pinned_file`; of known content, any."""
    dataset = wildcards.dataset
    if configuration.dataset(dataset).content:
        return ""
    archives = map(configuration.pinned, configuration.origin(dataset).archives)
    return " ".join(file.model_dump_json(exclude_none=True) for file in archives)


def settings_of(wildcards):
    """The resolved settings of the run that the wildcards spell."""
    return settings_of_path(RUN_PATTERN.format(**wildcards))


@cache
@one_line
def settings_of_path(path):
    """As `settings_of`: Snakemake asks several times for each job."""
    return resolve(configuration, parse_run(path))


@one_line
def runs_of(collection):
    """The metrics of a table's, a figure's or an analysis' runs, or of all chosen ones for `runs`."""
    return [str(layout.run_metrics(run)) for run in runs_to_collect(configuration, collection)]


@one_line
def chosen_tables():
    """The chosen tables that there is anything to render of."""
    return renderable_tables(configuration)


@one_line
def chosen_figures():
    """The chosen figures that there is anything to draw of."""
    return renderable_figures(configuration)


def table_files(table, layout_name="main"):
    """What is rendered of a table; without runs, `settings`, it is not compared with the paper."""
    return [str(path) for path in layout.table_files(table, layout_name)]


def figure_files(figure):
    """What is rendered of a figure."""
    return [str(path) for path in layout.figure_files(figure)]


def scorecard_files(of_layout):
    """What is rendered of the scorecard."""
    return [str(path) for path in of_layout.scorecard_files()]


def chosen_scorecard():
    """The scorecard, where a chosen table has runs."""
    return scorecard_files(layout) if set(chosen_tables()) & set(MEASURED_TABLES) else []


def chosen_page():
    """The page, where a chosen table or figure has runs."""
    chosen = {*chosen_tables(), *chosen_figures()}
    return [str(layout.page)] if chosen & {*MEASURED_TABLES, *MEASURED_FIGURES} else []


def whitening_memory(wildcards, attempt):
    """MiB for the decomposition of a whitening: eight matrices in float64, a row and a column a pixel."""
    pixels = configuration.dataset(wildcards.dataset).pixels
    return attempt * (4_000 + 8 * 8 * pixels**2 // 2**20)


def paper_file(table):
    """The CSV of the paper's numbers for a table, if it has one."""
    file = configuration.paper_file(configuration.tables[table])
    return [str(file)] if file else []


PAPER_FILES = sorted({file for name in MEASURED_TABLES for file in paper_file(name)})


def options_of_commands(wildcards, output):
    """What comes before the verb of a command.

    It triggers no job: Snakemake keeps no track of a param that is made from the job's output.
    """
    return CHOSEN


def options_of_reproduction(wildcards, output):
    """As `options_of_commands`, for the published runs."""
    return f"{CONFIG_OPTION} --preset {shlex.quote(str(CONFIG / 'presets/reproduction.yaml'))}"


def options_of_work(wildcards, output):
    """Where long work keeps its states; it triggers no job either."""
    return f"--states {layout.states}"


def options_of_training(wildcards, output):
    """As `options_of_work`, and where networks of the user's own lie: their code is in the settings."""
    return f"--states {layout.states} --own-networks {shlex.quote(OWN_NETWORKS)}"


def words_of(table):
    """What a table says besides its numbers, as one value that a change of triggers its job."""
    return table_words(configuration, configuration.tables[table])


def located_images(wildcards):
    """What tells where a real data set lies; nothing where a package has its images."""
    embedded = one_line(configuration.origin)(wildcards.dataset).embedded
    return [] if embedded else str(layout.located(wildcards.dataset))


@one_line
def distilled_inputs(wildcards):
    """What a distilled set is read from: its files and, where they need it, the real set's."""
    source, dataset = wildcards.source, wildcards.dataset
    entry = distilled_set(configuration, source, dataset, int(wildcards.ipc))
    inputs = {"files": [path for file in entry.files for path in local_paths(file)]}
    if configuration.source(source).pixels == "raw":
        whitening = set_whitening(configuration, source, dataset, int(wildcards.ipc))
        inputs["whitener"] = str(layout.whitener(dataset, whitening))
    if entry.needs_real_classes:
        inputs["real"] = str(layout.images(dataset, "train"))
    return inputs


@one_line
def drawn_inputs(wildcards):
    """The real training images that a subset is drawn from, and the whitening of its source."""
    source, dataset = wildcards.source, wildcards.dataset
    whitening = set_whitening(configuration, source, dataset, int(wildcards.ipc))
    return {
        "images": str(layout.images(dataset, "train")),
        "whitener": str(layout.whitener(dataset, whitening)),
    }


@one_line
def distillation_of(wildcards):
    """The resolved settings of the distillation that the wildcards spell."""
    target = SetId(source=wildcards.source, dataset=wildcards.dataset, ipc=wildcards.ipc)
    return resolve_distil(configuration, target)


def distillation_inputs(wildcards):
    """The real training images, and test set and whitening of the space that they are distilled in."""
    settings = distillation_of(wildcards)
    dataset, whitening = wildcards.dataset, settings.whitening
    inputs = {
        "real": layout.images(dataset, "train"),
        "test": layout.test_set(dataset, whitening),
        "whitener": layout.whitener(dataset, whitening),
    }
    return {name: str(path) for name, path in inputs.items()}


@one_line
def chosen_curves():
    """The curves of every chosen set that is distilled here."""
    chosen = chosen_distillations(configuration)
    return [str(path) for one in chosen for path in layout.distillation_curve(one)]


@one_line
def constants_of(wildcards):
    """What a whitening scales pixels by, as one value that triggers its job."""
    return str(configuration.dataset(wildcards.dataset).standardisation(wildcards.whitening))


@one_line
def files_of_set(wildcards, output):
    """The files of a distilled set, a folder as one: where they lie triggers no job."""
    source, dataset, ipc = wildcards.source, wildcards.dataset, int(wildcards.ipc)
    files = distilled_set(configuration, source, dataset, ipc).files
    return [str(file.location) if isinstance(file, LocalFile) else upstream_path(file) for file in files]


@one_line
def reading_of(wildcards):
    """How the files of a distilled set are understood, and the bytes of one's own, as one value."""
    source, dataset = wildcards.source, wildcards.dataset
    reading = set_reading(configuration, source, dataset, int(wildcards.ipc))
    own = {
        file.path: sha256_of(file.location)
        for file in distilled_set(configuration, source, dataset, int(wildcards.ipc)).files
        if isinstance(file, LocalFile) and file.location.exists()
    }
    return f"{reading}, {configuration.source(source).labels} labels, {own}"


@one_line
def reading_of_images(wildcards):
    """How the images of a real data set are read, and what they have to be, as one value."""
    settings, origin = configuration.dataset(wildcards.dataset), configuration.origin(wildcards.dataset)
    reading = images_reading(settings, origin)
    own = Path(origin.path) if origin.path else None
    there = [(path, path.stat()) for path in files_of(own)] if own and own.exists() else []
    files = [(str(path), found.st_size, found.st_mtime_ns) for path, found in there]
    return f"{reading}, {settings.content or pinned_archives(wildcards)}" + (f", {files}" if own else "")


def local_paths(file):
    """A download, the user's own file, or every file of the user's own folder."""
    if not isinstance(file, LocalFile):
        return [upstream_path(file)]
    if not file.location.exists():
        raise CrossarchError(f"{file.path}: no such file or folder, which a source names")
    return [str(path) for path in files_of(file.location)]


def audit_inputs(wildcards):
    """A distilled set, its real test set in every space, and the whitening it is configured with."""
    source, dataset, ipc = wildcards.source, wildcards.dataset, int(wildcards.ipc)
    configured = one_line(set_whitening)(configuration, source, dataset, ipc)
    return {
        "distilled": str(layout.distilled(source, dataset, ipc)),
        "tests": [str(layout.test_set(dataset, space)) for space in AUDITED],
        "whitener": str(layout.whitener(dataset, configured)),
    }


@one_line
def published_runs():
    """The metrics of every run that is kept in git."""
    runs = REPRODUCTION.finished_runs()
    if not runs:
        raise CrossarchError(
            f"{REPRODUCTION.results}: found no finished run, needed: at least one; `crossarch publish` keeps it"
        )
    return [str(path) for path in runs]


def published_records(figure):
    """The records of curvature that are kept in git, for a figure that shows them."""
    shown = shows_curvature(configuration.figures[figure])
    return list(map(str, REPRODUCTION.analysis_records("curvature"))) if shown else []


@one_line
def chosen_audits():
    """The audit and the contact sheet of every chosen set."""
    chosen = chosen_sets(configuration)
    return [str(path(one)) for one in chosen for path in (layout.audit, layout.contact_sheet)]


def training_set_of(run):
    """The file that a run is trained on."""
    return layout.training_set(configuration, run.training_set, run.seed)


def training_inputs(wildcards):
    """Training set, test set in its space and, for a student, the teacher's weights."""
    settings = settings_of(wildcards)
    run = settings.run
    inputs = {
        "distilled": training_set_of(run),
        "test": layout.test_set(run.dataset, settings.whitening),
    }
    if settings.teacher:
        weights = f"{settings.distillation.checkpoint}.safetensors"
        inputs["teacher"] = layout.run(settings.teacher) / weights
    elif file := teacher_file(configuration, run):
        inputs["teacher"] = local_paths(file)[0]
    return {name: str(path) for name, path in inputs.items()}


@one_line
def figure_metrics(wildcards):
    """The collected runs of a figure that shows runs, and the records of one that shows curvature."""
    if wildcards.figure not in MEASURED_FIGURES:
        return {}
    inputs = {"metrics": [str(layout.metrics(wildcards.figure))]}
    if shows_curvature(configuration.figures[wildcards.figure]):
        runs = figure_runs(configuration, wildcards.figure)
        inputs["records"] = [str(layout.analysis_record("curvature", run)) for run in runs]
    return inputs


@one_line
def analysed_inputs(wildcards):
    """The metrics of a finished run, and what else its analysis needs (`inputs` of analyses.yaml)."""
    settings, name = settings_of(wildcards), wildcards.analysis
    run, whitening = settings.run, settings.whitening
    if not applicable_runs(configuration, name, [run]):
        needed = configuration.analysis(name).runs
        raise CrossarchError(f"{run.path}: found a run that {name} is not about, expected one {needed}")
    weights, known = layout.run(run), {}
    known["weights"], known["best"] = weights / "last.safetensors", weights / "best.safetensors"
    known["distilled"], known["test"] = training_set_of(run), layout.test_set(run.dataset, whitening)
    spaces = dict.fromkeys([whitening, *AUDITED])
    known["tests"] = [layout.test_set(run.dataset, space) for space in spaces]
    if settings.teacher:
        taught_by = f"{settings.distillation.checkpoint}.safetensors"
        known["teacher"] = layout.run(settings.teacher) / taught_by
        known["teacher_metrics"] = layout.run_metrics(settings.teacher)
    if file := published_teacher(configuration, run):
        known["published"] = upstream_path(file)
    chosen = {each: known[each] for each in configuration.analysis(name).inputs}
    return {"metrics": layout.run_metrics(run), **chosen}


def named_inputs(wildcards, input):
    """`weights=<path>`, `tests=<path>` ...: each input file of a job with its name."""
    groups = ((name, [group] if isinstance(group, str) else group) for name, group in input.items())
    return [f"{name}={path}" for name, group in groups for path in group]


def analysis_digest(stage, analysis):
    """The code that measures or summarises an analysis, which its command loads by name."""
    return stage_digest(stage, f"analysis/{analysis}.py")


@one_line
def settings_of_analysis(wildcards):
    """What decides a record besides its inputs, as JSON."""
    return analysis_settings(configuration, wildcards.analysis, settings_of(wildcards).run)


@one_line
def records_of(analysis):
    """The records of all runs that an analysis is about, if it measures them."""
    runs = analysis_runs(configuration, analysis) if analysis in MEASURED else []
    return [str(layout.analysis_record(analysis, run)) for run in runs]


def analysis_files(*analyses):
    """What analyses of several runs make."""
    return [str(path) for name in analyses for path in layout.analysis_files(name)]


@one_line
def figure_words(name):
    """What a figure is drawn from besides runs: its entry in figures.yaml, a schedule's recipe, titles."""
    figure = configuration.figures[name]
    recipe = schedule_recipe(configuration, figure)
    return figure.model_dump_json() + (recipe.model_dump_json() if recipe else "") + TITLES
