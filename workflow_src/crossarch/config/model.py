"""The base of everything that the configuration may say."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Unknown keys are refused, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
