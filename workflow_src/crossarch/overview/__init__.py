"""Overview: what a configuration asks for, and how far it is.

`planned` counts the runs behind each table, which `needed_runs` lists; `run_statuses` tells from the
files under `results/` which of them are done. Nothing depends on this package but the command line. What
it will take is told by `crossarch.overview.cost`, which has to load torch.
"""

from crossarch.overview.plan import Plan, Target, needed_runs, planned
from crossarch.overview.status import RunStatus, counted, run_statuses
from crossarch.overview.tables_view import plan_view, status_view

__all__ = [
    "Plan",
    "RunStatus",
    "Target",
    "counted",
    "needed_runs",
    "plan_view",
    "planned",
    "run_statuses",
    "status_view",
]
