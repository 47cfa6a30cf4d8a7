"""Secrets of HTTP messages: which headers they are, and that no record has their values."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.journal.gzip_members import members
from archive.journal.warc import WarcWriter, read, warc_files
from archive.journal.warc_records import Group
from archive.model.fetch import RawResponse
from archive.model.secrets import is_secret_header, mask_secrets, without_credentials, without_secrets
from crawler.http.status import of_status, one_line

SECRET = "hunter2"  # noqa: S105 - invented


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "authorization", "Proxy-Authorization", "X-Authorization", "Cookie", "Cookie2", "Set-Cookie",
        "SET-COOKIE2", "WWW-Authenticate", "Proxy-Authenticate", "Authentication-Info", "X-Api-Key", "X-ApiKey",
        "api_key", "X-Auth-Token", "X-Auth", "X-Amz-Security-Token", "X-CSRF-Token", "X-XSRF", "X-Session-Id",
        "Session", "X-Goog-Credential", "Signature", "X-JWT", "SID", "X-Key", "Client-Secret", "X-Password",
    ],
)  # fmt: skip
def test_the_values_of_headers_that_authenticate_are_secret(name: str) -> None:
    assert is_secret_header(name)
    assert without_secrets([(name, SECRET)]) == ((name, ""),)


@pytest.mark.parametrize(
    "name",
    [
        "Content-Type", "Content-Encoding", "Content-Length", "Content-Location", "Location", "Date", "ETag",
        "Last-Modified", "Retry-After", "Transfer-Encoding", "Cache-Control", "Expires", "Vary", "Via", "X-Cache",
        "Age", "Host", "Referer", "User-Agent", "Accept", "Accept-Language", "Author", "X-Keywords", "X-Considered",
        "Server", "",
    ],
)  # fmt: skip
def test_the_values_of_other_headers_are_kept(name: str) -> None:
    assert without_secrets([(name, "as it was")]) == ((name, "as it was"),)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:hunter2@proxy:3128", "http://proxy:3128"),
        ("https://hunter2@host/path?q=1#f", "https://host/path?q=1#f"),
        ("a redirect to //user:hunter2@host/", "a redirect to //host/"),
        ("http://user:hunter2@one/ and socks5h://u:hunter2@two:1080", "http://one/ and socks5h://two:1080"),
        ("http://user:hunter2@x@host/", "http://host/"),
        ("http://user%40mail:hunter2@host", "http://host"),
        ("https://host/@name", "https://host/@name"),
        ("https://host/?mail=a@b", "https://host/?mail=a@b"),
        ("mail a@b.example", "mail a@b.example"),
        ("", ""),
    ],
)
def test_addresses_lose_their_credentials_and_nothing_else(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
    assert one_line(text) == shown


def response() -> RawResponse:
    return RawResponse(
        f"https://user:{SECRET}@host/page",
        302,
        (("Set-Cookie", f"id={SECRET}"), ("Location", f"https://user:{SECRET}@host/next"), ("Date", "today")),
        b"",
        (("Proxy-Authorization", f"Basic {SECRET}"), ("Cookie", SECRET), ("Referer", f"http://u:{SECRET}@host/")),
    )


def test_a_response_has_no_secrets_whoever_makes_it() -> None:
    made = response()
    assert SECRET not in repr(made)
    assert made.headers == (("Set-Cookie", ""), ("Location", "https://host/next"), ("Date", "today"))
    assert [name for name, _ in made.request_headers] == ["Proxy-Authorization", "Cookie", "Referer"]


def test_the_journal_has_no_secrets(tmp_path: Path) -> None:
    group = Group("look", datetime(2026, 9, 29, tzinfo=UTC), b"{}", response())
    writer = WarcWriter(tmp_path, "finarchive/test")
    writer.append([(group, None)])
    writer.close()
    [path] = warc_files(tmp_path)
    records = b"".join(record for _, _, record in members(path))
    assert SECRET.encode() not in records
    assert b"Set-Cookie: \r\n" in records
    assert [each for _, each in read(tmp_path)] == [group]


def test_the_reason_of_a_failure_has_no_credentials() -> None:
    failure = of_status(302, "docid", f"https://user:{SECRET}@host/next")
    assert failure is not None
    assert failure.reason == "status 302: a redirect to https://host/next"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:hunter2@host/rss?token=hunter2&page=2", "https://host/rss?token=***&page=2"),
        ("see https://host/?a=1;api_key=hunter2.", "see https://host/?a=1;api_key=***"),
        ("(https://host/#access_token=hunter2)", "(https://host/#access_token=***)"),
        ("https://h/?X-Amz-Signature=hunter2&Expires=1", "https://h/?X-Amz-Signature=***&Expires=1"),
        (
            "https://h/?auth[key]=hunter2 and https://h/?sig=hunter2",
            "https://h/?auth[key]=*** and https://h/?sig=***",
        ),
        (
            "https://h/?keyword=a&author=b&monkey=c&pageid=1&lid=2",
            "https://h/?keyword=a&author=b&monkey=c&pageid=1&lid=2",
        ),
        ("key=value in a text", "key=value in a text"),
        ("https://h/?token=", "https://h/?token="),
        ("", ""),
    ],
)
def test_messages_have_no_secret_parameters_of_addresses(text: str, shown: str) -> None:
    assert mask_secrets(text) == shown
    assert mask_secrets(shown) == shown
    assert SECRET not in one_line(text)
