"""Optional libraries that are hidden while another library is imported."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from archive.model.hidden_imports import hidden_imports


def test_a_hidden_library_seems_not_to_be_installed_and_can_be_imported_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with hidden_imports("colorsys"), pytest.raises(ImportError):
        import_module("colorsys")
    assert "colorsys" not in sys.modules
    assert import_module("colorsys")


def test_a_library_that_is_imported_already_stays() -> None:
    with hidden_imports("json"):
        assert import_module("json") is sys.modules["json"]
    assert "json" in sys.modules
