"""Types of single values in the configuration, with their checks. Pure."""

import re
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr, Strict, StrictStr

from config.anchors import parse_anchor
from config.cron import check_cron
from config.durations import format_duration, parse_duration

# Defaults are checked too, because some are valid only together with other values (a roll feed without a lid).
CHECKED = ConfigDict(frozen=True, extra="forbid", validate_default=True)

# Sina's list numbers have three to five digits; 32 bits leave room and fit any database.
_LIST_NUMBER_MAX = 2**31 - 1

# Sixteen random characters cannot be guessed over a network.
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,}")
TOKEN_RULE = "must be at least 16 of A-Z, a-z, 0-9 and . _ ~ + / = -, as `openssl rand -hex 32` prints"  # noqa: S105

_SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def _bounded(minimum: timedelta, maximum: timedelta | None = None) -> Callable[[timedelta], timedelta]:
    def check(value: timedelta) -> timedelta:
        if value < minimum:
            raise ValueError(f"must be at least {format_duration(minimum)}, not {format_duration(value)}")
        if maximum is not None and value > maximum:
            raise ValueError(f"must be at most {format_duration(maximum)}, not {format_duration(value)}")
        return value

    return check


def _folder(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f'must be the path of a folder, as text such as "./news", not {value!r}')
    return Path(value)


def _header_text(value: str) -> str:
    # It is sent in a header: a line break would add headers, and servers garble characters that are not ASCII.
    if not value.strip() or not value.isascii() or not value.isprintable():
        raise ValueError(f"must be one line of visible ASCII characters, not {value!r}")
    return value


def _host_name(value: str) -> str:
    # As in a Host header, but without the port, because a proxy has its own.
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", value):
        raise ValueError(f'must be a host\'s name in lower case, such as "news.example.org", not {value!r}')
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if value != "Asia/Shanghai":  # the default needs no database of zones
            raise ValueError(
                f'must be a time zone such as "Asia/Shanghai" or "America/New_York", not {value!r}'
            ) from error
    return value


def _name(value: str) -> str:
    # Names are typed on the command line and appear in log lines as feed=NAME.
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", value):
        raise ValueError(f"must be of a-z, 0-9, _ and -, and start with a letter or digit, not {value!r}")
    return value


def _category(value: str) -> str:
    # A category becomes the name of a folder. An empty name would put its articles one level up.
    valid = (c for c in value if c not in '/\\:*?"<>|' and unicodedata.category(c) != "Cc")
    if not " ".join("".join(valid).split()).strip(". "):
        raise ValueError(f"must have a character that is valid in a folder name, which {value!r} does not")
    return value


def _address(value: SecretStr) -> SecretStr:
    # The message does not contain the value: such an address contains a password.
    if not re.fullmatch(r"[a-zA-Z0-9+.-]+://\S+", value.get_secret_value()):
        raise ValueError("must be an address that apprise knows, such as tgram://TOKEN/CHAT or mailto://…")
    return value


def _ip_address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError as error:
        raise ValueError(f'must be an IP address such as "0.0.0.0" or "::1", not {value!r}') from error


def _token(value: SecretStr) -> SecretStr:
    # The message does not contain the value. These are the characters of a bearer token (RFC 6750).
    if not TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError(TOKEN_RULE)
    return value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _interval_or_off(value: object) -> object:
    return None if value == "off" else value


def _switch_or_local(value: object) -> object:
    if not isinstance(value, bool) and value != "local":
        raise ValueError(f'must be true, false or "local", not {value!r}')
    return value


def _age_or_forever(value: object) -> object:
    return None if value == "forever" else value


def _dsn(value: SecretStr) -> SecretStr:
    # libpq itself reads it, when it connects: a service file, ~/.pgpass and PG* variables hold too.
    text = value.get_secret_value()
    if not (re.match(r"postgres(ql)?://", text) or "=" in text) or not text.isprintable():
        example = "postgresql://finarchive@db.example/finarchive"
        raise ValueError(f"must be an address of PostgreSQL, such as {example}, or key=value words of libpq")
    return value


def _anchor(value: SecretStr) -> SecretStr:
    parse_anchor(value.get_secret_value())
    return value


def _mirror(value: SecretStr) -> SecretStr:
    # The message does not contain the value: such an address may contain a password.
    text = value.get_secret_value()
    if not re.fullmatch(r"(?:file:///|s3://[^/\s]|sftp://[^/\s])\S*", text):
        raise ValueError("must be an address like s3://BUCKET/PATH, sftp://HOST/PATH or file:///FOLDER")
    return value


def _file(value: object) -> Path | None:
    if value is None or value == "":
        return None
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f'must be the path of a file, as text such as "./tsa.pem", not {value!r}')
    return Path(value)


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Interval = Annotated[Duration, AfterValidator(_bounded(_SECOND))]  # a shorter one would be a busy loop
OptionalInterval = Annotated[Interval | None, BeforeValidator(_interval_or_off)]
Images = Annotated[bool | Literal["local"], BeforeValidator(_switch_or_local)]
# Not less than a day: what is removed is removed from files of past days.
OptionalAge = Annotated[
    Annotated[Duration, AfterValidator(_bounded(timedelta(days=1)))] | None, BeforeValidator(_age_or_forever)
]
Backoff = Annotated[Duration, AfterValidator(_bounded(_SECOND, HOUR))]  # the back-off doubles up to an hour
Folder = Annotated[Path, BeforeValidator(_folder)]
Seconds = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Count = Annotated[int, Strict()]
Category = Annotated[StrictStr, AfterValidator(_category)]
ListNumber = Annotated[int, Strict(), Field(ge=1, le=_LIST_NUMBER_MAX)]
Name = Annotated[StrictStr, AfterValidator(_name)]
Zone = Annotated[StrictStr, AfterValidator(_zone)]
HeaderText = Annotated[StrictStr, AfterValidator(_header_text)]
IpAddress = Annotated[StrictStr, AfterValidator(_ip_address)]
HostName = Annotated[StrictStr, AfterValidator(_host_name)]
SecretAddress = Annotated[SecretStr, AfterValidator(_address)]
SecretToken = Annotated[Annotated[SecretStr, AfterValidator(_token)] | None, BeforeValidator(_none_if_empty)]
SecretDsn = Annotated[Annotated[SecretStr, AfterValidator(_dsn)] | None, BeforeValidator(_none_if_empty)]
SecretAnchor = Annotated[SecretStr, AfterValidator(_anchor)]
MirrorAddress = Annotated[Annotated[SecretStr, AfterValidator(_mirror)] | None, BeforeValidator(_none_if_empty)]
File = Annotated[Path | None, BeforeValidator(_file)]  # None, or "" in a file: there is none
Cron = Annotated[StrictStr, AfterValidator(check_cron)]
