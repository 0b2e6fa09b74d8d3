"""Tidy tables in CSV files, guarded by a schema: plain numbers, an error of one line."""

from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandas.errors import EmptyDataError, ParserError

from crossarch.errors import DataError
from crossarch.files import write_text

DECIMALS = 4  # of every number in a CSV: test accuracies have two, their statistics need a few more

# What pandera calls a mistake, the most telling first: where a column is missing or holds text
# instead of numbers, all its other checks fail too.
_TELLING = ("column_in_dataframe", "column_in_schema", "coerce_dtype", "multiple_fields_uniqueness")


def write_tidy(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, numbers to four decimals, missing ones as empty fields, atomically."""
    write_text(path, frame.round(DECIMALS).to_csv(index=False, lineterminator="\n"))


def read_tidy(path: Path, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Read a CSV that `schema` describes. DataError names the file, the line and the column."""
    frame = read_text_columns(path)
    for name, column in schema.columns.items():
        if name in frame and str(column.dtype) == "bool":
            frame[name] = _truths(frame[name], path)
    return checked(frame, schema, str(path))


def read_text_columns(path: Path) -> pd.DataFrame:
    """Read a CSV with all columns as text (a digest is no number); empty fields are missing."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except EmptyDataError:
        raise DataError(f"{path}: found an empty file, allowed: a CSV with a header") from None
    except (ParserError, UnicodeDecodeError, OSError) as error:
        problem = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as CSV: {problem}") from None


def checked(frame: pd.DataFrame, schema: pa.DataFrameSchema, file: str) -> pd.DataFrame:
    """`frame` with the types of `schema`; DataError with one line for the most telling mistake."""
    try:
        return schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        failures = error.failure_cases.to_dict("records")
        first = min(failures, key=lambda failure: _rank(str(failure["check"])))
        raise DataError(f"{file}: {_complaint(first, schema)}") from None


def _truths(column: "pd.Series[str]", path: Path) -> "pd.Series[bool]":
    """`True` and `False` as they are written; pandas would take every text for true."""
    wrong = column[~column.isin(["True", "False"])]
    if not wrong.empty:
        raise DataError(
            f"{path}: line {int(wrong.index[0]) + 2}: {column.name}: found {wrong.iloc[0]!r}, "
            "allowed: True, False"
        )
    return column == "True"


def _rank(check: str) -> int:
    telling = (place for place, name in enumerate(_TELLING) if check.startswith(name))
    return next(telling, len(_TELLING))


def _complaint(failure: dict[Any, Any], schema: pa.DataFrameSchema) -> str:
    """Column, line of the file, what was found and what is allowed."""
    check, found, index = str(failure["check"]), failure["failure_case"], failure["index"]
    columns = ", ".join(map(str, schema.columns))
    if check == "column_in_dataframe":
        return f"{found}: found no such column, allowed: {columns}"
    if check == "column_in_schema":
        return f"{found}: found an unknown column, allowed: {columns}"
    line = "" if pd.isna(index) else f"line {int(index) + 2}: "  # the header is line 1
    if check == "multiple_fields_uniqueness":
        return f"{line}found the {', '.join(schema.unique or [])} of an earlier line again"
    where = f"{line}{failure['column']}: "
    if check == "not_nullable" or found is None or found != found:
        return f"{where}found nothing, but this field is needed"
    kind = str(schema.columns[str(failure["column"])].dtype)
    allowed = kind if check.startswith(("coerce_dtype", "dtype")) else check
    return f"{where}found {found!r}, allowed: {allowed}"
