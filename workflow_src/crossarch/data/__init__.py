"""Prepare: from verified downloads to canonical tensors that every training reads.

Real sets become uint8 images and class indices; whitening is fitted once on the training images; test
sets are stored in each space that a training set lives in; distilled sets keep their own space.
"""

from crossarch.data.distilled import prepare_distilled
from crossarch.data.real import prepare_real
from crossarch.data.store import ImageSet, load_set, save_set
from crossarch.data.whitening import Whitener, fit_whitener, load_whitener, save_whitener

__all__ = [
    "ImageSet",
    "Whitener",
    "fit_whitener",
    "load_set",
    "load_whitener",
    "prepare_distilled",
    "prepare_real",
    "save_set",
    "save_whitener",
]
