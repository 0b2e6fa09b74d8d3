"""The base of everything that the configuration may say."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Model(BaseModel):
    """Unknown keys are refused, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Resolved(Model):
    """The resolved settings of one piece of work; their hash names its saved state.

    `WITHOUT_EFFECT` are the keys that change nothing of what it comes to; `PLACES` say where a file lies
    whose contents another key tells (both as pydantic's `exclude`).
    """

    WITHOUT_EFFECT: ClassVar[Mapping[str, Any]] = {}
    PLACES: ClassVar[Mapping[str, Any]] = {}

    def to_json(self) -> str:
        """One line of JSON, keys in the order of the fields: the same wherever files lie (`PLACES`)."""
        settings = self.model_dump(mode="json", exclude=dict(self.PLACES))
        return json.dumps(settings, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """SHA-256 over `to_json()`, 16 hex digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]


def number(value: Any) -> Any:
    """Refuse `true` and `false`, which Python counts with."""
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


Int = Annotated[int, BeforeValidator(number)]
