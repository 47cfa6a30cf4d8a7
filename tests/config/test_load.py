import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.durations import ACCEPTED
from config.files import known_root, root_source
from config.load import ConfigError, Mistake, builtin_feeds, find, load
from config.model import ArchiveSettings, Settings

NO_LID = "is missing: a feed of kind roll needs the number of its list, such as lid = 1686"
ROLL = 'kind = "roll"\ncategories = ["a", "b"]\nlid = 1\n'


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(text: str | bytes) -> Path:
        path = tmp_path / "finarchive.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def mistakes_in(path: Path | None, env: dict[str, str] | None = None) -> list[str]:
    """The lines of the error that loading gives, with the file's folder left out."""
    with pytest.raises(ConfigError) as caught:
        load(path, env or {})
    assert len(str(caught.value).splitlines()) == len(caught.value.mistakes)
    folder = f"{path.parent}/" if path else ""
    return str(caught.value).replace(folder, "").splitlines() if folder else str(caught.value).splitlines()


# Finding the file


def test_file_is_found_in_order(tmp_path: Path) -> None:
    here, system, named, variable = (tmp_path / n for n in ("finarchive.toml", "system.toml", "c.toml", "env.toml"))
    env = {"FINARCHIVE_CONFIG": "env.toml"}
    for path in (here, system, named, variable):
        path.touch()
    assert find(Path("c.toml"), env, tmp_path, system) == named
    assert find(None, env, tmp_path, system) == variable
    assert find(None, {}, tmp_path, system) == here
    assert find(None, {"FINARCHIVE_CONFIG": ""}, tmp_path, system) == here
    here.unlink()
    assert find(None, {}, tmp_path, system) == system
    system.unlink()
    assert find(None, {}, tmp_path, system) is None


def test_named_file_that_is_missing_is_a_mistake_and_not_skipped(tmp_path: Path) -> None:
    (tmp_path / "finarchive.toml").touch()
    with pytest.raises(ConfigError, match=r"missing\.toml: does not exist, but -c names it"):
        find(Path("missing.toml"), {}, tmp_path)
    with pytest.raises(ConfigError, match=r"gone\.toml: does not exist, but \$FINARCHIVE_CONFIG names it"):
        find(None, {"FINARCHIVE_CONFIG": "gone.toml"}, tmp_path)


def test_link_to_nowhere_is_found_so_that_reading_can_tell(tmp_path: Path) -> None:
    link = tmp_path / "finarchive.toml"
    link.symlink_to(tmp_path / "gone.toml")
    assert find(None, {}, tmp_path, tmp_path / "no.toml") == link
    assert mistakes_in(link) == ["finarchive.toml: does not exist; correct the name or create the file"]


# Files that cannot be read


def test_unreadable_files_say_why(tmp_path: Path, write: Any) -> None:
    assert mistakes_in(tmp_path)[0].endswith(": is a directory; name the file inside it")
    assert mistakes_in(write("") / "x.toml")[0].endswith(": cannot be read: Not a directory")
    assert mistakes_in(write(b"[archive]\nroot = '\xff'\n")) == [
        "finarchive.toml:2: is not UTF-8 (byte 0xff); save it as UTF-8"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_rights_says_so(write: Any) -> None:
    path = write("")
    path.chmod(0)
    assert mistakes_in(path) == ["finarchive.toml: may not be read; check the rights on it and its folders"]


@pytest.mark.parametrize(
    ("text", "line"),
    [("[archive]\nroot == 1\n", 2), ("a = 1\na = 2\n", 2), ("\n\n[archive", 3), ("x = [\n1,\n", 2)],
)
def test_toml_that_does_not_parse_has_its_line(write: Any, text: str, line: int) -> None:
    mistakes = mistakes_in(write(text), {"FINARCHIVE_X": "1"})
    assert mistakes[0].startswith(f"finarchive.toml:{line}: not valid TOML: ")
    assert mistakes[1].startswith("FINARCHIVE_X: unknown variable")


@pytest.mark.parametrize("value", ["[" * 5000, "9" * 5000])
def test_toml_that_breaks_the_parser_is_a_mistake_too(write: Any, value: str) -> None:
    assert len(mistakes_in(write(f"x = {value}"))) == 1


def test_byte_order_mark_and_windows_line_ends_are_accepted(write: Any) -> None:
    assert load(write(b"\xef\xbb\xbf[network]\r\ndelay = 2\r\n"), {}).network.delay == 2.0
    assert mistakes_in(write(b"\xef\xbb\xbf[network]\r\n\r\ndelay = -2\r\n")) == [
        "finarchive.toml:3: network.delay: must be at least 0, not -2"
    ]


# What is loaded


def test_no_file_and_an_empty_file_give_the_defaults_and_the_built_in_feeds(write: Any) -> None:
    assert load(None, {}) == Settings(feeds=builtin_feeds())
    in_a_file = load(write(""), {})
    assert in_a_file == Settings(archive=in_a_file.archive, feeds=builtin_feeds())
    assert in_a_file.archive == ArchiveSettings(root=in_a_file.archive.root)


def test_values_of_the_file_are_in_force(write: Any) -> None:
    text = '[archive]\nroot = "/srv/n"\nprofile = "hugo"\n[schedule]\nevery = "90s"\nrecheck = []\n'
    settings = load(write(text), {})
    assert (settings.archive.root, settings.archive.profile) == (Path("/srv/n"), "hugo")
    assert (settings.schedule.every, settings.schedule.recheck) == (timedelta(seconds=90), ())


def test_feeds_of_the_file_replace_the_built_in_ones(write: Any) -> None:
    settings = load(write(f'[[feeds]]\nid = "x"\n{ROLL}[[feeds]]\nid = "y"\n{ROLL}'), {})
    assert [feed.id for feed in settings.feeds] == ["x", "y"]


def test_a_relative_root_starts_at_the_folder_of_its_file(write: Any) -> None:
    for root, expected in [
        ("./n", "{folder}/n"),
        ("../n", "{folder}/../n"),
        ("/n", "/n"),
        ("~/n", "/home/me/n"),
        ("~", "/home/me"),
        ("~nobody-such/n", "{folder}/~nobody-such/n"),
    ]:
        path = write(f'[archive]\nroot = "{root}"')
        wanted = Path(expected.format(folder=path.parent))
        assert load(path, {"HOME": "/home/me"}).archive.root == wanted
    assert load(write(""), {}).archive.root == write("").parent / "news"


def test_other_relative_paths_start_there_too(write: Any) -> None:
    path = write('[proof]\nkey = "roots.key"\ncertificates = ""\n')
    assert load(path, {}).proof.key == path.parent / "roots.key"
    assert load(path, {}).proof.certificates is None
    assert load(path, {"FINARCHIVE_PROOF_KEY": "own.key"}).proof.key == Path("own.key")


def test_a_root_of_the_environment_starts_at_the_current_folder(write: Any) -> None:
    assert load(None, {"HOME": "/h", "FINARCHIVE_ARCHIVE_ROOT": "~//n"}).archive.root == Path("/h/n")
    assert load(write("[archive]\nroot = '/n'"), {"FINARCHIVE_ARCHIVE_ROOT": "n"}).archive.root == Path("n")
    assert load(None, {}).archive.root == Path("news")


def test_the_source_of_the_root_is_known(write: Any) -> None:
    path = write('[archive]\nbody = "clean"\nroot = "n"\n')
    assert root_source(path, {}) == f"{path}:3"
    assert root_source(write('archive = {root = "n"}'), {}) == f"{path}:1"
    assert root_source(write('[archive]\nbody = "clean"'), {}) == f"the default, beside {path}"
    assert root_source(None, {}) == "the built-in default"
    assert root_source(path, {"FINARCHIVE_ARCHIVE__ROOT": "n"}) == "FINARCHIVE_ARCHIVE__ROOT"


def test_the_root_is_known_without_checking_the_rest_where_one_place_says_it(write: Any) -> None:
    assert known_root(None, {}) == Path("news")
    path = write('[archive]\nroot = "n"\n[network]\nsped = 1\n')
    assert known_root(path, {"FINARCHIVE_CONFIG": "x"}) == path.parent / "n"
    assert known_root(path, {"FINARCHIVE_ARCHIVE_ROOT": "~/n", "HOME": "/h"}) == Path("/h/n")


@pytest.mark.parametrize(
    "text", ["", "[archive]\nrot = 'n'", "archive = 1", "[archive]\nroot = 1", "archive.root = ' '"]
)
def test_all_settings_are_checked_where_the_root_is_not_set_by_a_valid_text(write: Any, text: str) -> None:
    assert known_root(write(text), {}) is None
    assert known_root(write(text), {"FINARCHIVE_ARCHIVE_ROOT": "n"}) == Path("n")


@pytest.mark.parametrize(
    "env", [
        {"FINARCHIVE_ARCHIVE_ROT": "n"}, {"FINARCHIVE_ARCHIVE_ROOT": ""},
        {"FINARCHIVE_ARCHIVE_ROOT": "n", "FINARCHIVE_ARCHIVE__ROOT": "n"},
    ],
)  # fmt: skip
def test_all_settings_are_checked_where_a_variable_may_be_a_mistake(env: dict[str, str]) -> None:
    assert known_root(None, env) is None


# Mistakes in the file


def test_all_mistakes_are_reported_at_once_with_their_lines(write: Any) -> None:
    text = """\
delay = 1
[archive]
profil = "x"
body = "pretty"
[network]
delay = -1
timeout = "20"
allow_private = "yes"
max_body = true
[schedule]
recheck = [
  "1h",
  5,
]
pages = 2.5
[[feeds]]
id = "a"
kind = "roll"
categories = ["x"]
[[feeds]]
id = "a"
kind = "rss"
categories = []
[nonsense]
"""
    assert mistakes_in(write(text), {"FINARCHIVE_NETWORK_DELY": "1", "FINARCHIVE_ARCHIVE_RAW": "zip"}) == [
        "finarchive.toml:1: delay: unknown key; it belongs under [network]",
        'finarchive.toml:3: archive.profil: unknown key; did you mean "profile"?',
        "finarchive.toml:4: archive.body: must be 'faithful', 'clean' or 'markdown', not 'pretty'",
        "finarchive.toml:6: network.delay: must be at least 0, not -1",
        "finarchive.toml:7: network.timeout: must be a number, not the text '20'",
        "finarchive.toml:8: network.allow_private: must be true or false, not the text 'yes'",
        "finarchive.toml:9: network.max_body: must be a whole number, not true",
        f"finarchive.toml:11: schedule.recheck: must be {ACCEPTED}, not 5",
        "finarchive.toml:15: schedule.pages: must be a whole number, not 2.5",
        f"finarchive.toml:16: feeds[a].lid: {NO_LID}",
        "finarchive.toml:20: feeds[a].endpoint: is missing: a feed of kind rss needs the address of its list",
        "finarchive.toml:21: feeds[#2].id: must be unique, but feed 1 is 'a' too",
        "finarchive.toml:23: feeds[a].categories: must not be empty",
        f"finarchive.toml:24: nonsense: unknown key; known are {', '.join(Settings.model_fields)}",
        "FINARCHIVE_ARCHIVE_RAW: archive.raw: must be 'warc' or 'none', not 'zip'",
        "FINARCHIVE_NETWORK_DELY: unknown variable; did you mean FINARCHIVE_NETWORK_DELAY?",
    ]


def test_mistakes_are_records_too(write: Any) -> None:
    path = write("network.delay = -1\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert caught.value.mistakes == (Mistake(str(path), 1, "network.delay", "must be at least 0, not -1"),)


def test_a_repeated_id_is_reported_once_at_the_second_feed(write: Any) -> None:
    text = f'[[feeds]]\nid = "x"\n{ROLL}[[feeds]]\nid = "x"\n{ROLL}'
    assert mistakes_in(write(text)) == ["finarchive.toml:7: feeds[#2].id: must be unique, but feed 1 is 'x' too"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("network = 5", "finarchive.toml:1: network: must be a table, not 5"),
        ("feeds = []", "finarchive.toml:1: feeds: names no feed; leave it out to get the built-in feeds"),
        ("feeds = [1]", "finarchive.toml:1: feeds[#1]: must be a table, not 1"),
        ("[feeds]\nid = 'x'", "finarchive.toml:1: feeds: must be a list, not {'id': 'x'}"),
        (f"[[feeds]]\n{ROLL}", "finarchive.toml:1: feeds[#1].id: is missing, and every feed needs it"),
        (f"[[feeds]]\nid = 'x'\nurl = 'u'\n{ROLL}", "finarchive.toml:3: feeds[x].url: unknown key; known are id, "),
        ("[archive]\nroot = 2026-01-01", "finarchive.toml:2: archive.root: must be the path of a folder"),
        ("network = {delay = -1}", "finarchive.toml:1: network.delay: must be at least 0, not -1"),
        ("[network]\nmax_body = 0x0", "finarchive.toml:2: network.max_body: must be at least 1024, not 0"),
        ("[network]\nconcurrency = 0x" + "f" * 5000, "finarchive.toml:2: network.concurrency: must be at most 256"),
    ],
)
def test_values_of_the_wrong_shape_are_mistakes(write: Any, text: str, expected: str) -> None:
    (mistake,) = mistakes_in(write(text))
    assert mistake.startswith(expected)


def test_of_two_settings_out_of_order_the_written_one_is_reported(write: Any) -> None:
    expected = "schedule.max: schedule.every must be at most schedule.max, which is 2m, not 5m"
    assert mistakes_in(write('[schedule]\npages = 3\nmax = "2m"')) == [f"finarchive.toml:3: {expected}"]
    assert mistakes_in(None, {"FINARCHIVE_SCHEDULE_MAX": "2m"}) == [f"FINARCHIVE_SCHEDULE_MAX: {expected}"]


def test_an_interval_under_a_second_is_reported_with_its_line_in_any_table(write: Any) -> None:
    feeds = f'[[feeds]]\nid = "x"\n{ROLL}every = "0s"\n[[feeds]]\nid = "y"\n{ROLL}every = "500ms"\n'
    assert mistakes_in(write(f'[schedule]\nmin = "0s"\nrecheck = ["0s"]\n{feeds}')) == [
        "finarchive.toml:2: schedule.min: must be at least 1s, not 0s",
        "finarchive.toml:3: schedule.recheck: must be at least 1s, not 0s",
        "finarchive.toml:9: feeds[x].every: must be at least 1s, not 0s",
        f"finarchive.toml:15: feeds[y].every: must be {ACCEPTED}, not '500ms'",
    ]


def test_cron_expressions_are_mistakes_like_others(write: Any) -> None:
    def feed(name: str, timing: str) -> str:
        return f'[[feeds]]\nid = "{name}"\n{ROLL}{timing}\n'

    text = (
        feed("a", 'cron = "60 * * * *"')
        + feed("b", 'cron = "0 0 31 2 *"')
        + feed("c", "cron = 5")
        + feed("d", 'cron = "@daily"')
        + feed("e", 'cron = "* * * * *"\nevery = "5m"')
        + feed("f", 'every = "5"\ncron = "x"')
    )
    choose = "cannot be combined with every: leave one of them out"
    fields = 'must have five fields (minute hour day month weekday), such as "*/10 9-16 * * mon-fri", not 1'
    assert mistakes_in(write(text)) == [
        "finarchive.toml:6: feeds[a].cron: minute must be within 0-59, not '60'",
        "finarchive.toml:12: feeds[b].cron: never comes: no month in '2' has a day in '31'",
        "finarchive.toml:18: feeds[c].cron: must be a text in quotes, not 5",
        f"finarchive.toml:24: feeds[d].cron: {fields}",
        f"finarchive.toml:30: feeds[e].cron: {choose}",
        f"finarchive.toml:37: feeds[f].every: must be {ACCEPTED}, not '5'",
        f"finarchive.toml:38: feeds[f].cron: {choose}",
    ]


def test_one_list_may_be_read_under_two_ids(write: Any) -> None:
    first, second = load(write(f'[[feeds]]\nid = "x"\n{ROLL}[[feeds]]\nid = "y"\n{ROLL}'), {}).feeds
    assert (first.source, first.id) == (second.source, "x")


def test_port_of_the_file_is_checked(write: Any) -> None:
    assert load(write("[health]\nport = 9464"), {}).health.port == 9464
    assert mistakes_in(write("[health]\nport = -1")) == ["finarchive.toml:2: health.port: must be at least 0, not -1"]
    assert load(write('[serve]\nnames = ["news.example.org"]'), {}).serve.names == ("news.example.org",)
    for name in ("News", "a:80", "http://a", "", "a b", ".a", "a."):
        (line,) = mistakes_in(write(f'[serve]\nnames = ["{name}"]'))
        assert line.startswith("finarchive.toml:2: serve.names: must be a host's name in lower case"), line
    assert mistakes_in(write("port = 9464")) == ["finarchive.toml:1: port: unknown key; it belongs under [health]"]


def test_long_values_do_not_flood_the_message(write: Any) -> None:
    assert len(mistakes_in(write(f'[network]\ndelay = "{"x" * 10_000}"'))[0]) < 200


# Alerts

ALERT = '[[alerts]]\nname = "maotai"\nquery = "茅台"\nurls = ["json://user:pass@127.0.0.1:9/a"]\n'


def refuse_red(query: str) -> None:
    if query == "red":
        raise ValueError("is no query: red")


def test_alerts_are_read_and_what_is_secret_is_not_shown(write: Any) -> None:
    settings = load(write(ALERT), {}, refuse_red)
    [alert] = settings.alerts
    assert (alert.name, alert.query, alert.at_most) == ("maotai", "茅台", 12)
    assert [url.get_secret_value() for url in alert.urls] == ["json://user:pass@127.0.0.1:9/a"]
    assert "pass" not in f"{settings} {settings!r} {settings.model_dump_json()}"
    assert len(settings.feeds) == len(builtin_feeds())


def test_mistakes_in_alerts_are_reported_with_their_lines_and_without_what_is_secret(write: Any) -> None:
    text = """
    [[alerts]]
    name = "a"
    query = "red"
    urls = "tgram://TOKEN/1"
    [[alerts]]
    name = "a"
    query = ""
    urls = ["TOKEN"]
    at_most = 0
    [[alerts]]
    name = "Ä b"
    urls = ["json://x", 77007700]
    url = "y://z"
    """
    with pytest.raises(ConfigError) as caught:
        load(write(text), {"FINARCHIVE_ALERT_OTHER_URLS": "json://TOKEN"}, refuse_red)
    lines = [str(mistake).rpartition("finarchive.toml:")[2] for mistake in caught.value.mistakes]
    assert lines == [
        "4: alerts[a].query: is no query: red",
        "5: alerts[a].urls: must be a list, not the given value",
        "7: alerts[#2].name: must be unique, but alert 1 is 'a' too",
        "9: alerts[a].urls: must be an address that apprise knows, such as tgram://TOKEN/CHAT or mailto://…",
        "10: alerts[a].at_most: must be at least 1, not 0",
        "11: alerts[Ä b].query: is missing, and every alert needs it",
        "12: alerts[#3].name: must be of a-z, 0-9, _ and -, and start with a letter or digit, not 'Ä b'",
        "13: alerts[Ä b].urls: must be a text in quotes, not the given value",
        '14: alerts[Ä b].url: unknown key; did you mean "urls"?',
        "FINARCHIVE_ALERT_OTHER_URLS: belongs to no alert: none of [[alerts]] has such a name",
    ]
    assert "77007700" not in str(caught.value)
    assert "json" not in str(caught.value)


def test_addresses_of_an_alert_can_be_in_the_environment(write: Any) -> None:
    env = {"FINARCHIVE_ALERT_TWO_WORDS_URLS": "json://a  json://b?x=1,2"}
    [alert] = load(write('[[alerts]]\nname = "two-words"\nquery = "q"\n'), env).alerts
    assert [url.get_secret_value() for url in alert.urls] == ["json://a", "json://b?x=1,2"]

    env["FINARCHIVE_ALERT_TWO_WORDS_URLS"] = "TOKEN"
    assert mistakes_in(write('[[alerts]]\nname = "two-words"\nquery = "q"\n'), env) == [
        (
            "FINARCHIVE_ALERT_TWO_WORDS_URLS: alerts[two-words].urls: must be an address that apprise knows, "
            "such as tgram://TOKEN/CHAT or mailto://…"
        )
    ]
