"""Audit: what a distilled set is like, and in which pixel space it lives, from its pixels alone.

`examine` measures one set against the test set of a real data set in every space; `verdict` says which
one fits and how sure that is; `record` is what is stored, `summary` gathers the records of several sets,
and `contact_sheet` shows a set's images. Reads what the prepare stage made, and nothing else.
"""
