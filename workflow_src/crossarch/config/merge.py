"""Deep merging of YAML mappings: how a recipe is laid over its base."""

from collections.abc import Mapping
from typing import Any


def merged(base: Any, override: Any) -> Any:
    """Lay `override` over `base`: mappings key by key, everything else replaces what was there.

    A mapping whose `name` differs from the base's (another optimiser, another schedule) replaces it
    whole, since the keys of the one mean nothing to the other.
    """
    if not (isinstance(base, Mapping) and isinstance(override, Mapping)):
        return override
    if "name" in override and override["name"] != base.get("name"):
        return dict(override)
    return {
        **base,
        **{key: merged(base[key], value) if key in base else value for key, value in override.items()},
    }
