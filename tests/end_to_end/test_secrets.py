"""Secrets of the configuration, the environment and the web: no file has them, and no command prints them."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest

from mocksite.server import MockSite
from tests.conftest import Home, Outcome
from tests.support.cookie_proxy import COOKIE, PASSWORD, USER, CookieProxy

ALERT, ANCHOR = "alerttoken", "anchortoken"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, BASIC, COOKIE, ALERT, ANCHOR)
MORE = (
    f'[proof]\nanchors = ["git:https://user:{ANCHOR}@127.0.0.1:9/roots.git"]\n'
    f'[[alerts]]\nname = "mine"\nquery = "a"\nurls = ["json://user:{ALERT}@127.0.0.1:9/"]\n'
)


def found(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def found_in_files(folder: Path) -> list[tuple[str, str]]:
    """The secrets in all files of an archive, with the names of the files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    texts = {
        path.name: (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        for path in files
    }
    return [(name, secret) for name, text in texts.items() for secret in SECRETS if secret.encode() in text]


def run(home: Home, *arguments: str, **env: str) -> Outcome:
    outcome = home.run(*arguments, **env)
    assert not found(outcome.out + outcome.err), arguments
    return outcome


@pytest.mark.slow
def test_an_archive_that_was_made_through_a_proxy_has_no_secrets(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, more=MORE)
    with CookieProxy(mocksite.url) as proxy:
        outcome = run(home, "-v", "-v", "crawl", "--json", http_proxy=proxy.address)
        assert outcome.json["archived"] == 12, outcome.err
        assert proxy.requests > 12
        assert "Set-Cookie: \r\n" in warc_text(home)
        assert "Proxy-Authorization: \r\n" in warc_text(home)
        assert not found_in_files(home.root)

        docid = home.rows("SELECT docid FROM entries LIMIT 1")[0][0]
        for arguments in (
            ("doctor",), ("feeds",), ("feeds", "--json"), ("status",), ("status", "--json"), ("alerts",),
            ("alerts", "--json"), ("alerts", "--test", "mine"), ("proof", "--anchor"), ("show", docid),
            ("show", docid, "--json"), ("verify", "--json"), ("service", "print"),
        ):  # fmt: skip
            run(home, "-v", "-v", *arguments, http_proxy=proxy.address, https_proxy=proxy.address)


def warc_text(home: Home) -> str:
    [path] = (home.root / ".finarchive" / "warc").iterdir()
    return gzip.decompress(path.read_bytes()).decode("latin-1")


def test_doctor_names_a_proxy_without_its_password(home: Home) -> None:
    home.configure("http://127.0.0.1:9/api")
    address = f"http://{USER}:{PASSWORD}@proxy.example:3128"
    outcome = run(home, "doctor", http_proxy=address, ftp_proxy=f"{USER}:{PASSWORD}@other:1")
    assert "http: http://proxy.example:3128" in outcome.out
    assert "ftp: other:1" in outcome.out


def test_an_address_with_a_password_is_not_requested(home: Home, mocksite: MockSite) -> None:
    story = mocksite.site.stories[0]
    address = mocksite.url.replace("http://", f"http://{USER}:{PASSWORD}@")
    mocksite.fault("redirect", match=story.docid, to=f"{address}/elsewhere")
    home.configure(mocksite.endpoint)
    outcome = run(home, "-v", "-v", "crawl", "--json")
    assert (outcome.json["archived"], outcome.json["failed"]) == (11, 1)
    assert "an address of 127.0.0.1 with a user or a password is not requested" in outcome.err
    assert not found_in_files(home.root)
    assert not found(run(home, "status").out)


@pytest.mark.parametrize(
    "text",
    [
        f'alerts = ["tgram://{ALERT}/CHAT"]',
        f'alerts = "tgram://{ALERT}/CHAT"',
        f'[alerts]\nurls = ["tgram://{ALERT}/CHAT"]',
        f'[[alerts]]\nname = "a"\nquery = "x"\nurls = "tgram://{ALERT}/CHAT"',
        f'[[alerts]]\nname = "a"\nquery = "x"\nurls = [{{a = "tgram://{ALERT}/CHAT"}}]',
        f'[[alerts]]\nname = "a"\nquery = "x"\nurl = "tgram://{ALERT}/CHAT"',
        f'proof = "git:https://user:{ANCHOR}@host/"',
        f'proof = ["git:https://user:{ANCHOR}@host/"]',
        f'[proof]\nanchors = "git:https://user:{ANCHOR}@host/"',
        f'[proof]\nanchors = [["git:https://user:{ANCHOR}@host/"]]',
        f'[[feeds]]\nid = "a"\nkind = "rss"\ncategories = ["a"]\nendpoint = "https://user:{PASSWORD}@host/rss"',
        f'[[feeds]]\nid = "a"\nkind = "rss"\ncategories = ["a"]\nendpoint = "ftp://user:{PASSWORD}@host/rss"',
    ],
)
def test_a_mistake_in_the_place_of_a_secret_is_reported_without_it(home: Home, text: str) -> None:
    home.config.write_text(text)
    outcome = run(home, "feeds")
    assert outcome.status == 2
    assert outcome.err
