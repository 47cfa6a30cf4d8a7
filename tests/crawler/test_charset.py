"""Which character set a page is really in: headers and metas lie, the bytes do not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.extract.charset import decode
from tests.support.examples import examples

TEXT = "<p>　　新浪财经讯：“两会”召开，上证指数收涨1.2%。</p>"
UTF8, GBK = TEXT.encode(), TEXT.encode("gb18030")


def with_meta(charset: str, encoding: str) -> bytes:
    return f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">{TEXT}'.encode(encoding)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (UTF8, ""),
        (UTF8, "text/html"),
        (UTF8, "text/html; charset=utf-8"),
        (UTF8, 'text/html; charset="UTF-8"'),
        (UTF8, "text/html; charset=gb2312"),  # the header lies
        (UTF8, "text/html; charset=no-such-charset"),
        (UTF8, "nonsense;;;=\x00"),
        (GBK, ""),
        (GBK, "text/html; charset=gb2312"),
        (GBK, "text/html; charset=GBK"),
        (GBK, "text/html; charset=utf-8"),  # the header lies
        (b"\xef\xbb\xbf" + UTF8, ""),
        (b"\xef\xbb\xbf" + UTF8, "text/html; charset=utf-8"),
        (b"\xef\xbb\xbf" + UTF8, "text/html; charset=gbk"),
        (TEXT.encode("utf-16"), ""),
        (TEXT.encode("utf-16"), "text/html; charset=utf-16"),
        (TEXT.encode("big5", "replace"), "text/html; charset=big5"),
    ],
)
def test_text_is_read_in_the_charset_it_is_in(body: bytes, content_type: str) -> None:
    expected = TEXT if "big5" not in content_type else TEXT.encode("big5", "replace").decode("big5")
    assert decode(body, content_type) == expected


@pytest.mark.parametrize(
    ("stated", "real"),
    [("utf-8", "utf-8"), ("gb2312", "gb18030"), ("gbk", "gb18030"), ("utf-8", "gb18030"), ("gb2312", "utf-8"),
     ("utf-16", "utf-8"), ("x-unknown", "utf-8"), ("x-unknown", "gb18030")],
)  # fmt: skip
def test_a_meta_charset_is_used_if_the_bytes_agree(stated: str, real: str) -> None:
    assert decode(with_meta(stated, real)).endswith(TEXT)


def test_a_page_that_calls_itself_gb2312_may_hold_characters_of_gb18030() -> None:
    rare = "<p>朱镕基、㑇、𠀀、€</p>"
    assert decode(rare.encode("gb18030"), "text/html; charset=gb2312") == rare


def test_a_broken_character_or_two_do_not_change_the_charset() -> None:
    text = TEXT * 20
    assert decode(text.encode() + b"\xe4\xb8</p>") == f"{text}\ufffd</p>"
    assert decode(text.encode("gb18030") + b"\xff</p>").startswith(text)


def test_when_none_fits_the_least_broken_is_taken() -> None:
    assert "<p>" in decode(b"<p>" + b"\xff\xfe\xff" * 50)


def test_nothing_is_nothing() -> None:
    assert decode(b"") == ""
    assert decode(b"", "text/html; charset=utf-16") == ""


@pytest.mark.parametrize("charset", ["rot13", "hex", "base64", "zip", "idna", "undefined", "punycode"])
@pytest.mark.parametrize("where", ["header", "meta"])
def test_a_python_codec_that_is_no_charset_is_skipped(where: str, charset: str) -> None:
    if where == "header":
        assert decode(UTF8, f"text/html; charset={charset}") == TEXT
    else:
        assert decode(with_meta(charset, "utf-8")).endswith(TEXT)


@settings(max_examples=examples(200), deadline=None)
@given(body=st.binary(max_size=80), charset=st.sampled_from(["", "utf-8", "gbk", "utf-16", "utf-32", "big5", "?"]))
def test_any_bytes_give_a_text(body: bytes, charset: str) -> None:
    assert isinstance(decode(body, f"text/html; charset={charset}"), str)


@settings(max_examples=examples(100), deadline=None)
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\ufffd\ufeff\0")))
def test_a_text_in_utf_8_comes_back_whole(text: str) -> None:
    assert decode(f"<p>{text}</p>".encode(), "text/html; charset=utf-8") == f"<p>{text}</p>"
