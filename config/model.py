"""The settings, typed and frozen: what to crawl, how politely, where to, how often.

Pure: loading is `config.load`. Every value is checked here, so that what a `Settings` holds can be trusted
wherever it goes. Mistakes are raised as pydantic's ValidationError (a ValueError).
"""

from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    Field,
    StrictBool,
    StrictStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from config.durations import format_duration
from config.types import (  # fmt: skip
    CHECKED,
    HOUR,
    Backoff,
    Category,
    Count,
    Cron,
    Folder,
    HeaderText,
    HostName,
    Interval,
    ListNumber,
    Name,
    Seconds,
    SecretAddress,
)

ROLL_ENDPOINT = "https://feed.mix.sina.com.cn/api/roll/get"


def _user_agent() -> str:
    try:
        release = version("finarchive")
    except PackageNotFoundError:  # run from a checkout that was never installed
        release = "0"
    # Says plainly who asks, so that a site can tell us apart, and refuse us, without guessing.
    return f"finarchive/{release} (the finarchive project; archives public news pages)"


FeedKind = Literal["roll", "live", "column", "usstock", "rss"]


class ArchiveSettings(BaseModel):
    """Where articles go and what their files look like."""

    model_config = CHECKED

    root: Folder = Path("./news")  # beside the caller: needs no rights, and is easily seen and removed
    profile: Literal["sample", "extended", "hugo"] = "sample"  # the format that existing blogs were built on
    body: Literal["faithful", "clean"] = "faithful"  # an archive leaves nothing out unless asked to
    raw: Literal["warc", "none"] = "warc"  # bytes not kept today cannot be had again
    images: StrictBool = False  # one picture takes more room than its whole article: asked for, not assumed


class NetworkSettings(BaseModel):
    """How the web is asked: politely, within bounds, and never inside the own network."""

    model_config = CHECKED

    # Seconds between two requests to one host. One a second drains the busiest hour measured (50 articles) in
    # a minute; fast polling is answered with 403. More than an hour would be a stop, not a delay.
    delay: Annotated[Seconds, Field(ge=0, le=3600)] = 1.0
    # Requests at once to one host. Two, so that one slow page does not hold up the queue; past 256 the
    # sockets, not the host, are the limit.
    concurrency: Annotated[Count, Field(ge=1, le=256)] = 2
    timeout: Annotated[Seconds, Field(gt=0)] = 20.0  # seconds; a page that takes longer is better retried later
    # Bytes after decompression. Articles have tens of KB: 8 MiB stops a bomb and no page. Under 1 KiB even
    # an error page would not fit, and everything would fail.
    max_body: Annotated[Count, Field(ge=1024)] = 8_388_608
    allow_private: StrictBool = False  # a link in a page must not reach the machines around us
    obey_robots: StrictBool = True  # what a site asks of robots holds unless its owner is asked
    user_agent: HeaderText = Field(default_factory=_user_agent)
    # First rest of a host that refused (403, 418, 429, 456) without a Retry-After; it doubles to an hour. Ten
    # seconds cost little if the refusal was a hiccup, and nine doublings reach the hour.
    rest: Backoff = timedelta(seconds=10)


class ScheduleSettings(BaseModel):
    """When lists are read, how far, and when archived articles are looked at again."""

    model_config = CHECKED

    # Before `every`, because each is checked against those above it. Under a minute polls cost more than they
    # find: items enter a list up to eight minutes after the time they show.
    min: Interval = timedelta(minutes=1)
    # A busy hour brings 50 articles, a whole page: a list read less often takes as many requests, only later.
    max: Interval = HOUR
    every: Interval = timedelta(minutes=5)  # a busy list brings about four items in it, far from a page
    # Ages at which an archived article is fetched again: most corrections come at once, deletions in days.
    recheck: tuple[Interval, ...] = (HOUR, timedelta(days=1), timedelta(days=7))
    # The most requests in an hour that are spent on looking at archived articles again. A busy day brings 1,500
    # articles and 4,500 looks: 600 leave room for what lists say has changed, at one in six seconds.
    rechecks: Annotated[Count, Field(ge=0)] = 600
    # The most pages of a list, 50 articles each, that one poll reads. The busiest list measured had some 600
    # articles a day, so 1,000 reach over a day's outage; what lies further back is a gap for `backfill`.
    pages: Annotated[Count, Field(ge=1, le=1000)] = 20

    @field_validator("max", "every")
    @classmethod
    def _ordered(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        least, most = info.data.get("min"), info.data.get("max")
        if least is not None and value < least:
            raise _disorder(info.field_name, value, "at least", "min", least)
        if most is not None and value > most:
            raise _disorder(info.field_name, value, "at most", "max", most)
        return value


def _disorder(name: str | None, value: timedelta, bound: str, other: str, limit: timedelta) -> Exception:
    """The error of two settings that do not go together; its context names the other one."""
    text = f"schedule.{name} must be {bound} schedule.{other}, which is {format_duration(limit)}"
    return PydanticCustomError("disorder", f"{text}, not {format_duration(value)}", {"other": other})


class HealthSettings(BaseModel):
    """Whether the daemon tells over HTTP how it is doing; on 127.0.0.1 alone, since it tells whoever asks."""

    model_config = CHECKED

    port: Annotated[Count, Field(ge=0, le=65_535)] = 0  # 0 for off: who watches it knows which port is free


class ServeSettings(BaseModel):
    """The reader in the browser (finarchive serve); on 127.0.0.1 alone, since it asks nobody who they are."""

    model_config = CHECKED

    # Datasette's own: who knows it looks there. 0 takes any that is free.
    port: Annotated[Count, Field(ge=0, le=65_535)] = 8001
    images: StrictBool = True  # those that are kept: nothing is ever loaded from elsewhere
    # Names that a request may call it by, beside localhost and 127.0.0.1: those of a proxy in front of it. Any other
    # is refused, because a page on the web can have its own name resolve to this machine.
    names: tuple[HostName, ...] = ()


class Feed(BaseModel):
    """One list to watch. The order of feeds matters: an article is filed under the first that claims it."""

    model_config = CHECKED

    id: Name
    kind: FeedKind
    # Folders, outermost first. Eight is more than any sensible tree, and keeps paths within system limits.
    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=8)]
    endpoint: StrictStr = ""  # address of the list; a roll feed's is filled in
    pageid: ListNumber | None = None  # roll: the page the list stands on; the answer hardly depends on it
    lid: ListNumber | None = None  # roll: the list's number, which items name in their `lids`
    every: Interval | None = None  # None: schedule.every
    cron: Cron | None = None  # China time, see config.cron; None: by `every` and the feed's rhythm
    author: Annotated[StrictStr, Field(min_length=1)] | None = None  # of the posts; see author_name
    enabled: StrictBool = True  # a feed somebody wrote down is meant to be read

    @model_validator(mode="before")
    @classmethod
    def _roll_has_one_endpoint(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("kind") == "roll":
            return {"endpoint": ROLL_ENDPOINT, **data}
        return data

    @field_validator("endpoint")
    @classmethod
    def _on_the_web(cls, value: str, info: ValidationInfo) -> str:
        if not value and "kind" not in info.data:
            return value  # whether one is needed hangs on the kind, which is a mistake already reported
        if not value:
            raise ValueError(f"is missing: a feed of kind {info.data['kind']} needs the address of its list")
        try:
            parts = urlsplit(value)
            reachable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is no number, an address in brackets that is none
            reachable = False
        # urlsplit drops tabs and line breaks without a word.
        if not reachable or not value.isprintable() or " " in value:
            raise ValueError(f"must be an address like https://host/path, not {value!r}")
        return value

    @field_validator("lid")
    @classmethod
    def _roll_needs_lid(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is None and info.data.get("kind") == "roll":
            raise ValueError("is missing: a feed of kind roll needs the number of its list, such as lid = 1686")
        return value

    @field_validator("cron", mode="before")
    @classmethod
    def _one_way_of_timing(cls, value: object, info: ValidationInfo) -> object:
        # An `every` that is itself mistaken is not in the data, and was written nonetheless.
        if value is not None and info.data.get("every", value) is not None:
            raise ValueError("cannot stand beside every: choose one, and leave the other out")
        return value

    @property
    def source(self) -> str:
        """Which list is read, such as "roll https://host/path lid=1686": another text is another list.

        The pageid is left out: the answer hardly depends on it, and one that was put right is the same list. The lid
        counts with roll lists only.
        """
        return f"{self.kind} {self.endpoint}" + (f" lid={self.lid}" if self.kind == "roll" else "")

    @property
    def author_name(self) -> str:
        """What the post's `author` says: the configured one, else the second category, else the first."""
        return self.author or self.categories[:2][-1]


class Alert(BaseModel):
    """What somebody wants to be told of as soon as it is archived."""

    model_config = CHECKED

    name: Name
    query: StrictStr
    # Where to, in apprise's notation; secret. None: they stand in the environment of whoever sends, who need not be
    # who reads the archive.
    urls: tuple[SecretAddress, ...] = ()
    # The most messages in an hour to one address, evenly apart: one in five minutes. What buzzes more often is
    # switched off. More than 360 would be less than the time that articles are gathered for.
    at_most: Annotated[Count, Field(ge=1, le=360)] = 12

    @field_validator("query")
    @classmethod
    def _understood(cls, value: str, info: ValidationInfo) -> str:
        check: Callable[[str], None] | None = (info.context or {}).get("check_query")
        if check:
            check(value)
        return value


class Settings(BaseModel):
    """Everything the configuration says."""

    model_config = CHECKED

    archive: ArchiveSettings = ArchiveSettings()
    network: NetworkSettings = NetworkSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    health: HealthSettings = HealthSettings()
    serve: ServeSettings = ServeSettings()
    alerts: tuple[Alert, ...] = ()
    feeds: tuple[Feed, ...] = ()  # `config.load` puts the built-in list here; a test may want none

    @field_validator("alerts", "feeds")
    @classmethod
    def _names_once(cls, tables: tuple[Alert | Feed, ...], info: ValidationInfo) -> tuple[Alert | Feed, ...]:
        names = [table.id if isinstance(table, Feed) else table.name for table in tables]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            told = "feed ids" if info.field_name == "feeds" else "names of alerts"
            text = f"{told} must be unique, not twice {', '.join(repeated)}"
            raise PydanticCustomError("repeated_id", "{text}", {"text": text})
        return tables
