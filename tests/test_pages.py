"""The commands that the pages tell are understood as they are meant."""

import re
from pathlib import Path

import pytest

PAGES = ("README.md", "config/README.md", "docs/cluster.md")


@pytest.mark.parametrize("page", PAGES)
def test_options_that_take_several_values_do_not_swallow_a_target(project: Path, page: str) -> None:
    told = re.findall(r"(?:snakemake |ARGS=\")[^`\n\"#]*", (project / page).read_text())
    assert told
    for command in told:
        for option, values in re.findall(r"(--configfile|--config) ([^-]\S*(?: [^-\s]\S*)*)", command):
            for value in values.split():
                fits = (project / value).is_file() if option == "--configfile" else "=" in value
                assert fits or "..." in value, command
