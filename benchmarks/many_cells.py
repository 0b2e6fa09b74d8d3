"""What Snakemake itself costs when there are many cells: each training ends at once, all else is real.

The cells are those of all tables, with as many seeds as a size asks for; the paper has three.

    python benchmarks/many_cells.py --seeds 1 3
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from crossarch.config import collection_runs, load_configuration, read_overrides, resolve
from crossarch.layout import Layout

HERE = Path(__file__).parent
PROJECT = HERE.parent
PRESET = Path("config/presets/paper.yaml")
TARGET = "results/metrics/tables.csv"


@dataclass(frozen=True)
class Cost:
    """What one run of Snakemake took, its jobs included; CPU seconds hardly depend on other programs."""

    seconds: float
    cpu_seconds: float
    peak_memory_mib: float


def measure(seeds: int, cores: int, backend: str) -> dict[str, Any]:
    """Run the workflow with `seeds` seeds a cell in a folder of its own; return what it cost."""
    chosen = f"seeds=[{','.join(map(str, range(seeds)))}]"
    with tempfile.TemporaryDirectory(prefix="many-cells-") as name:
        folder = Path(name)
        shutil.copytree(PROJECT / "config", folder / "config")
        trainings = prepare(folder, seeds)
        options = ["--configfile", str(PRESET), "--config", chosen, "--persistence-backend", backend]
        planning = run(folder, cores, ["--dry-run", *options])
        whole = run(folder, cores, options)
        again = run(folder, cores, ["--dry-run", *options])
        made = [path for path in (folder / "results").rglob("*") if path.is_file()]
        own = [path for path in (folder / ".snakemake").rglob("*") if path.is_file()]
        finished = len(Layout(folder / "results").finished_runs())
        assert finished == trainings, (finished, trainings)
        return {
            "seeds": seeds,
            "trainings": trainings,
            "backend": backend,
            "cpu_seconds_to_plan": round(planning.cpu_seconds, 1),
            "cpu_seconds": round(whole.cpu_seconds, 1),
            "cpu_seconds_per_training": round(whole.cpu_seconds / trainings, 3),
            "cpu_seconds_when_done": round(again.cpu_seconds, 1),
            "seconds": round(whole.seconds, 1),
            "peak_memory_mib": round(whole.peak_memory_mib, 1),
            "files_of_results": len(made),
            "files_of_snakemake": len(own),
            "mib_of_snakemake": round(sum(path.stat().st_size for path in own) / 2**20, 1),
        }


def prepare(folder: Path, seeds: int) -> int:
    """Put empty files where prepared data would be; return the number of trainings to come."""
    chosen = [*read_overrides([folder / PRESET]), ("--seeds", {"seeds": list(range(seeds))})]
    configuration = load_configuration(folder / "config", overrides=chosen)
    layout = Layout(folder / "results")
    runs = collection_runs(configuration, "tables")
    for one in runs:
        settings = resolve(configuration, one)
        for path in (
            layout.training_set(configuration, one.training_set, one.seed),
            layout.test_set(one.dataset, settings.whitening),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    teachers = {resolve(configuration, one).teacher for one in runs} - {None}
    return len({*runs, *teachers})


def run(folder: Path, cores: int, options: list[str]) -> Cost:
    """Run Snakemake to its end."""
    metrics = next((PROJECT / "results" / "reproduction" / "runs").rglob("metrics.json"))
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(HERE / "stub"), os.environ.get("PYTHONPATH", "")]),
        "STUB_METRICS": str(metrics),
    }
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", str(cores), TARGET]
    command += ["--quiet", "all", *options]
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"snakemake failed:\n{said}")
    return Cost(
        seconds=time.monotonic() - started,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_memory_mib=usage.ru_maxrss / 1024,
    )


def main() -> None:
    """Measure each size, print a table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 3], help="seeds a cell")
    parser.add_argument("--cores", type=int, default=2, help="trainings at a time (default: 2)")
    parser.add_argument(
        "--backends", nargs="+", default=["file"], choices=["file", "db"], help="of Snakemake's records"
    )
    parser.add_argument(
        "--output", type=Path, default=HERE / "results" / "many_cells.json", help="JSON file"
    )
    arguments = parser.parse_args()
    rows = []
    for seeds in arguments.seeds:
        for backend in arguments.backends:
            rows.append(measure(seeds, arguments.cores, backend))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    found = {
        "cores": arguments.cores,
        "processors": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "others": "other programs kept both processors busy: seconds say little, CPU seconds much"
        if os.getloadavg()[1] > arguments.cores + 1
        else "",
        "sizes": rows,
    }
    arguments.output.write_text(json.dumps(found, indent=1) + "\n")
    print(tabulate(rows, headers="keys", tablefmt="github"))


if __name__ == "__main__":
    main()
