"""`config/analyses.yaml`: which analyses of finished runs there are, and what each is made from."""

from typing import Literal

from crossarch.config.model import Model
from crossarch.config.schema.terms import Distinct, Positive, Protocol

Input = Literal[
    "weights", "best", "distilled", "test", "tests", "teacher", "teacher_metrics", "published"
]


class Analysis(Model):
    """One analysis.

    `inputs` are what the record of a run is measured from: its last `weights`, its `best` ones, the set
    that it was trained on, the `test` set in its own space or the `tests` in every space, the weights
    and the metrics of its teacher, or the weights that the authors `published`.
    """

    inputs: Distinct[Input] = ()
    settings: Distinct[Literal["curvature", "temperature"]] = ()
    runs: Literal["all", "with_teacher", "with_batch_norm", "published"] = "all"
    protocols: Distinct[Protocol] = ()
    summary: bool = True
    by_name_only: bool = False
    memory: Positive = 4000
