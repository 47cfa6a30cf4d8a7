"""Which character set a page is really in: headers and metas lie, the bytes do not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.extract.charset import decode, is_misread
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


# UTF-8 is recognised by its bytes

LONG = "<i>x</i>" * 40_000  # 300 KB of markup
SHORT = "<p>沪指收涨1.2%。</p>"


@pytest.mark.parametrize(
    "stated", ["gbk", "gb2312", "gb18030", "big5", "shift_jis", "euc-kr", "windows-1251", "utf-16"]
)
@pytest.mark.parametrize(
    "text", [SHORT, f"{LONG}{SHORT}", "<p>é</p>", "<p>Привет, мир</p>", "<p>中</p>", "<p>😀</p>"]
)
def test_valid_utf_8_is_utf_8_whatever_header_and_meta_state(stated: str, text: str) -> None:
    meta = f'<meta charset="{stated}">'
    assert decode(text.encode(), f"text/html; charset={stated}") == text
    assert decode(f"{meta}{text}".encode()) == f"{meta}{text}"
    assert decode(f'<?xml version="1.0" encoding="{stated}"?>{text}'.encode()).endswith(text)


@pytest.mark.parametrize("stated", ["utf-8", "gbk", "gb2312", ""])
@pytest.mark.parametrize("text", [SHORT, f"{LONG}{SHORT}"])
def test_a_short_chinese_text_in_gbk_is_read_as_gbk_however_long_the_page_is(stated: str, text: str) -> None:
    assert decode(text.encode("gbk"), f"text/html; charset={stated}") == text


@pytest.mark.parametrize("stated", ["utf-8", "gbk", ""])
@pytest.mark.parametrize("broken", [b"\xe4\xb8", b"\xff", b"\xa1", b"\xf0\x9f\x98"])
@pytest.mark.parametrize(
    "around", [("", ""), ("", LONG), (SHORT * 200, SHORT * 200)], ids=["short", "markup", "long"]
)
def test_a_broken_character_does_not_hide_utf_8(stated: str, broken: bytes, around: tuple[str, str]) -> None:
    before, after = (f"{SHORT}{part}" for part in around)
    text = decode(before.encode() + broken + after.encode(), f"text/html; charset={stated}")
    assert text.startswith(before)
    assert text.endswith(after)
    assert set(text.removeprefix(before).removesuffix(after)) == {"\ufffd"}


@pytest.mark.parametrize("cut", range(6, len(SHORT.encode())))
@pytest.mark.parametrize("stated", ["gbk", "utf-8"])
def test_a_text_that_is_cut_in_a_character_is_read_up_to_it(stated: str, cut: int) -> None:
    data = SHORT.encode()[:cut]
    whole = data.decode("utf-8", "ignore")
    assert decode(data, f"text/html; charset={stated}").removesuffix("\ufffd") == whole


def test_replacement_characters_of_the_site_itself_break_nothing() -> None:
    text = "<p>\ufffd\ufffd\ufffd中\ufffd</p>"
    assert decode(text.encode(), "text/html; charset=gbk") == text


@pytest.mark.parametrize("word", ["路透", "贸易", "忙茫", "锚定"])
def test_a_chinese_word_that_is_utf_8_by_chance_is_read_as_stated(word: str) -> None:
    text = f"<p>{word}</p>"
    assert decode(text.encode("gb2312"), "text/html; charset=gb2312") == text


def test_accents_among_ascii_letters_are_no_chinese_word() -> None:
    text = "<p>Nestlé · Citroën © 2026</p>"
    assert decode(text.encode(), "text/html; charset=gbk") == text


def test_ascii_is_ascii() -> None:
    for stated in ("gbk", "utf-8", "big5", "iso-8859-1", ""):
        assert decode(b"<p>a</p>", f"text/html; charset={stated}") == "<p>a</p>"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_not_taken_for_utf_8(encoding: str) -> None:
    text = "<p>\u8cc3</p>"  # its two bytes are also a character of UTF-8
    assert decode(text.encode(encoding), f"text/html; charset={encoding}") == text


def test_a_byte_order_mark_takes_precedence_over_the_header() -> None:
    assert decode("<p>abc中</p>".encode("utf-16"), "text/html; charset=gbk") == "<p>abc中</p>"


def test_a_western_charset_counts_in_xml_only() -> None:
    feed = '<?xml version="1.0" encoding="iso-8859-1"?><p>Nestlé refuse</p>'
    assert decode(feed.encode("latin-1")) == feed
    unstated = '<?xml version="1.0"?><p>Nestlé refuse</p>'
    assert decode(unstated.encode("latin-1"), "text/xml; charset=iso-8859-1") == unstated
    assert decode(GBK, "text/html; charset=iso-8859-1") == TEXT, "servers state it by default"


@settings(max_examples=examples(200), deadline=None)
@given(
    text=st.text(st.characters(codec="gb2312", min_codepoint=0x4E00), min_size=4, max_size=40),
    markup=st.integers(0, 5000),
    stated=st.sampled_from(["utf-8", "gbk", "big5", "iso-8859-1", ""]),
)
def test_chinese_text_comes_back_from_both_charsets(text: str, markup: int, stated: str) -> None:
    page = f"<p>沪指收涨，{text}{'<b></b>' * markup}</p>"
    assert decode(page.encode(), f"text/html; charset={stated}") == page
    if stated != "big5":  # of which GB2312 may be valid text by chance
        assert decode(page.encode("gb2312"), f"text/html; charset={stated}") == page


# Titles that were read in a wrong charset


TITLE = "央行：降准0.5个百分点"


@pytest.mark.parametrize(
    "wrong",
    [
        TITLE.encode().decode("latin-1"),
        TITLE.encode().decode("iso8859-2"),
        TITLE.encode().decode("gb18030", "replace"),
        TITLE.encode("gb18030").decode("latin-1"),
        TITLE.encode("gb18030").decode("utf-8", "replace"),
        " ".join(TITLE.encode().decode("latin-1").split()),
        "央行：降\ufffd\ufffd0.5个百分点",
        "\ufffd：降准0.5个百分点",
        "央行：降准0.5个百\ufffd",
    ],
)
def test_a_title_in_a_wrong_charset_is_recognized_by_the_right_one(wrong: str) -> None:
    assert is_misread(wrong, TITLE)


@pytest.mark.parametrize(
    "other",
    ["", TITLE, "央行：降准0.25个百分点", "央行\ufffd加息0.5个百分点", "\ufffd", "Fed cuts rates", "Ã©conomie"],
)
def test_another_title_is_not_taken_for_one_in_a_wrong_charset(other: str) -> None:
    assert not is_misread(other, TITLE)
    assert not is_misread(TITLE, other)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_two_titles_can_be_compared(one: str, other: str) -> None:
    assert is_misread(one, one) is False
    is_misread(one, other)
