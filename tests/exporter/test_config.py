"""The configuration: what is refused, with which words, and what the defaults are."""

from pathlib import Path

import pytest
import yaml

from exporter.config import Config, node_name, parse_config, read_config
from exporter.config_reference import reference
from exporter.errors import ConfigError

_BAD = sorted((Path(__file__).parent / "bad_config").glob("*.yaml"))


@pytest.mark.parametrize("path", _BAD, ids=[path.stem for path in _BAD])
def test_a_bad_file_is_refused_with_its_message(path: Path) -> None:
    """The message says where, what was expected, and what was found; the whole of it is part of the contract."""
    with pytest.raises(ConfigError) as refused:
        read_config(str(path))
    assert str(refused.value) == f"{path}: {path.with_suffix('.txt').read_text(encoding='utf-8').rstrip()}"


def test_there_are_bad_files_of_every_kind() -> None:
    assert len(_BAD) >= 15


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n"], ids=["empty", "a comment", "an empty mapping"])
def test_an_empty_file_is_the_defaults(text: str) -> None:
    assert parse_config(text, "x.yaml") == Config() == read_config(None)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    with pytest.raises(ConfigError, match="expected a readable file, found: No such file or directory"):
        read_config(str(path))


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_text("#" * ((1 << 20) + 1), encoding="utf-8")
    with pytest.raises(ConfigError, match="expected at most 1048576 bytes, found more"):
        read_config(str(path))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("agents: {scheme: https, username: u, password_file: p}", id="a certificate is verified"),
        pytest.param("agents: {namespace: n, username: u, password_file: p}", id="agents of one namespace"),
        pytest.param(
            "kubernetes: {enabled: false}\nagents: {urls: {n: 'http://a:1/metrics'}, username: u, password_file: p}",
            id="agents by their addresses alone",
        ),
        pytest.param("agents: {urls: {n: 'https://a:1/metrics'}, ca_file: c}", id="TLS by an address alone"),
    ],
)
def test_what_is_shown_to_those_who_are_named_is_taken(text: str) -> None:
    """A password may go out where it is known to whom."""
    assert parse_config(text, "x.yaml").agents != Config().agents


def test_the_reference_is_a_valid_file_of_defaults() -> None:
    assert parse_config(reference(), "reference") == Config()


def test_the_reference_names_every_key() -> None:
    """Keys of optional parts stand in comments: uncommented, every one is known."""
    text = reference()
    for key in ("key_file", "first_token_seconds", "model_id", "max_tokens", "labels"):
        assert f" {key}:" in text


def test_the_node_is_named_by_the_file_then_the_variable_then_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_NAME", "from-variable")
    assert node_name(parse_config("node: from-file", "x")) == "from-file"
    assert node_name(Config()) == "from-variable"
    monkeypatch.delenv("NODE_NAME")
    assert node_name(Config())


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Config().node = "other"  # type: ignore[misc]  # that it is refused is the point


def test_yaml_that_calls_python_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected YAML"):
        parse_config(yaml.dump(Path("x")), "x.yaml")
