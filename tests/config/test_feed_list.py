"""``[[feeds]]`` with ``extends = "builtin"``: which feeds are in force, and the mistakes that are reported."""

from pathlib import Path

import pytest

from config.feeds.edits import add_feeds, switch_feed
from config.load import ConfigError, builtin_feeds, load
from config.model import Feed

BUILTIN = [feed.id for feed in builtin_feeds()]
EXTENDS = '[[feeds]]\nextends = "builtin"\n'
OWN = '[[feeds]]\nid = "{}"\nkind = "rss"\ncategories = ["a"]\nendpoint = "https://a.cn/f"\n'


def loaded(folder: Path, text: str) -> tuple[Feed, ...]:
    """The feeds that a configuration file puts in force."""
    path = folder / "finarchive.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, {}).feeds


def mistakes(folder: Path, text: str) -> list[str]:
    """The mistakes in a configuration file."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return [str(each).partition("finarchive.toml:")[2] for each in caught.value.mistakes]


def test_the_built_in_feeds_take_the_place_of_the_table_that_extends_them(tmp_path: Path) -> None:
    assert loaded(tmp_path, EXTENDS) == builtin_feeds()
    ids = [feed.id for feed in loaded(tmp_path, EXTENDS + OWN.format("x") + OWN.format("y"))]
    assert ids == [*BUILTIN, "x", "y"]
    ids = [feed.id for feed in loaded(tmp_path, OWN.format("x") + EXTENDS + OWN.format("y"))]
    assert ids == ["x", *BUILTIN, "y"]


def test_built_in_feeds_are_switched_by_their_ids(tmp_path: Path) -> None:
    feeds = loaded(tmp_path, EXTENDS + 'enabled = ["tech", "china"]\ndisabled = ["top10", "society"]\n')
    changed = [feed.id for feed, before in zip(feeds, builtin_feeds(), strict=True) if feed != before]
    assert changed == ["top10", "tech"]
    assert [feed.id for feed in feeds if feed.enabled] == [
        feed.id for feed in builtin_feeds() if feed.id == "tech" or (feed.enabled and feed.id != "top10")
    ]


def test_a_table_with_the_id_of_a_built_in_feed_replaces_it_in_its_place(tmp_path: Path) -> None:
    feeds = loaded(tmp_path, EXTENDS + OWN.format("china") + OWN.format("x"))
    assert [feed.id for feed in feeds] == [*BUILTIN, "x"]
    assert feeds[BUILTIN.index("china")].endpoint == "https://a.cn/f"


def test_feeds_without_a_table_that_extends_replace_the_built_in_ones(tmp_path: Path) -> None:
    assert [feed.id for feed in loaded(tmp_path, OWN.format("china"))] == ["china"]


def test_mistakes_have_their_lines_also_behind_built_in_feeds(tmp_path: Path) -> None:
    text = (
        EXTENDS
        + 'enabled = ["tech", "chnia"]\ndisabled = ["top10", "tech", "china"]\n'
        + OWN.format("x").replace("https", "ftp")
        + '[[feeds]]\nextends = "bultin"\nenable = []\n'
        + OWN.format("china")
        + "enalbed = false\n"
        + OWN.format("x")
    )
    known = ", ".join(BUILTIN)
    assert mistakes(tmp_path, text) == [
        "3: feeds[#1].enabled: names 'chnia', which is no built-in feed; did you mean \"china\"?",
        "4: feeds[#1].disabled: names 'tech', which is in enabled too: leave it in one of them",
        "4: feeds[#1].disabled: names 'china', which has a table of its own: set enabled there",
        "9: feeds[x].endpoint: must be an address like https://host/path, not 'ftp://a.cn/f'",
        "11: feeds[#3].extends: extends the built-in feeds again: feeds 1 does already",
        "11: feeds[#3].extends: must be 'builtin', not 'bultin'",
        '12: feeds[#3].enable: unknown key; did you mean "enabled"?',
        '18: feeds[china].enalbed: unknown key; did you mean "enabled"?',
        "20: feeds[#5].id: must be unique, but feed 2 is 'x' too",
    ]
    assert mistakes(tmp_path, EXTENDS + 'disabled = ["zzzzzz"]')[0].endswith(f"no built-in feed; known are {known}")
    assert mistakes(tmp_path, EXTENDS + 'id = "x"') == [
        "3: feeds[#1].id: unknown key; known are extends, enabled, disabled"
    ]
    assert mistakes(tmp_path, EXTENDS + "enabled = true") == ["3: feeds[#1].enabled: must be a list, not true"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# c\n[network]\ndelay = 1 # d",
        EXTENDS + "disabled = [ # why\n  'china',\n]\n\n[network]\ndelay = 1\n",
        OWN.format("x") + "\n[archive]\nroot = 'n'\n" + OWN.format("tech"),
        "feeds = [{extends = 'builtin', enabled = ['all']}] # one line\n[network]\ndelay = 1\n",
    ],
)
def test_a_switched_feed_is_on_or_off_and_nothing_else_changes(tmp_path: Path, text: str) -> None:
    comments = {line for line in text.split("\n") if line.endswith(("# c", "# d"))}
    for name in ("china", "tech", "all"):
        for enabled in (True, False, True):
            before = {feed.id: feed for feed in loaded(tmp_path, text)}
            text = switch_feed(text, name, enabled=enabled)
            after = {feed.id: feed for feed in loaded(tmp_path, text)}
            if enabled or name in after:
                assert after.pop(name).enabled is enabled
            before.pop(name, None)
            assert after == before
    assert comments <= set(text.split("\n"))


def test_added_feeds_come_last_and_are_as_given(tmp_path: Path) -> None:
    feed = Feed.model_validate(
        {"id": "new", "kind": "rss", "categories": ['"\\\n\x7f题'], "endpoint": "https://b.cn/'\"", "every": "90s"}
    )
    one_line = "feeds = [{id = 'x', kind = 'rss', categories = ['a'], endpoint = 'https://a.cn/f'}]"
    for text in ("", "[network]\ndelay = 1", EXTENDS, OWN.format("x"), one_line):
        before = loaded(tmp_path, text)
        assert loaded(tmp_path, add_feeds(text, [feed])) == (*before, feed)
