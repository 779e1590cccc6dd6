"""The version that we tell is the one that was built."""

from importlib.metadata import version

from exporter.version import VERSION


def test_version_is_the_built_one() -> None:
    """What an installed package says of itself and what the program says cannot differ."""
    assert version("lanewatch") == VERSION
