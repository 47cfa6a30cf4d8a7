"""The settings of the health page and the metrics; part of :mod:`config.model`. Pure."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from config.types import CHECKED, Count, File, IpAddress, SecretToken


class HealthSettings(BaseModel):
    """The daemon's health page and metrics over HTTP. Addresses other than loopback need a token."""

    model_config = CHECKED

    port: Annotated[Count, Field(ge=0, le=65_535)] = 0  # 0: off; the user chooses a free port
    address: IpAddress = "127.0.0.1"  # nothing outside of this machine can connect
    token: SecretToken = None  # that requests must have; None: none is needed
    token_file: File = None  # a file with the token, such as a credential of systemd

    @field_validator("token_file")
    @classmethod
    def _protected(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if "token" not in info.data or "address" not in info.data:
            return value  # one of them is invalid, which is reported already
        address, token = info.data["address"], info.data["token"]
        if value and token:
            raise ValueError("cannot be combined with health.token: leave one of them out")
        if not (value or token or ip_address(address).is_loopback):
            text = f"{address} needs health.token or health.token_file, because others can connect to it"
            raise PydanticCustomError("disorder", "{text}", {"text": text, "other": "address"})
        return value
