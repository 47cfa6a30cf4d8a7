"""The mock site behaves like the real one, and applies the configured faults."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, get_args
from urllib.parse import urlencode, urlsplit

import pytest

from mocksite.faults import _FAULTS, BOMB, HUGE, Fault, FaultName
from mocksite.server import MockSite
from mocksite.site import Edit, SiteState, Story, load_stories, make_stories

NEWEST = 1_790_613_243  # 2026-09-29 00:34:03 in China


@pytest.fixture
def mocksite() -> Iterator[MockSite]:
    with MockSite(make_stories(60, newest=NEWEST)) as running:
        yield running


def fetch(
    mocksite: MockSite, target: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[http.client.HTTPResponse, bytes]:
    with closing(http.client.HTTPConnection(urlsplit(mocksite.url).netloc, timeout=5)) as connection:
        connection.request(method, target, headers=headers or {})
        response = connection.getresponse()
        return response, response.read()


def roll(mocksite: MockSite, **params: object) -> dict[str, Any]:
    _, body = fetch(mocksite, "/api/roll/get?" + urlencode({"pageid": 155, "lid": 1686, **params}))
    result: dict[str, Any] = json.loads(body)["result"]
    return result


def docids(result: dict[str, Any]) -> list[str]:
    return [item["docid"].removeprefix("comos:") for item in result["data"]]


def raw(mocksite: MockSite, request: bytes) -> bytes:
    """All bytes the server sends until it closes; a reset ends them with the word RESET."""
    url = urlsplit(mocksite.url)
    received = b""
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=5) as peer:
        peer.sendall(request)
        try:
            while piece := peer.recv(65536):
                received += piece
        except ConnectionResetError:
            received += b"RESET"
    return received


def path_of(mocksite: MockSite, number: int = 0) -> str:
    return mocksite.site.stories[number].path


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


# --- stories -----------------------------------------------------------------------------------------------------


def test_every_hand_written_text_opens_its_paragraphs_with_two_wide_spaces() -> None:
    texts = load_stories()
    assert 12 <= len(texts) <= 16
    for text in texts:
        paragraphs = [block for block in text.blocks if block.startswith("<p>")]
        assert 3 <= len(paragraphs) <= 8
        assert all(block.startswith("<p>\u3000\u3000") for block in paragraphs), text.title


def test_stories_are_distinct_deterministic_and_spaced() -> None:
    stories = make_stories(400, newest=NEWEST, every=30)
    assert stories == make_stories(400, newest=NEWEST, every=30)
    assert [story.ctime for story in stories] == [NEWEST - 30 * index for index in range(400)]
    assert len({story.title for story in stories}) == len({story.body for story in stories}) == 400
    assert all(6 <= story.intime - story.ctime <= 469 for story in stories)
    assert all(re.fullmatch(r"[a-z]+\d+", story.docid) and len(story.docid) == 15 for story in stories)
    assert stories[123].docid == "nreplica0000123"


def test_stories_of_two_seeds_share_a_site() -> None:
    both = make_stories(3, newest=NEWEST) + make_stories(3, newest=NEWEST, seed=1, lids=[2519])
    assert len(SiteState(both, "http://x", lambda: NEWEST).stories) == 6
    assert both[-1].lids == (2519,)


def test_a_docid_is_added_once_only() -> None:
    stories = make_stories(1, newest=NEWEST)
    with pytest.raises(ValueError, match="nreplica0000000"):
        SiteState(stories * 2, "http://x", lambda: NEWEST)


def test_of_two_edits_the_later_time_wins_whatever_their_order() -> None:
    [story] = make_stories(1, newest=NEWEST)
    edited = Story(
        **{name: getattr(story, name) for name in story.__struct_fields__} | {"edits": (Edit(20, "b"), Edit(10, "a"))}
    )
    assert edited.as_of(5).title == story.title
    assert (edited.as_of(15).title, edited.as_of(15).mtime) == ("a", 10)
    assert (edited.as_of(20).title, edited.as_of(20).mtime, edited.as_of(20).body) == ("b", 20, story.body)


# --- lists -------------------------------------------------------------------------------------------------------


def test_roll_fields_have_the_types_of_the_real_api(mocksite: MockSite) -> None:
    result = roll(mocksite, num=50)
    assert result["status"] == {"code": 0, "msg": "succ"}
    for name in ("total", "start", "end", "lid", "rtime"):
        assert isinstance(result[name], int), name
    assert re.fullmatch(r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d \+0800 2026", result["timestamp"])
    for item in result["data"]:
        for name in ("ctime", "mtime", "intime", "oid"):
            assert item[name].isdecimal(), name
        assert re.fullmatch(r"comos:[a-z]+\d+", item["docid"])
        assert json.loads(item["urls"]) == [item["url"]]
        assert json.loads(item["hqChart"])["stockCharts"] == "no"
        assert "1686" in item["lids"].split(",")
        assert item["img"] == [] or {type(item["img"][side]) for side in "wh"} == {int}
        assert all({type(image[side]) for side in "wh"} == {str} for image in item["images"])
    assert any(item["img"] for item in result["data"])
    assert any(item["images"] for item in result["data"])


def test_roll_is_ordered_by_ctime_and_pages_to_an_empty_list(mocksite: MockSite) -> None:
    pages = [roll(mocksite, num=50, page=page) for page in (1, 2, 3)]
    assert [len(page["data"]) for page in pages] == [50, 10, 0]
    ctimes = [int(item["ctime"]) for page in pages for item in page["data"]]
    assert ctimes == sorted(ctimes, reverse=True)
    assert (pages[0]["total"], pages[0]["start"], pages[0]["end"]) == (60, ctimes[0], ctimes[49])


@pytest.mark.parametrize(("num", "length"), [("50", 50), ("51", 50), ("9999", 50), ("3", 3), ("0", 10), ("x", 10)])
def test_num_is_capped_and_has_a_default(mocksite: MockSite, num: str, length: int) -> None:
    assert len(roll(mocksite, num=num)["data"]) == length


def test_stories_arrive_by_intime_also_below_known_ones(mocksite: MockSite) -> None:
    late, early = make_stories(2, newest=NEWEST + 1000, every=1, seed=3)
    late, early = (late, early) if late.intime > early.intime else (early, late)
    for story in (late, early):
        mocksite.site.add(story)
    mocksite.clock = late.intime - 1
    assert early.docid in docids(roll(mocksite))
    assert late.docid not in docids(roll(mocksite))
    assert fetch(mocksite, late.path)[0].status == 404
    mocksite.clock = late.intime
    assert docids(roll(mocksite))[:2] == [s.docid for s in sorted((late, early), key=lambda s: -s.ctime)]
    assert fetch(mocksite, late.path)[0].status == 200


def test_a_list_holds_the_stories_whose_lids_name_it(mocksite: MockSite) -> None:
    mocksite.site.add(make_stories(1, newest=NEWEST, lids=[7, 8], seed=9)[0])
    mocksite.clock += 500
    assert roll(mocksite, lid=7)["total"] == roll(mocksite, lid=8)["total"] == 1
    assert roll(mocksite, lid=999)["data"] == []
    assert roll(mocksite, lid="")["status"]["code"] == 11


def test_callback_gives_jsonp(mocksite: MockSite) -> None:
    response, body = fetch(mocksite, "/api/roll/get?lid=1686&num=2&callback=fn")
    call = re.fullmatch(rb"try\{fn\((\{.*\})\);\}catch\(e\)\{\};", body)
    assert call
    assert len(json.loads(call.group(1))["result"]["data"]) == 2
    assert response.headers["Content-Type"].startswith("application/javascript")


@pytest.mark.parametrize("end", ["stime", "ctime"])
def test_history_is_cut_by_ctime(mocksite: MockSite, end: str) -> None:
    result = roll(mocksite, num=50, etime=NEWEST - 300, **{end: NEWEST - 60})
    assert [int(item["ctime"]) for item in result["data"]] == [NEWEST - 60 * n for n in (1, 2, 3, 4, 5)]


def test_a_date_is_a_day_in_china(mocksite: MockSite) -> None:
    # 00:34:03 is the newest story's time, and one comes a minute: 35 of them are of that day.
    assert roll(mocksite, date="2026-09-29")["total"] == 35
    assert roll(mocksite, date="2026-09-28")["total"] == 25
    assert roll(mocksite, date="yesterday")["total"] == 60


def test_a_raw_roll_response_replaces_the_first_page(mocksite: MockSite) -> None:
    mocksite.site.rolls["1686"] = b'{"result": "mine"}'
    assert fetch(mocksite, "/api/roll/get?lid=1686&num=50")[1] == b'{"result": "mine"}'
    assert roll(mocksite, page=2)["data"] == []


def test_rss_lists_the_newest_fifty(mocksite: MockSite) -> None:
    response, body = fetch(mocksite, "/rss.xml")
    links = re.findall(r"<item>.*?<link>(.*?)</link>", body.decode())
    assert links == [mocksite.site.address(story.docid) for story in mocksite.site.stories[:50]]
    assert response.headers["Content-Type"].startswith("application/xml")


# --- pages -------------------------------------------------------------------------------------------------------


def test_an_article_page_has_the_shape_of_the_real_ones(mocksite: MockSite) -> None:
    for story in mocksite.site.stories:
        page = fetch(mocksite, story.path)[1]
        text = page.decode()
        assert 8_000 <= len(page) <= 25_000
        assert f'<meta name="publishid" content="{story.docid}" />' in text
        assert f'<meta property="og:url" content="{mocksite.url}{story.path}" />' in text
        created = datetime.fromtimestamp(story.ctime + 8 * 3600, UTC)  # China time, by its clock face
        assert f'create_at" content="{created:%Y-%m-%d %H:%M:%S}"' in text
        assert f'<span class="date">{created:%Y年%m月%d日 %H:%M}</span>' in text
        assert f'<meta name="mediaid" content="{story.media}">' in text
        assert '<meta property="og:image" content="//' in text
        assert story.body in text
        element = "article" if story.page_layout == "news" else "artibody"
        assert f'<div class="article" id="{element}">' in text
    assert {story.page_layout for story in mocksite.site.stories} == {"finance", "news"}


def test_edits_and_deletions_come_with_the_clock(mocksite: MockSite) -> None:
    story = mocksite.site.stories[2]
    at = mocksite.clock + 100
    mocksite.site.edit(story.docid, at, title="更正：新标题<'1'>")
    mocksite.site.edit(story.docid, at + 100, body="<p>　　改后的正文。</p>")
    mocksite.site.delete(story.docid, at + 200)

    def seen() -> tuple[dict[str, Any] | None, str | None]:
        item = next((i for i in roll(mocksite)["data"] if i["docid"].endswith(story.docid)), None)
        response, body = fetch(mocksite, story.path)
        return item, body.decode() if response.status == 200 else None

    item, page = seen()
    assert item is not None
    assert (item["title"], item["mtime"]) == (story.title, str(story.mtime))
    mocksite.clock = at
    item, page = seen()
    assert item is not None
    assert page is not None
    assert (item["title"], item["mtime"]) == ("更正：新标题<'1'>", str(at))
    assert "<h1 class=\"main-title\">更正：新标题&lt;'1'&gt;</h1>" in page
    assert story.body in page
    mocksite.clock = at + 100
    item, page = seen()
    assert page is not None
    assert "改后的正文" in page
    assert story.body not in page
    mocksite.clock = at + 200
    assert seen() == (None, None)


def test_robots_images_and_unknown_paths(mocksite: MockSite) -> None:
    assert b"Allow: /" in fetch(mocksite, "/robots.txt")[1]
    mocksite.site.robots_text = "User-agent: *\nDisallow: /x\n"
    assert b"Disallow: /x" in fetch(mocksite, "/robots.txt")[1]
    response, body = fetch(mocksite, "/any/picture.jpg")
    assert response.headers["Content-Type"] == "image/png"
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    assert fetch(mocksite, "/nothing.shtml")[0].status == 404


def test_pages_go_before_stories_by_path_query_or_address(mocksite: MockSite) -> None:
    path = path_of(mocksite)
    mocksite.site.pages = {path: b"<p>\xd6\xd0", "/a?b=1": b"query", "http://host.example/a": b"address"}
    response, body = fetch(mocksite, path)
    assert (body, response.headers["Content-Type"]) == (b"<p>\xd6\xd0", "text/html")
    assert fetch(mocksite, "/a?b=1")[1] == b"query"
    assert fetch(mocksite, "/a?b=2")[0].status == 404
    assert fetch(mocksite, "http://host.example/a?b=2")[1] == b"address"


def test_absolute_addresses_are_served_as_a_proxy_would(mocksite: MockSite) -> None:
    path = path_of(mocksite)
    response, body = fetch(mocksite, f"http://finance.sina.com.cn{path}", {"Host": "finance.sina.com.cn"})
    assert response.status == 200
    assert body == fetch(mocksite, path)[1]
    assert (mocksite.hits[0].host, mocksite.hits[0].path) == ("finance.sina.com.cn", path)


# --- the server --------------------------------------------------------------------------------------------------


def test_responses_are_gzipped_for_clients_that_accept_it(mocksite: MockSite) -> None:
    path, accept = path_of(mocksite), {"Accept-Encoding": "deflate, gzip"}
    plain, zipped = fetch(mocksite, path), fetch(mocksite, path, accept)
    assert plain[0].headers["Content-Encoding"] is None
    assert zipped[0].headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped[1]) == plain[1]
    assert fetch(mocksite, "/robots.txt", accept)[0].headers["Content-Encoding"] is None
    mocksite.gzip = False
    assert fetch(mocksite, path, accept)[0].headers["Content-Encoding"] is None


def test_a_connection_serves_many_requests_also_sent_at_once(mocksite: MockSite) -> None:
    last = b"GET /robots.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw(mocksite, get("/robots.txt") * 3 + last).count(b"HTTP/1.1 200 OK") == 4


def test_head_has_no_body_and_other_methods_are_refused(mocksite: MockSite) -> None:
    response, body = fetch(mocksite, path_of(mocksite), method="HEAD")
    assert (response.status, body) == (200, b"")
    assert int(response.headers["Content-Length"]) > 8_000
    assert fetch(mocksite, "/", method="POST")[0].status == 405
    assert raw(mocksite, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_hits_record_requests_and_their_times(mocksite: MockSite) -> None:
    before = time.monotonic()
    fetch(mocksite, "/robots.txt?x=1", {"User-Agent": "me"})
    [hit] = mocksite.hits
    assert (hit.method, hit.path, hit.status, hit.headers["user-agent"]) == ("GET", "/robots.txt?x=1", 200, "me")
    assert before <= hit.at == hit.began <= hit.ended <= time.monotonic()
    mocksite.clear_hits()
    assert mocksite.hits == []


def test_overlapping_answers_overlap_in_the_log(mocksite: MockSite) -> None:
    mocksite.fault("stall", match="robots", seconds=0.1)
    threads = [threading.Thread(target=fetch, args=(mocksite, "/robots.txt")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hits = mocksite.hits
    assert max(hit.began for hit in hits) < min(hit.ended for hit in hits)


def test_closing_cuts_stalled_and_dripping_connections() -> None:
    with MockSite(make_stories(1, newest=NEWEST)) as mocksite:
        mocksite.fault("stall", match="robots")
        mocksite.fault("drip", match="rss")
        url = urlsplit(mocksite.url)
        peers = [socket.create_connection((url.hostname or "", url.port or 0), timeout=5) for _ in range(2)]
        for peer, target in zip(peers, ("/robots.txt", "/rss.xml"), strict=True):
            peer.sendall(get(target))
            assert peer.recv(8).startswith(b"HTTP/1.1")
        closing_at = time.monotonic()
    assert time.monotonic() - closing_at < 5
    for peer in peers:
        peer.close()
    assert [hit.ended >= closing_at for hit in mocksite.hits] == [True, True]


def test_the_program_prints_its_address_and_stops_on_sigterm() -> None:
    command = [sys.executable, "-m", "mocksite", "--articles", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        url = urlsplit(program.stdout.readline().strip())
        with closing(http.client.HTTPConnection(url.netloc, timeout=5)) as connection:
            connection.request("GET", "/api/roll/get?lid=1686")
            assert json.loads(connection.getresponse().read())["result"]["total"] == 3
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=5) == 0


# --- faults ------------------------------------------------------------------------------------------------------


def test_every_fault_name_has_its_function() -> None:
    assert set(_FAULTS) == set(get_args(FaultName))
    with pytest.raises(ValueError, match="no fault is named 'flood'"):
        Fault("flood", ".")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs `to`"):
        Fault("redirect", ".")


def test_a_fault_skips_strikes_and_ends(mocksite: MockSite) -> None:
    mocksite.fault("status", match=r"robots\.txt\?a", skip=1, times=2, status=456)
    statuses = [fetch(mocksite, "/robots.txt?a")[0].status for _ in range(5)]
    assert statuses == [200, 456, 456, 200, 200]
    mocksite.fault("status", match="robots")
    assert fetch(mocksite, "/robots.txt")[0].status == 503
    mocksite.clear_faults()
    assert fetch(mocksite, "/robots.txt")[0].status == 200
    assert [hit.status for hit in mocksite.hits] == [200, 456, 456, 200, 200, 503, 200]


@pytest.mark.parametrize("after", [7, "Tue, 29 Sep 2026 00:00:00 GMT"])
def test_the_status_fault_can_send_retry_after(mocksite: MockSite, after: int | str) -> None:
    mocksite.fault("status", match=".", status=429, retry_after=after)
    response, body = fetch(mocksite, "/")
    assert (response.status, response.headers["Retry-After"]) == (429, str(after))
    assert b"<html>" in body


def test_reset_and_close_break_the_connection(mocksite: MockSite) -> None:
    mocksite.fault("reset", match="doc-i", times=1)
    received = raw(mocksite, get(path_of(mocksite)))
    assert received.startswith(b"HTTP/1.1 200")
    assert received.endswith(b"RESET")
    mocksite.fault("close", match="doc-i")
    assert raw(mocksite, get(path_of(mocksite))) == b""


def test_truncated_answers_tell_it_or_do_not(mocksite: MockSite) -> None:
    path = path_of(mocksite)
    half = fetch(mocksite, path)[1]
    half = half[: len(half) // 2]
    for name in ("truncate", "truncate-chunked"):
        mocksite.clear_faults()
        mocksite.fault(name, match=".")
        with pytest.raises(http.client.IncompleteRead) as caught:
            fetch(mocksite, path)
        assert caught.value.partial == half
    mocksite.clear_faults()
    mocksite.fault("truncate-silent", match=".")
    response, body = fetch(mocksite, path)
    assert (body, response.headers["Content-Length"]) == (half, None)


def test_drip_and_stall_take_their_time(mocksite: MockSite) -> None:
    mocksite.site.robots_text = "slow"
    mocksite.fault("drip", match="robots", seconds=0.02, times=1)
    mocksite.fault("stall", match="robots", seconds=0.05)
    assert [fetch(mocksite, "/robots.txt")[1] for _ in range(2)] == [b"slow", b"slow"]
    dripped, stalled = mocksite.hits
    assert dripped.ended - dripped.began >= 0.08
    assert stalled.ended - stalled.began >= 0.05


def test_charset_and_gbk_mislead_about_the_encoding(mocksite: MockSite) -> None:
    path = path_of(mocksite, 2)
    page = fetch(mocksite, path)[1]
    mocksite.fault("charset", match=".", times=1)
    mocksite.fault("gbk", match=".")
    response, body = fetch(mocksite, path)
    assert (response.headers["Content-Type"], body) == ("text/html; charset=utf-16", page)
    response, body = fetch(mocksite, path)
    assert response.headers["Content-Type"] == "text/html"
    assert "charset" not in body.decode("gbk")
    assert mocksite.site.stories[2].title in body.decode("gbk")


def test_small_wrong_pages_come_with_status_200(mocksite: MockSite) -> None:
    for name in ("empty", "html", "soft-404"):
        mocksite.fault(name, match=".", times=1)
    answers = [fetch(mocksite, "/api/roll/get?lid=1686") for _ in range(3)]
    assert [response.status for response, _ in answers] == [200] * 3
    bodies = [body.decode() for _, body in answers]
    assert bodies[0] == ""
    assert bodies[1].startswith("<html>")
    assert "页面没有找到" in bodies[2]


def test_roll_answers_go_wrong_in_their_own_ways(mocksite: MockSite) -> None:
    healthy = roll(mocksite, num=5)
    for name in ("empty-list", "error-list", "broken-item"):
        mocksite.fault(name, match="roll", times=1)
    empty, failed, broken = (roll(mocksite, num=5) for _ in range(3))
    assert (empty["status"]["code"], empty["data"]) == (0, [])
    assert (failed["status"]["code"], failed["data"]) == (11, [])
    assert failed["status"]["msg"] != "succ"
    assert not {"docid", "url", "title"} & set(broken["data"][2])
    assert broken["data"][:2] + broken["data"][3:] == healthy["data"][:2] + healthy["data"][3:]
    mocksite.fault("empty-list", match="roll", times=1)
    assert fetch(mocksite, "/api/roll/get?lid=1686&callback=fn")[1].startswith(b"try{fn({")
    mocksite.fault("not-json", match="roll")
    response, body = fetch(mocksite, "/api/roll/get?lid=1686")
    assert response.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_roll_faults_do_not_change_other_responses(mocksite: MockSite) -> None:
    page = fetch(mocksite, path_of(mocksite))[1]
    mocksite.fault("empty-list", match=".")
    assert fetch(mocksite, path_of(mocksite))[1] == page


def test_the_huge_fault_sends_chunks_while_the_client_reads(mocksite: MockSite) -> None:
    mocksite.fault("huge", match=".")
    with closing(http.client.HTTPConnection(urlsplit(mocksite.url).netloc, timeout=5)) as connection:
        connection.request("GET", path_of(mocksite))
        response = connection.getresponse()
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert len(response.read(2_000_000)) == 2_000_000
        response.close()
    assert HUGE >= 8 * 8_388_608


def test_bomb_is_small_and_unpacks_to_half_a_gigabyte(mocksite: MockSite) -> None:
    mocksite.fault("bomb", match=".")
    response, body = fetch(mocksite, path_of(mocksite))
    assert response.headers["Content-Encoding"] == "gzip"
    assert len(body) < 600_000
    assert zlib.decompressobj(31).decompress(body, 1000) == b" " * 1000
    assert int.from_bytes(body[-4:], "little") == BOMB


def test_bad_gzip_is_no_gzip(mocksite: MockSite) -> None:
    mocksite.fault("bad-gzip", match=".")
    response, body = fetch(mocksite, path_of(mocksite))
    assert response.headers["Content-Encoding"] == "gzip"
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(body)


def test_redirects_lead_elsewhere_or_round_and_round(mocksite: MockSite) -> None:
    mocksite.fault("redirect", match="doc-i", to="http://10.0.0.1/x", times=1)
    mocksite.fault("redirect-loop", match="doc-i")
    answers = [fetch(mocksite, path_of(mocksite))[0] for _ in range(2)]
    assert [response.status for response in answers] == [302, 302]
    assert [response.headers["Location"] for response in answers] == [
        "http://10.0.0.1/x",
        mocksite.url + path_of(mocksite),
    ]
