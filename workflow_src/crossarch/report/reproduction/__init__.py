"""The page about the results kept in git: tables made from the metrics, around what people found out."""

from crossarch.report.reproduction.headline import headline
from crossarch.report.reproduction.page import REPRODUCED, render_reproduction

__all__ = ["REPRODUCED", "headline", "render_reproduction"]
