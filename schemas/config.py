"""The base of every configuration: frozen, keyword-only, unknown keys refused."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Frozen and hashable; an unknown key or a value outside its range is a `pydantic.ValidationError` at construction."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
