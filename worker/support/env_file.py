"""Reading an env file into a settings class: every fault at once, by key, never a value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class SettingsError(Exception):
    """A settings file cannot be used. `faults`: one line each, naming the key, never the value."""

    def __init__(self, file: str, faults: list[str]) -> None:
        super().__init__(f"{file}: " + "; ".join(faults))
        self.file = file
        self.faults = faults


class EnvFileSettings(BaseSettings):
    """Settings whose values come from one env file only, through `build`."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, str_strip_whitespace=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def keys_of(settings: type[EnvFileSettings]) -> list[str]:
    """The keys as written in the env file."""
    return [name.upper() for name in settings.model_fields]


class HoldsSecret:
    """Marks a setting that is no secret as a whole but may hold one, a password in an address: it may be a file too."""


def _secret_keys(settings: type[EnvFileSettings]) -> set[str]:
    return {
        name.upper()
        for name, field in settings.model_fields.items()
        if field.annotation is SecretStr or SecretStr in get_args(field.annotation) or HoldsSecret in field.metadata
    }


def is_key_of(settings: type[EnvFileSettings], key: str) -> bool:
    """Whether the key, or the `_FILE` form of a secret, belongs to the settings."""
    return key in keys_of(settings) or (key.endswith("_FILE") and key[:-5] in _secret_keys(settings))


def read(path: Path) -> dict[str, str]:
    """The file's keys and values as text. Raises SettingsError when it is missing or not UTF-8."""
    if not path.is_file():
        raise SettingsError(path.name, ["the file does not exist"])
    try:
        # No interpolation: a `$` in a password is a `$`.
        read = dotenv_values(path, interpolate=False, encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingsError(path.name, ["the file is not UTF-8 text"]) from None
    except OSError:
        raise SettingsError(path.name, ["the file cannot be read: whose is it, and what is its mode?"]) from None
    return {key: value if value is not None else "" for key, value in read.items()}


T = TypeVar("T", bound=EnvFileSettings)


def build(kind: type[T], file: str, values: Mapping[str, str]) -> T:
    """The settings from the values of `file`. Raises SettingsError with every fault."""
    faults: list[str] = []
    secrets = _secret_keys(kind)
    plain: dict[str, Any] = {}
    for key, value in values.items():
        if key.endswith("_FILE") and key[:-5] in secrets:
            try:
                secret = Path(value).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                faults.append(f"{key}: the file cannot be read")
            else:
                plain[key[:-5].lower()] = secret
                faults += [] if secret else [f"{key}: the file is empty"]
        elif value != "" or key.lower() not in kind.model_fields:
            plain[key.lower()] = value  # an empty value means: as if not given
    try:
        settings = kind(**plain)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_context=False, include_url=False):
            key = ".".join(str(part) for part in problem["loc"]).upper()
            faults += _words(key, problem["type"], problem["msg"])
        raise SettingsError(file, faults) from None
    if faults:
        raise SettingsError(file, faults)
    return settings


def _words(key: str, kind: str, message: str) -> list[str]:
    if kind == "extra_forbidden":
        return [f"{key} is not a key of this file: misspelt?"]
    if kind == "missing":
        return [f"{key} is missing"]
    message = message.removeprefix("Value error, ")
    if not key:
        return message.split("\n")
    return [f"{key} {message}" if message.startswith("must") else f"{key}: {message}"]
