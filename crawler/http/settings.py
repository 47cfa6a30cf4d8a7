"""Scrapy's settings, derived from ``[network]``: polite, bounded, and without the features that are not used."""

from __future__ import annotations

from typing import Any

from config.model import NetworkSettings
from crawler.http import ssrf
from crawler.http.coding import ACCEPTED

# Sina's lists and image hosts answer 403 without a Referer (observed).
REFERER = "https://finance.sina.com.cn/"
MAX_REDIRECTS = 5  # http to https, host moved, section moved: real pages need two or three
# Requests that Scrapy may hold beyond those in flight: polls, robots.txt and other hosts need room beside a host
# whose queue is full.
QUEUED_REQUESTS = 64

# The downloader middlewares of Scrapy that are used, in its order.
_MIDDLEWARES = {
    "downloadtimeout.DownloadTimeoutMiddleware": 350,
    "defaultheaders.DefaultHeadersMiddleware": 400,
    "useragent.UserAgentMiddleware": 500,
    "redirect.RedirectMiddleware": 600,
    "httpproxy.HttpProxyMiddleware": 750,
}

# Settings that do not depend on the configuration.
_FIXED: dict[str, Any] = {
    "DEFAULT_REQUEST_HEADERS": {
        "Accept": "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8",
        "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5",
        "Accept-Encoding": ACCEPTED,
        "Referer": REFERER,
    },
    "DOWNLOAD_DELAY_JITTER": 0,  # the configured delay is a minimum
    "DOWNLOAD_WARNSIZE": 0,
    "DOWNLOAD_FAIL_ON_DATALOSS": True,
    "DOWNLOAD_VERIFY_CERTIFICATES": True,  # records serve as evidence: the sender must be authentic
    "REDIRECT_MAX_TIMES": MAX_REDIRECTS,
    "DOWNLOADER": "crawler.http.downloader.DirectDownloader",
    "DOWNLOAD_HANDLERS": {
        "http": "crawler.http.handler.PoliteHandler",
        "https": "crawler.http.handler.PoliteHandler",
        **dict.fromkeys(("data", "file", "ftp", "s3")),
    },
    # Only the components named here are loaded. Scrapy's defaults include a telnet console and, since 2.19, a port
    # that runs code for the holder of a token. Components that are only disabled would still be imported, which takes
    # a fifth of a crawl's start. See D120.
    "EXTENSIONS_BASE": {},
    "SPIDER_MIDDLEWARES_BASE": {},  # no response goes through Scrapy's scraper
    "DOWNLOADER_MIDDLEWARES_BASE": {
        "crawler.http.robots.StrictRobots": 100,
        **{f"scrapy.downloadermiddlewares.{name}": place for name, place in _MIDDLEWARES.items()},
        "crawler.http.middleware.RequestMiddleware": 610,  # before redirects are followed
        "crawler.http.middleware.RobotsSizeLimit": 620,
    },
    "TWISTED_DNS_RESOLVER": "crawler.http.ssrf.GuardedResolver",
    # The index decides on duplicates, retries and back-off, because it outlives the process.
    "DUPEFILTER_CLASS": "scrapy.dupefilters.BaseDupeFilter",
    "HTTPERROR_ALLOW_ALL": True,
    "STATS_DUMP": False,
    "LOG_INSTALL_ROOT_HANDLER": False,  # the command line configures logging
    "LOG_VERSIONS": [],
    # It looks for a mistake in callbacks through all loaded modules, for a tenth of a second at the first response.
    "WARN_ON_GENERATOR_RETURN_VALUE": False,
}


def scrapy_settings(network: NetworkSettings) -> dict[str, Any]:
    """Return the settings for a Scrapy crawler."""
    return _FIXED | {
        "USER_AGENT": network.user_agent,
        "ROBOTSTXT_OBEY": network.obey_robots,
        "DOWNLOAD_DELAY": network.delay,
        "CONCURRENT_REQUESTS_PER_DOMAIN": network.concurrency,
        "CONCURRENT_REQUESTS": 2 * network.concurrency + QUEUED_REQUESTS,
        "DOWNLOAD_TIMEOUT": network.timeout,
        "DOWNLOAD_MAXSIZE": network.max_body,
        ssrf.ALLOW_PRIVATE: network.allow_private,
    }
