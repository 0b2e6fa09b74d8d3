"""The pages: every command is run or listed with the reason why not; numbers, links and names hold."""

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import MappingProxyType

import pandas as pd
import pytest
import yaml
from snakemake.cli import get_argument_parser

from crossarch.cli import app

PROJECT = Path(__file__).parents[1]
PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md")),
    *(PROJECT / "benchmarks/README.md", *sorted((PROJECT / "docs").glob("*.md"))),
]
NOT_RUN = {
    r"make\b": "sets an environment up, runs all tests; tests/test_environments.py has what is quick",
    r"git |cd |\. |export |tmux|less |kill |pkill ": "no command of this project",
    r"snakemake --unlock": "needs a lock",
    r"snakemake .*--report": "needs finished runs",
    r"crossarch .*(fetch|mirror)(?!.*--dry-run)": "needs the network",
    r"crossarch evaluate": "needs fetched weights and a test set",
    r"crossarch publish": "writes to what is kept in git",
    r"crossarch audit": "needs a set and the prepared real one; tests/audit has it",
    r"crossarch .*--watch": "does not end",
    r"crossarch --install-completion": "writes to the user's shell",
    r"python benchmarks/": "takes minutes",
}
"""Commands, by how they begin, and why they are not run here."""


@dataclass(frozen=True)
class Command:
    """A command of a page, without the variables in front of it, which are `environment`."""

    words: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return shlex.join(self.words)


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of code of a language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def commands() -> list[Command]:
    """Every command in a block of shell of any page, once."""
    found = dict[Command, None]()
    known = dict[str, str]()  # variables that a line of its own sets
    for block in (block for page in PAGES for block in blocks(page, "sh")):
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.split(" && "):
                words = shlex.split(part, comments=True)
                given = {}
                while words and re.match(r"[A-Z_]+=", words[0]):
                    name, _, value = words.pop(0).partition("=")
                    given[name] = value
                if not words:
                    known |= given
                    continue
                replaced = tuple(Template(word).safe_substitute(known) for word in words)
                found[Command(replaced, tuple(given.items()))] = None
    return list(found)


def runs_here(command: Command, program: str) -> bool:
    """Whether a command of a program is to be run."""
    skipped = any(re.match(pattern, str(command)) for pattern in NOT_RUN)
    return command.words[0] == program and not skipped


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader who has written what the pages say into it."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(PROJECT / "config", folder / "config")
    for name in ("examples", "slurm"):
        (folder / name).symlink_to(PROJECT / name)
    (folder / "results").mkdir()
    (folder / "results/reproduction").symlink_to(PROJECT / "results/reproduction")
    (folder / "results/runs").symlink_to(PROJECT / "results/reproduction/runs")
    (folder / "home/data").mkdir(parents=True)
    (folder / "my-set.npz").touch()
    (folder / "my-teacher.pth").touch()
    (folder / "config/networks").mkdir()
    [network] = blocks(PROJECT / "docs/custom.md", "python")
    (folder / "config/networks/tiny.py").write_text(network)
    preset: dict[str, dict[str, object]] = defaultdict(dict)
    for block in (*blocks(PROJECT / "README.md", "yaml"), *blocks(PROJECT / "docs/custom.md", "yaml")):
        for key, value in yaml.safe_load(block).items():
            preset[key] |= value
    if not importlib.util.find_spec("timm"):
        preset["own_networks"].pop("convnext")
    (folder / "config/presets/mine.yaml").write_text(yaml.safe_dump(dict(preset)))
    written = {"figures": "configuration", "datasets": "data"}
    for file, page in written.items():
        [entry] = blocks(PROJECT / f"docs/{page}.md", "yaml")
        with (folder / f"config/{file}.yaml").open("a") as stream:
            stream.write(entry)
    return folder


def environment(reader: Path, given: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """The reader's environment, with variables that stand in front of a command."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CROSSARCH")}
    home = str(reader / "home")
    return kept | {"HOME": home} | {name: value.replace("~", home) for name, value in given.items()}


def test_every_command_is_run_or_listed_with_a_reason() -> None:
    texts = [str(command) for command in commands()]
    unused = [pattern for pattern in NOT_RUN if not any(re.match(pattern, text) for text in texts)]
    assert unused == []
    unknown = [
        text
        for text in texts
        if not re.match(r"(snakemake|crossarch) ", text)
        and not any(re.match(pattern, text) for pattern in NOT_RUN)
    ]
    assert unknown == ["python docs/architecture.py"] * ("python docs/architecture.py" in unknown)


def test_snakemake_plans_what_the_pages_name(reader: Path) -> None:
    """All targets with the same options at once: what counts is that each can be made."""
    parser = get_argument_parser()
    targets: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
    variables = dict[str, str]()
    for command in commands():
        if runs_here(command, "snakemake"):
            named = parser.parse_args(command.words[1:]).targets
            rest = shlex.join(word for word in command.words[1:] if word not in (*named, "--"))
            options = tuple(shlex.split(re.sub(r"--cores \d+|-n\b", "", rest)))
            targets[options] |= dict.fromkeys(named)
            variables |= command.environment
    assert len(targets) > 5
    for options, named in targets.items():
        call = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--quiet", "all"]
        call += ["--snakefile", str(PROJECT / "Snakefile"), *options, "--", *named]
        planned = subprocess.run(
            call, cwd=reader, env=environment(reader, variables), capture_output=True, text=True
        )
        assert planned.returncode == 0, f"{call}\n{planned.stdout[-3000:]}{planned.stderr}"


def test_crossarch_does_what_the_pages_say(
    reader: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(reader)
    for name in set(os.environ) - set(environment(reader)):
        monkeypatch.delenv(name)
    run = [command for command in commands() if runs_here(command, "crossarch")]
    assert len(run) > 5
    for command in run:
        app(command.words[1:], standalone_mode=False)
        assert capsys.readouterr().out.strip(), command


def test_verbs_on_the_pages_exist() -> None:
    verbs = set(re.findall(r"`crossarch ([a-z]+)", "\n".join(page.read_text() for page in PAGES)))
    assert len(verbs) > 3
    for verb in verbs:
        app([verb, "--help"], standalone_mode=False)


def test_presets_have_as_many_trainings_as_the_readme_says(
    reader: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(reader)
    text = " ".join((PROJECT / "README.md").read_text().split())
    told = re.findall(r"`(\w+\.yaml)` \([^()]*?([\d,]+) trainings\)", text)
    assert {preset for preset, _ in told} == {"demo.yaml", "cpu.yaml", "paper.yaml"}
    for preset, count in told:
        app(["--preset", f"config/presets/{preset}", "plan", "--json"], standalone_mode=False)
        assert json.loads(capsys.readouterr().out)["all"]["runs"] == int(count.replace(",", "")), preset


def test_the_readme_has_the_papers_numbers() -> None:
    numbers = pd.read_csv(PROJECT / "config/paper/main_results.csv")
    titles = {"resnet18": "ResNet18", "alexnet": "AlexNet", "vgg11": "VGG11", "resnet50": "ResNet50"}
    sets = ["dataset", "distillation", "ipc"]
    cells = numbers.pivot(index=sets, columns=["arch", "method"], values="accuracy")
    assert len(cells) == 16
    rows = dict[str, tuple[float, float]]()
    for arch, title in titles.items():
        behind = cells["cnn", "baseline"] - cells[arch, "baseline"]
        behind_full = cells["cnn", "wo_dp_kd"] - cells[arch, "full"]
        rows[title] = behind.mean(), behind_full.mean()
    rows["mean"] = tuple(sum(column) / len(titles) for column in zip(*rows.values(), strict=True))
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (PROJECT / "README.md").read_text().splitlines()
        if line.startswith("|")
    ]
    table = {line[0]: line[1:] for line in lines if line[0] in rows}
    assert table == {name: [f"{value:.1f}" for value in row] for name, row in rows.items()}


def test_the_readme_has_what_the_demo_measured() -> None:
    runs = pd.read_csv(PROJECT / "results/reproduction/demo/runs.csv")
    best = runs.pivot(index="seed", columns=["arch", "recipe"], values="accuracy_best")
    assert len(best) == 3
    behind = [
        sum((best["cnn", "baseline"] - best[arch, recipe]).mean() for arch in ("alexnet", "vgg11")) / 2
        for recipe in ("baseline", "full")
    ]
    text = " ".join((PROJECT / "README.md").read_text().split())
    pattern = r"AlexNet and VGG11 are (\S+) points behind with their baselines and (\S+) with the full"
    assert re.findall(pattern, text) == [tuple(f"{points:.1f}" for points in behind)]


def test_the_readme_shows_the_headline_picture_once_it_shows_something() -> None:
    figure = PROJECT / "results/reproduction/figures/headline.csv"
    table = pd.read_csv(figure).query("n > 0")
    measured = (table.groupby(["dataset", "source", "ipc", "arch"])["recipe"].nunique() == 2).any()
    shown = "figures/headline.svg)" in (PROJECT / "README.md").read_text()
    assert shown == measured


def test_the_page_on_speed_has_what_the_benchmark_measured() -> None:
    sections = (PROJECT / "benchmarks/results/speed.md").read_text().split("\n\n")
    tables = [text.strip() for text in sections if text.startswith("|")]
    page = (PROJECT / "docs/speed.md").read_text()
    assert [table in page for table in tables[:2]] == [True, True]


def test_the_picture_of_the_architecture_is_that_of_the_imports() -> None:
    """`python docs/architecture.py` draws it again."""
    script = PROJECT / "docs/architecture.py"
    spec = importlib.util.spec_from_file_location("architecture", script)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names = [name for row in module.layers() for name in row]
    arrows = module.arrows(names)
    assert ("cli", "config") not in arrows  # which follows from others
    assert ("data", "fetch") in arrows
    assert module.picture() == script.with_suffix(".svg").read_text()


def test_pages_are_short() -> None:
    lengths = {page.relative_to(PROJECT).as_posix(): page.read_text().count("\n") for page in PAGES}
    assert lengths.pop("README.md") <= 150
    assert {page: length for page, length in lengths.items() if length > 200} == {}


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_what_the_pages_point_to_is_there() -> None:
    pages = [*PAGES, PROJECT / "results/reproduction/README.md", PROJECT / "CHANGELOG.md"]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text())
    ]
    assert len(links) > 40
    broken = []
    for page, link in links:
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append((page.name, link))
    assert broken == []


def test_files_that_the_pages_name_are_there() -> None:
    """Paths from the project's root, and those of the package below `crossarch/`."""
    tops = [
        "config",
        "docs",
        "rules",
        "examples",
        "benchmarks",
        "tests",
        "slurm",
        "envs",
        "workflow_src",
    ]
    package = PROJECT / "workflow_src/crossarch"
    places = [*tops, *(folder.name for folder in package.iterdir() if folder.is_dir())]
    of_the_reader = {"config/presets/mine.yaml", "config/networks/tiny.py"}
    text = "\n".join(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M) for page in PAGES)
    named = set(re.findall(rf"`((?:{'|'.join(places)})/[\w./-]*)`", text)) - of_the_reader
    assert len(named) > 20
    below = (PROJECT, package, PROJECT / "results")
    assert sorted(name for name in named if not any((root / name).exists() for root in below)) == []
