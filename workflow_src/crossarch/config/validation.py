"""One line for each mistake in the configuration: file, key, what was found, what is allowed."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from crossarch.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], data: Any, file: str, prefix: str = "") -> M:
    """Build `model` from `data`; raise ConfigError with one line for the first mistake.

    `file` and `prefix` say where `data` stands: the error reads
    `config/recipes.yaml: recipes.full.epochs: found 'many', allowed: an integer, at least 1`.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        location, beside = _keys(data, first["loc"]), _fields_beside(model, first["loc"])
        key = ".".join(filter(None, [prefix, *location]))
        if first["type"] == "extra_forbidden":
            raise ConfigError(unknown(file, key, location[-1], beside, what="key")) from None
        if first["type"] == "missing":
            raise ConfigError(f"{file}: {key}: found nothing, but this key is needed") from None
        if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
            tags = ", ".join(map(repr, _tags_at(model, first["loc"])))
            found = first["input"].get("name") if isinstance(first["input"], Mapping) else first["input"]
            raise ConfigError(f"{file}: {key}.name: found {found!r}, allowed: {tags}") from None
        allowed = _allowed(model, first)
        if first["type"] == "value_error" and isinstance(first["input"], Mapping):
            raise ConfigError(f"{file}: {key}: {allowed}") from None  # what was found is in the message
        raise ConfigError(f"{file}: {key}: found {first['input']!r}, allowed: {allowed}") from None


def check_name(file: str, key: str, name: Any, pattern: str) -> None:
    """Raise ConfigError unless what is used as a name, in paths and targets too, matches `pattern`."""
    if not isinstance(name, str) or not re.fullmatch(pattern, name):
        raise ConfigError(f"{file}: {key}: found the name {name!r}, allowed: what matches {pattern}")


@contextmanager
def as_data_error() -> Iterator[None]:
    """A mistake that is found within is one in a result, not in a setting: DataError, the same line."""
    try:
        yield
    except ConfigError as error:
        raise DataError(str(error)) from None


def unknown(file: str, key: str, found: str, allowed: Iterable[str], what: str = "name") -> str:
    """The line for a name that stands in a file and does not exist, with a guess at what was meant."""
    return f"{file}: {key}: {asked(found, allowed, what)}"


def asked(found: str, allowed: Iterable[str], what: str, file: str | None = None) -> str:
    """The same for a name that is asked for, by an option or a path; those allowed are in `file`."""
    names = [str(name) for name in allowed]
    guess = difflib.get_close_matches(str(found), names, n=1)
    hint = f" (did you mean {guess[0]!r}?)" if guess else ""
    where = f" in {file}" if file else ""
    return f"found unknown {what} {found!r}{hint}, allowed{where}: {', '.join(names)}"


def _allowed(model: type[BaseModel], error: "ErrorDetails") -> str:
    """What is allowed where pydantic found something else, in words of YAML rather than of Python."""
    found = error["input"]
    match error["type"]:
        case "tuple_type":
            plain = isinstance(found, str | int | float)
            return f"a list, such as [{found}]" if plain else "a list"
        case "dict_type":
            return "a mapping of names"
        case "model_type" | "model_attributes_type":
            first, *_ = _fields_beside(model, (*error["loc"], ""))
            return f"a mapping, such as {{{first}: ...}}"
        case "too_short":
            return f"at least {error['ctx']['min_length']} value"
        case "too_long":
            return f"at most {error['ctx']['max_length']} values"
        case "string_too_short":
            return f"at least {error['ctx']['min_length']} character"
        case "string_pattern_mismatch":
            pattern = error["ctx"]["pattern"]
            if isinstance(found, str) and re.fullmatch(pattern, found.lower()):
                return f"names in lower case (did you mean {found.lower()!r}?)"
            return f"what matches {pattern}"
    return error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")


def _keys(data: Any, location: tuple[int | str, ...]) -> list[str]:
    """`location` without what pydantic adds to the keys of the file: the tags of unions."""
    keys = []
    for depth, part in enumerate(location):
        indexed = isinstance(data, list | tuple) and isinstance(part, int)
        last = depth == len(location) - 1  # where a key may be named that is missing
        if indexed or (isinstance(data, Mapping) and (part in data or last)):
            keys.append(str(part))
            try:
                data = data[part]
            except LookupError:
                break
    return keys


def _fields_beside(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Names of the fields that are allowed where `location` points to an unknown one."""
    beside: list[str] = []
    members: list[type[BaseModel]] = [model]  # what may stand where the parts so far lead to
    for part in location:
        chosen = [member for member in members if part in _tags(member)]
        if len(members) > 1 and chosen:
            members = chosen
            continue
        beside = list(members[0].model_fields) if members else []
        if str(part) in beside:  # else a key of a mapping, a place in a list or another tag
            members = _models_in(members[0].model_fields[str(part)].annotation)
    return beside


def _tags_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[Any]:
    """The names of the kinds of models that may stand where `location` points to."""
    members: list[type[BaseModel]] = [model]
    for part in location:
        fields = [member.model_fields.get(str(part)) for member in members]
        members = [inner for field in fields if field for inner in _models_in(field.annotation)]
    return [tag for member in members for tag in _tags(member)]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """All models inside an annotation such as `dict[str, A] | B | None`, in order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("name")
    return get_args(field.annotation) if field else ()
