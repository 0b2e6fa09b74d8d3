"""How much disk the runs of the chosen tables and figures take, computed from their networks.

python benchmarks/disk.py --preset config/presets/paper.yaml
"""

import argparse
from collections import Counter
from pathlib import Path

import torch
from tabulate import tabulate

from crossarch.config import (
    NetworkSettings,
    collection_runs,
    load_configuration,
    read_overrides,
    resolve,
    with_teachers,
)
from crossarch.models import build

WEIGHTS_A_RUN = 2  # best.safetensors and last.safetensors
REST = 12_000  # bytes of metrics.json and of the log, as they were found


def weights(network: NetworkSettings) -> int:
    """Bytes of all parameters and buffers."""
    with torch.device("meta"):
        tensors = build(network).state_dict().values()
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def main() -> None:
    """Print a row an architecture, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", type=Path, action="append", default=[], help="laid over config.yaml")
    arguments = parser.parse_args()
    configuration = load_configuration(Path("config"), overrides=read_overrides(arguments.preset))
    runs = with_teachers(configuration, collection_runs(configuration, "runs"))
    sizes: dict[NetworkSettings, int] = {}
    count: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for run in runs:
        network = resolve(configuration, run).network
        if network not in sizes:
            sizes[network] = weights(network)
        count[run.arch] += 1
        total[run.arch] += WEIGHTS_A_RUN * sizes[network] + REST
    rows: list[tuple[str, int, float | None, float]] = [
        (arch, count[arch], total[arch] / count[arch] / 1e6, total[arch] / 1e9) for arch in sorted(count)
    ]
    rows.append(("all", sum(count.values()), None, sum(total.values()) / 1e9))
    print(tabulate(rows, headers=("arch", "runs", "MB a run", "GB"), floatfmt=".1f", tablefmt="github"))


if __name__ == "__main__":
    main()
