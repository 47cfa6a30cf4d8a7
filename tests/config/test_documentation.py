import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from config.feed_list import BuiltinFeeds
from config.load import builtin_feeds, load, sample_text
from config.messages import SECTIONS, TABLES
from config.model import Alert, Settings
from config.toml_lines import key_lines

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"
MODELS: list[type[BaseModel]] = [*SECTIONS.values(), *(model for model, _ in TABLES.values())]


def written_to(folder: Path, text: str) -> Path:
    path = folder / "finarchive.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_unmodified_sample_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written_to(tmp_path, sample_text())
    assert load(Path("finarchive.toml"), {}) == load(None, {})


def test_sample_with_every_line_in_force_says_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    live = re.sub(r"(?m)^#(?! )", "", sample_text())
    written_to(tmp_path, live)
    settings = load(Path("finarchive.toml"), {})
    agent = Settings().network.user_agent
    assert settings.network.user_agent == agent.replace(agent.split()[0], "finarchive/VERSION")
    network = settings.network.model_copy(update={"user_agent": agent})
    assert settings.model_copy(update={"network": network, "alerts": (), "feeds": ()}) == Settings()
    [alert] = settings.alerts
    assert alert.at_most == Alert.model_fields["at_most"].default
    assert [feed.id for feed in settings.feeds] == [feed.id for feed in builtin_feeds()]
    example, timed, china, banking = (
        feed
        for feeds in (settings.feeds, builtin_feeds())
        for name in ("china", "banking")
        for feed in feeds
        if feed.id == name
    )
    assert example.model_copy(update={"every": None, "author": None}) == china
    assert (example.every, example.author_name) == (settings.schedule.every, china.author_name)
    assert timed.model_copy(update={"cron": None}) == banking
    written = {path[-1] for path in key_lines(live)}
    assert written >= {key for model in MODELS for key in model.model_fields}


def test_every_setting_variable_and_built_in_feed_is_documented() -> None:
    parts = re.split(r"(?m)^## ", DOCS.read_text(encoding="utf-8"))
    chapters = {part.splitlines()[0]: part for part in parts}
    for section, model in SECTIONS.items():
        for key in model.model_fields:
            assert f"| `{key}` |" in chapters[f"[{section}]"]
            assert f"`FINARCHIVE_{section.upper()}_{key.upper()}`" in chapters[f"[{section}]"]
    for table, (model, _) in TABLES.items():
        for key in model.model_fields:
            assert f"| `{key}` |" in chapters[f"[[{table}]]"]
    for key in BuiltinFeeds.model_fields:
        assert f"| `{key}` |" in chapters["[[feeds]]"]
    for feed in builtin_feeds():
        on = "yes" if feed.enabled else "no: "
        number = re.findall(r"\d+", feed.endpoint)
        which = f"{feed.pageid} / {feed.lid}" if feed.kind == "roll" else f"{feed.kind} {number[-1]}"
        row = f"| `{feed.id}` | {feed.categories[2]} | {which} | {on}"
        assert row in chapters["Built-in feeds"]
