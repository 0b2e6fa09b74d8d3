"""Distil: from a real training set to a small synthetic one, by this pipeline itself.

`distil_set` is the stage's whole work for one set; `frepo.distil` is the loop itself.
"""
