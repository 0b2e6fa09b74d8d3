"""First stage of the flow: every file made by others, checked byte for byte, under one local path.

The data stage reads what this stage puts in place; nothing else in the project opens a network
connection.
"""

from crossarch.fetch.download import Origin, OriginKind, fetch_file
from crossarch.fetch.places import cache_directory, mirrors_from_environment
from crossarch.fetch.transfer import make_session
from crossarch.fetch.upstream import UpstreamFile, verify

__all__ = [
    "Origin",
    "OriginKind",
    "UpstreamFile",
    "cache_directory",
    "fetch_file",
    "make_session",
    "mirrors_from_environment",
    "verify",
]
