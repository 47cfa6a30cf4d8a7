"""Scrapy's settings, from ours: polite, bounded, and with every door shut that this program does not use."""

from __future__ import annotations

from typing import Any

from config.model import NetworkSettings
from crawler.http import ssrf

# 403 without one (seen on Sina's lists and picture hosts).
REFERER = "https://finance.sina.com.cn/"
MAX_REDIRECTS = 5  # http to https, host moved, section moved: real pages need two or three
# Requests in Scrapy's hands beyond those on the wire: polls, robots.txt and other hosts must find room beside a
# host whose queue is full.
ROOM = 64

# Of what Scrapy does with each request, what we use, in its order.
_MIDDLEWARES = {
    "downloadtimeout.DownloadTimeoutMiddleware": 350,
    "defaultheaders.DefaultHeadersMiddleware": 400,
    "useragent.UserAgentMiddleware": 500,
    "httpcompression.HttpCompressionMiddleware": 590,
    "redirect.RedirectMiddleware": 600,
    "httpproxy.HttpProxyMiddleware": 750,
    "stats.DownloaderStats": 850,
}

# What holds whatever the configuration says.
_FIXED: dict[str, Any] = {
    "DEFAULT_REQUEST_HEADERS": {
        "Accept": "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8",
        "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5",
        "Accept-Encoding": "gzip, deflate",  # those of which we can tell that they are whole
        "Referer": REFERER,
    },
    "DOWNLOAD_DELAY_JITTER": 0,  # the delay is a promise: never less
    "DOWNLOAD_WARNSIZE": 0,
    "DOWNLOAD_FAIL_ON_DATALOSS": True,
    "DOWNLOAD_VERIFY_CERTIFICATES": True,  # a record that is to prove something must know whom it heard
    "REDIRECT_MAX_TIMES": MAX_REDIRECTS,
    "DOWNLOAD_HANDLERS": {
        "http": "crawler.http.handler.PoliteHandler",
        "https": "crawler.http.handler.PoliteHandler",
        **dict.fromkeys(("data", "file", "ftp", "s3")),
    },
    # What we use of Scrapy is named here, the rest is not there: by default that is a console over telnet and, since
    # 2.19, a port that runs code for whoever holds a token. What is only switched off would still be imported, which
    # takes a fifth of a crawl's start. See D120.
    "EXTENSIONS_BASE": {},
    "DOWNLOADER_MIDDLEWARES_BASE": {
        "crawler.http.robots.StrictRobots": 100,
        **{f"scrapy.downloadermiddlewares.{name}": place for name, place in _MIDDLEWARES.items()},
        "crawler.http.middleware.RequestMiddleware": 610,  # after redirects and before the content coding is undone
    },
    "TWISTED_DNS_RESOLVER": "crawler.http.ssrf.GuardedResolver",
    # Duplicates, as retries and back-off, are decided from the index, where they outlive the process.
    "DUPEFILTER_CLASS": "scrapy.dupefilters.BaseDupeFilter",
    "HTTPERROR_ALLOW_ALL": True,
    # The spider yields no items; Scrapy would still start so many workers for each answer's output. See D14.
    "CONCURRENT_ITEMS": 1,
    "STATS_DUMP": False,
    "LOG_INSTALL_ROOT_HANDLER": False,  # where log lines go is the command line's to say
    "LOG_VERSIONS": [],
}


def scrapy_settings(network: NetworkSettings) -> dict[str, Any]:
    """The settings for a Scrapy crawler."""
    return _FIXED | {
        "USER_AGENT": network.user_agent,
        "ROBOTSTXT_OBEY": network.obey_robots,
        "DOWNLOAD_DELAY": network.delay,
        "CONCURRENT_REQUESTS_PER_DOMAIN": network.concurrency,
        "CONCURRENT_REQUESTS": 2 * network.concurrency + ROOM,
        "DOWNLOAD_TIMEOUT": network.timeout,
        "DOWNLOAD_MAXSIZE": network.max_body,
        ssrf.ALLOW_PRIVATE: network.allow_private,
    }
