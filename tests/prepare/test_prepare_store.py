"""Files between stages: the same contents, the same bytes."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load

from crossarch.data.store import load_metadata, load_tensors, save_tensors

TENSORS = {"images": torch.rand(3, 2), "labels": torch.arange(3)}


def test_bytes_depend_on_nothing_but_the_contents(tmp_path: Path) -> None:
    metadata = {name: name.upper() for name in "abcdefgh"}
    contents = set()
    for place in range(10):
        save_tensors(tmp_path / f"{place}.safetensors", TENSORS, metadata)
        contents.add((tmp_path / f"{place}.safetensors").read_bytes())
    assert len(contents) == 1


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=5))
def test_any_metadata_and_its_tensors_come_back(
    tmp_path_factory: pytest.TempPathFactory, metadata: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("store") / "a.safetensors"
    save_tensors(path, TENSORS, metadata)
    assert load_metadata(path) == metadata
    for tensors in (load_tensors(path, tuple(TENSORS)), load(path.read_bytes())):
        assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())
