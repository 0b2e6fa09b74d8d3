"""The environment variables that name mirrors and the cache."""

from pathlib import Path

import pytest

from crossarch.errors import FetchError
from crossarch.fetch.places import cache_directory, mirrors_from_environment


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CROSSARCH_MIRROR", "CROSSARCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_no_mirror_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mirrors_from_environment() == ()
    monkeypatch.setenv("CROSSARCH_MIRROR", "")
    assert mirrors_from_environment() == ()


def test_mirrors_keep_their_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a").mkdir()
    monkeypatch.setenv("CROSSARCH_MIRROR", f"{tmp_path}/b::~/a:")
    assert mirrors_from_environment() == (tmp_path / "b", tmp_path / "a")


@pytest.mark.parametrize("is_file", [False, True])
def test_mirror_that_is_no_directory_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_file: bool
) -> None:
    wrong = tmp_path / "wrong"
    if is_file:
        wrong.write_text("")
    monkeypatch.setenv("CROSSARCH_MIRROR", f"{tmp_path}:{wrong}")
    with pytest.raises(FetchError) as caught:
        mirrors_from_environment()
    assert str(caught.value) == f"{wrong}: named in CROSSARCH_MIRROR but is not a directory"


def test_cache_directory_in_order_of_precedence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_directory() == tmp_path / ".cache/crossarch"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert cache_directory() == tmp_path / ".cache/crossarch"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg/crossarch"
    monkeypatch.setenv("CROSSARCH_CACHE", "~/own")
    assert cache_directory() == tmp_path / "own"


def test_unknown_home_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSARCH_CACHE", "~no-such-user-here/cache")
    with pytest.raises(FetchError, match="CROSSARCH_CACHE: found '~no-such-user-here/cache', allowed: "):
        cache_directory()
