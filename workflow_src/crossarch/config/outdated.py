"""How settings that something was made with differ from those that are asked for today."""

from collections.abc import Mapping
from pathlib import Path

from crossarch.config.complain import validated
from crossarch.config.configuration import Configuration
from crossarch.config.differ import differences
from crossarch.config.distil import DistilSettings, resolve_distil
from crossarch.config.model import Resolved
from crossarch.config.runs import SetId
from crossarch.errors import ConfigError
from crossarch.files import read_mapping


def outdated_distillation(configuration: Configuration, target: SetId, record: Path) -> str | None:
    """How a set that was distilled here was made otherwise than is asked for, by its `record`.

    None where it was not, or where there is no record. Raises DataError for one that is not JSON.
    """
    if not record.exists():
        return None
    settings = read_mapping(record).get("settings")
    today = resolve_distil(configuration, target)
    try:
        known = {"target": target, **settings} if isinstance(settings, Mapping) else settings
        made = validated(DistilSettings, known, "settings")
    except ConfigError as error:  # what it was made with exists no longer
        return str(error)
    return difference(made, today)


def difference(made: Resolved, today: Resolved) -> str | None:
    """The first key in which settings differ, and how; None if they come to the same."""
    apart = {**today.WITHOUT_EFFECT, **today.PLACES}
    then, now = (one.model_dump(mode="json", exclude=apart) for one in (made, today))
    first = next(differences(then, now, key="settings"), None)
    return f"{first[0]}: made with {first[1]!r}, today {first[2]!r}" if first else None
