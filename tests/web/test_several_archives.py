"""The web view over several archives: the pages of one archive with all articles, and what happens without a part."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from datasette.app import Datasette

import web.database
import web.queries.union
from archive.files.layout import index_path
from archive.model.feed import Filing, Poll
from archive.store import Store
from cli.web_server import site_context
from config.model import Settings
from tests.support.search_data import NOW, Story, put
from web.database import UnionReader
from web.queries.pool import QueryPool
from web.queries.process import UserQuery
from web.site import application

Get = Callable[..., httpx.Response]
SETTINGS = Settings.model_validate(
    {
        "feeds": [
            {"id": "china", "kind": "roll", "categories": ["china"], "lid": 1},
            {"id": "stock", "kind": "roll", "categories": ["stock"], "lid": 2},
        ]
    }
)
SLOW = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 150000) SELECT count(*) FROM n"


def fill(root: Path, *feeds: str) -> Path:
    index_path(root).parent.mkdir(parents=True)
    store = Store.open(index_path(root))
    for number, text in enumerate(("增长", "大增"), 1):
        own = [
            Story(f"of{feed}{n}", f"茅台业绩{n}", f"{feed}的{text}", "样例社", ("sh600519",), (feed,))
            for feed in feeds
            for n in (1, 2)
        ]
        put(store, [*own, Story("shared", "茅台分红", text, feeds=feeds)], NOW.replace(hour=number), number)
    for feed in feeds:
        poll = Poll(feed, NOW, 1, (), (), caught_up=True)
        store.listings.commit_poll(poll, Filing(("金融",), "金融"), {}, {})
    store.close()
    return index_path(root)


@pytest.fixture
def indexes(tmp_path: Path) -> dict[str, Path]:
    return {"east": fill(tmp_path / "east", "china"), "西 2": fill(tmp_path / "西 2", "stock")}


@pytest.fixture
def get(indexes: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Get]:
    """Requests to the pages of both archives; one that cannot be read is tried again with each."""
    monkeypatch.setattr(web.queries.union, "RETRY_SECONDS", 0.0)
    yield from served(indexes)


def served(indexes: dict[str, Path]) -> Generator[Get, None, None]:
    with application(indexes, site_context(SETTINGS, lambda: datetime(2026, 10, 1, tzinfo=UTC))) as app:

        async def request(path: str, headers: dict[str, str]) -> httpx.Response:
            transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.get(path, headers=headers)

        with asyncio.Runner() as runner:
            yield lambda path, **headers: runner.run(request(path, headers))


def without_archives(text: str) -> str:
    return re.sub(r"(?:east|西 2)/a/", "a/", text)


def test_documents_are_those_of_one_archive_with_all_articles(get: Get, tmp_path: Path) -> None:
    with closing(served({"one": fill(tmp_path / "one", "china", "stock")})) as alone:
        get_alone = next(alone)
        for path in ("/search.json?q=茅台", "/search.json?sort=time", "/search.json?q=feed:stock+分红"):
            assert without_archives(get(path).text) == get_alone(path).text
        feeds = [re.findall("<title>([^<]*)", each("/search.atom?q=业绩").text) for each in (get, get_alone)]
        assert feeds[0] == feeds[1] != []
        stocks = [re.findall(r'/article/(\w+)"', each("/symbol/sh600519").text) for each in (get, get_alone)]
        assert stocks[0] == stocks[1] != []
        changes, expected = (each("/changes.json").json()["changes"] for each in (get, get_alone))
        assert without_archives(str(sorted(changes, key=str))) == str(sorted(expected, key=str))


def test_each_page_is_shown_and_leads_to_the_tables_of_its_archive(get: Get) -> None:
    for path in (
        "/",
        "/search?q=茅台",
        "/changes",
        "/feeds",
        "/symbol/sh600519",
        "/article/shared",
        "/article/shared/diff",
    ):
        response = get(path)
        assert response.status_code == 200, path
        assert 'role="alert"' not in response.text
        assert '<a href="/index-~E8~A5~BF~202">数据 西 2</a>' in response.text
    assert '"/index-~E8~A5~BF~202/revisions?docid=ofstock1"' in get("/article/ofstock1").text
    feeds = get("/feeds").text
    assert '"/index-east/listings?feed__exact=china"' in feeds
    assert '"/index-~E8~A5~BF~202/listings?feed__exact=stock"' in feeds
    shared = get("/article/shared").text
    assert '"/index-east/revisions?docid=shared"' in shared
    assert "<code>east/a/shared.md</code>" in shared
    assert "<dt>也在</dt><dd>西 2</dd>" in shared
    assert get("/index-~E8~A5~BF~202/revisions.json?docid=ofstock1&_shape=array").json()[0]["number"] == 1
    assert get("/index-east.json?sql=select+count(*)+from+revisions&_shape=arrays").json()["rows"] == [[6]]
    assert get("/article/ofstock1.json").json()["path"] == "西 2/a/ofstock1.md"
    assert get("/index-east/nothing").status_code == 404


def test_without_an_archive_the_pages_go_on_and_say_so_and_documents_refuse(
    get: Get, indexes: dict[str, Path]
) -> None:
    assert get("/search?q=茅台").status_code == 200
    away = indexes["西 2"].rename(indexes["西 2"].with_name("away"))

    page = get("/search?q=茅台")
    assert page.status_code == 200
    assert "这里缺少读不出的档案：<strong>西 2</strong>" in page.text
    assert "ofchina1" in page.text
    assert "ofstock1" not in page.text
    assert "Missing here, because they cannot be read" in get("/", **{"accept-language": "en"}).text
    for path in ("/search.json?q=茅台", "/search.atom", "/changes.json"):
        refused = get(path)
        assert (refused.status_code, "2/.finarchive/index.db" in refused.text) == (503, True), path

    away.rename(indexes["西 2"])
    assert "ofstock1" in get("/search?q=茅台").text
    assert get("/search.json?q=茅台").json()["total"] == 5


def test_an_archive_that_is_damaged_while_it_is_served_does_not_take_the_others_down(
    get: Get, indexes: dict[str, Path]
) -> None:
    assert get("/article/ofchina1").status_code == 200
    size = indexes["西 2"].stat().st_size
    with indexes["西 2"].open("r+b") as file:
        file.seek(4096)
        file.write(b"\xab" * (size - 4096))

    for path in ("/search?q=业绩", "/changes", "/article/ofchina1"):
        page = get(path)
        assert (page.status_code, "ofchina1" in page.text) == (200, True), path
    assert "is damaged" in get("/search?q=业绩").text


def test_the_time_limit_holds_for_all_archives_together(
    indexes: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = UnionReader(Datasette([], settings={"num_sql_threads": 1}), indexes)

    def each_for(seconds: float) -> Callable[[Any], None]:
        def read(store: Any) -> None:
            for each in store.stores:
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    each._db.execute(SLOW).fetchall()

        return read

    monkeypatch.setattr(web.database, "READ_TIMEOUT_MILLISECONDS", 500)
    asyncio.run(reader.read(each_for(0.01)))
    with pytest.raises(TimeoutError):
        asyncio.run(reader.read(each_for(0.4)))


def test_sql_of_readers_has_as_many_processes_as_for_one_archive(get: Get, indexes: dict[str, Path]) -> None:
    pool = QueryPool([*indexes.values()])
    for place in (0, 1, 0, 1):
        assert pool.run(UserQuery("SELECT count(*) FROM revisions", (), 1000, None, place)).rows == [(6,)]
    assert len(pool._running) == 1, "one after the other needs one process"
    pool.close()
    for path in ("/index-east.json?sql=select+1", "/index-~E8~A5~BF~202.json?sql=select+1"):
        assert get(path).json()["rows"] == [[1]]
