"""The analyses of one run by name."""

from crossarch.analysis.curvature import measure_curvature
from crossarch.analysis.retrace import measure_teacher
from crossarch.analysis.taught import measure_softness
from crossarch.analysis.testing import (
    measure_agreement,
    measure_stand_in,
    measure_statistics,
    measure_whitening,
)

MEASURES = {
    "curvature": measure_curvature,
    "whitening": measure_whitening,
    "agreement": measure_agreement,
    "softness": measure_softness,
    "statistics": measure_statistics,
    "stand_in": measure_stand_in,
    "teachers": measure_teacher,
}
