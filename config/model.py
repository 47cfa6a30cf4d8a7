"""The settings, typed, checked and frozen. Pure: `config.load` reads files.

An invalid value raises pydantic's ValidationError, a ValueError, so that every value of a `Settings` is valid.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
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

from config.cluster_settings import ClusterSettings, JournalSettings
from config.durations import format_duration
from config.files import DEFAULT_ROOT
from config.health_settings import HealthSettings
from config.proof_settings import ProofSettings
from config.types import (
    CHECKED,
    HOUR,
    Backoff,
    Category,
    Count,
    Cron,
    Folder,
    HeaderText,
    HostName,
    Images,
    Interval,
    ListNumber,
    Name,
    OptionalAge,
    OptionalInterval,
    Seconds,
    SecretAddress,
    Zone,
)

ROLL_ENDPOINT = "https://feed.mix.sina.com.cn/api/roll/get"


def _user_agent() -> str:
    try:
        release = version("finarchive")
    except PackageNotFoundError:  # run from a checkout that was never installed
        release = "0"
    # It names the program, so that a site can recognize its requests and refuse them.
    return f"finarchive/{release} (the finarchive project; archives public news pages)"


FeedKind = Literal["roll", "live", "column", "usstock", "rss", "sitemap"]


class ArchiveSettings(BaseModel):
    """The archive's folder and the format of its files."""

    model_config = CHECKED

    root: Folder = DEFAULT_ROOT
    profile: Literal["sample", "extended", "hugo"] = "sample"  # the format of existing blogs
    body: Literal["faithful", "clean", "markdown"] = "faithful"  # an archive is complete unless configured otherwise
    raw: Literal["warc", "none"] = "warc"  # pages that are not stored now cannot be fetched again later
    # The age at which raw pages that only confirmed a version are removed; "forever": never, because they prove that
    # an article was unchanged at that time.
    raw_keep: OptionalAge = None
    # Opt-in: one image takes more space than its article. "local": and articles link to them.
    images: Images = False
    # Bytes; crawling pauses while less is free. 1 GB is room for what must not fail when the disk is nearly full (a
    # migration or a rebuild of the index of a few hundred thousand articles), and for other programs of the machine.
    # The busiest list measured takes 9 MB a day: the pause is long before a write fails.
    min_free: Annotated[Count, Field(ge=0)] = 1_000_000_000


class NetworkSettings(BaseModel):
    """Requests: politeness, limits, and no access to the local network."""

    model_config = CHECKED

    # Seconds between two requests to one host. One a second fetches the busiest hour measured (50 articles) in a
    # minute; sites answer faster polling with 403. More than an hour would stop the crawl.
    delay: Annotated[Seconds, Field(ge=0, le=3600)] = 1.0
    # Concurrent requests to one host. Two, so that one slow page does not block the queue; above 256 the sockets,
    # and not the host, are the limit.
    concurrency: Annotated[Count, Field(ge=1, le=256)] = 2
    timeout: Annotated[Seconds, Field(gt=0)] = 20.0  # seconds for a whole response; a slower page is retried later
    # Bytes after decompression. Articles have tens of KB: 8 MiB stops a decompression bomb and no page. Below 1 KiB
    # even error pages would be too large, and everything would fail.
    max_body: Annotated[Count, Field(ge=1024)] = 8_388_608
    allow_private: StrictBool = False  # a link in a page must not reach machines of the local network
    obey_robots: StrictBool = True  # obeyed, unless the site's owner has agreed otherwise
    user_agent: HeaderText = Field(default_factory=_user_agent)
    # First back-off from a host that refused (403, 418, 429, 456) without a Retry-After; it doubles up to an hour.
    # Ten seconds cost little if the refusal was a temporary error, and nine doublings reach the hour.
    rest: Backoff = timedelta(seconds=10)


class ScheduleSettings(BaseModel):
    """When lists are polled, how far, and when archived articles are rechecked."""

    model_config = CHECKED

    # Declared before `every`, because each field is checked against those above it. Polls more often than once a
    # minute are not worth their cost: items enter a list up to eight minutes after the time they show.
    min: Interval = timedelta(minutes=1)
    # A busy hour has 50 articles, which is one page. Polling less often would need as many requests, only later.
    max: Interval = HOUR
    every: Interval = timedelta(minutes=5)  # a busy list has about four new items in it, far less than a page
    # Ages at which an archived article is fetched again: most corrections come at once, deletions in days.
    recheck: tuple[Interval, ...] = (HOUR, timedelta(days=1), timedelta(days=7))
    # How often each list is walked over past the lateness that was measured for it; "off" for never. Once a day costs
    # some 40 requests for the busiest list, which polls request a thousand times.
    sweep: OptionalInterval = timedelta(days=1)
    # How often, at most, the first page of a broad list is read while other feeds are heard through it; "off": they
    # are not. With 12 seconds nearly all articles are on the disk 20 seconds after their entry.
    listen: OptionalInterval = timedelta(seconds=12)
    # Maximum number of requests in an hour for rechecks. A busy day has 1,500 articles and 4,500 rechecks: 600, one
    # every six seconds, leave room for articles that lists report as changed.
    rechecks: Annotated[Count, Field(ge=0)] = 600
    # Maximum number of pages, 50 articles each, in one poll. The busiest list measured had about 600 articles a day,
    # so 1,000 articles cover an outage of a day; older ones are a gap for `backfill`.
    pages: Annotated[Count, Field(ge=1, le=1000)] = 20

    @field_validator("max", "every")
    @classmethod
    def _within_bounds(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        minimum, maximum = info.data.get("min"), info.data.get("max")
        if minimum is not None and value < minimum:
            raise _disorder(info.field_name, value, "at least", "min", minimum)
        if maximum is not None and value > maximum:
            raise _disorder(info.field_name, value, "at most", "max", maximum)
        return value


def _disorder(name: str | None, value: timedelta, bound: str, other: str, limit: timedelta) -> Exception:
    """Return the error of two settings that contradict each other; its context names the other one."""
    text = f"schedule.{name} must be {bound} schedule.{other}, which is {format_duration(limit)}"
    return PydanticCustomError("disorder", f"{text}, not {format_duration(value)}", {"other": other})


class ServeSettings(BaseModel):
    """The web view (finarchive serve); only on 127.0.0.1, because there is no authentication."""

    model_config = CHECKED

    # The default of Datasette. 0: any free port.
    port: Annotated[Count, Field(ge=0, le=65_535)] = 8001
    images: StrictBool = True  # stored images only: nothing is loaded from other sites
    # Host names that requests may use, besides localhost and 127.0.0.1: those of a proxy in front. Requests with
    # other names are refused, because a page on the web can let its own name resolve to this machine (DNS rebinding).
    names: tuple[HostName, ...] = ()


class Feed(BaseModel):
    """One list to poll. The order of feeds matters: an article is filed under the first that claims it."""

    model_config = CHECKED

    id: Name
    kind: FeedKind
    # Folders, outermost first. Eight are more than any sensible tree has, and keep paths within system limits.
    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=8)]
    endpoint: StrictStr = ""  # address of the list; a roll feed has a default
    pageid: ListNumber | None = None  # roll: the page with the list; the response hardly depends on it
    lid: ListNumber | None = None  # roll: the list's number, which items have in their `lids`
    every: Interval | None = None  # None: schedule.every
    cron: Cron | None = None  # China time, see config.cron; None: by `every` and the feed's arrival rate
    author: Annotated[StrictStr, Field(min_length=1)] | None = None  # of the posts; see author_name
    zone: Zone = "Asia/Shanghai"  # rss: of times that state none; most feeds here are Chinese
    enabled: StrictBool = True  # a configured feed is polled unless disabled
    broad: StrictBool = False  # other lists are heard through it, where their polls prove that it has their articles

    @model_validator(mode="before")
    @classmethod
    def _default_endpoint(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("kind") == "roll":
            return {"endpoint": ROLL_ENDPOINT, **data}
        return data

    @field_validator("endpoint")
    @classmethod
    def _web_address(cls, value: str, info: ValidationInfo) -> str:
        if not value and "kind" not in info.data:
            return value  # the kind decides if one is needed, and its mistake is reported already
        if not value:
            raise ValueError(f"is missing: a feed of kind {info.data['kind']} needs the address of its list")
        if re.search(r"//[^/?#]*@", value):  # the message does not contain it: it may have a password (D180)
            raise ValueError("must be an address like https://host/path, without a user and a password")
        try:
            parts = urlsplit(value)
            reachable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is not a number, or an invalid address in brackets
            reachable = False
        # urlsplit silently removes tabs and line breaks.
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
    def _every_or_cron(cls, value: object, info: ValidationInfo) -> object:
        # An invalid `every` is not in the data, although it was written.
        if value is not None and info.data.get("every", value) is not None:
            raise ValueError("cannot be combined with every: leave one of them out")
        return value

    @property
    def source(self) -> str:
        """Identity of the list, such as "roll https://host/path lid=1686". Another text means another list.

        The pageid is not part of it: the response hardly depends on it, and a corrected pageid means the same list.
        The lid is part of it only for roll lists.
        """
        return f"{self.kind} {self.endpoint}" + (f" lid={self.lid}" if self.kind == "roll" else "")

    @property
    def name(self) -> str:
        """What people call the feed: its last category."""
        return self.categories[-1]

    @property
    def author_name(self) -> str:
        """The `author` of posts: the configured one, else the second category, else the first."""
        return self.author or self.categories[:2][-1]


class Alert(BaseModel):
    """Messages about new articles that match a query."""

    model_config = CHECKED

    name: Name
    query: StrictStr
    # Addresses in apprise's notation; secret. Empty: they are in the environment of the sending process, which need
    # not be that of other commands.
    urls: tuple[SecretAddress, ...] = ()
    # Maximum number of messages in an hour to one address, evenly spaced: one in five minutes. People mute what
    # notifies more often. More than 360 would be less than the time for which articles are collected.
    at_most: Annotated[Count, Field(ge=1, le=360)] = 12

    @field_validator("query")
    @classmethod
    def _valid_query(cls, value: str, info: ValidationInfo) -> str:
        check: Callable[[str], None] | None = (info.context or {}).get("check_query")
        if check:
            check(value)
        return value


class Settings(BaseModel):
    """The whole configuration."""

    model_config = CHECKED

    archive: ArchiveSettings = ArchiveSettings()
    network: NetworkSettings = NetworkSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    health: HealthSettings = HealthSettings()
    serve: ServeSettings = ServeSettings()
    proof: ProofSettings = ProofSettings()
    journal: JournalSettings = JournalSettings()
    cluster: ClusterSettings = ClusterSettings()
    alerts: tuple[Alert, ...] = ()
    feeds: tuple[Feed, ...] = ()  # `config.load` fills in the built-in feeds; a test may have none

    @field_validator("journal")
    @classmethod
    def _mirror_needs_journal(cls, value: JournalSettings, info: ValidationInfo) -> JournalSettings:
        if value.mirror and "archive" in info.data and info.data["archive"].raw == "none":
            raise ValueError('mirror needs archive.raw = "warc": without raw pages there is no journal to copy')
        return value

    @field_validator("alerts", "feeds")
    @classmethod
    def _unique_names(cls, tables: tuple[Alert | Feed, ...], info: ValidationInfo) -> tuple[Alert | Feed, ...]:
        names = [table.id if isinstance(table, Feed) else table.name for table in tables]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            subject = "feed ids" if info.field_name == "feeds" else "names of alerts"
            text = f"{subject} must be unique, not twice {', '.join(repeated)}"
            raise PydanticCustomError("repeated_id", "{text}", {"text": text})
        return tables
