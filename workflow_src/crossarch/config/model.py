"""The base of everything that the configuration may say."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Model(BaseModel):
    """Unknown keys are refused, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def number(value: Any) -> Any:
    """Refuse `true` and `false`, which Python counts with."""
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


Int = Annotated[int, BeforeValidator(number)]
