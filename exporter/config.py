"""The one YAML file, read once into frozen structs that refuse what they do not know and say where.

Every key has a default: an empty file, or none, is a valid configuration of one machine with one card.
"""

import os
import socket
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

from exporter.errors import ConfigError

Role = Literal["all", "node", "cluster"]
Mode = Literal["auto", "on", "off"]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86400)]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,62}$")]
Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]

_LARGEST_FILE = 1 << 20  # bytes


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file: frozen, and it refuses keys that it does not know."""


class Nvml(_Section, frozen=True):
    """The NVIDIA driver. `auto` looks for it for ever and says so while it is not there."""

    mode: Mode = "auto"
    interval_seconds: Annotated[float, msgspec.Meta(ge=1, le=300)] = 5.0
    deadline_seconds: Annotated[float, msgspec.Meta(ge=1, le=60)] = 5.0
    library: str = ""


class Kubelet(_Section, frozen=True):
    """The kubelet's PodResources socket. `auto` asks it when it is there."""

    mode: Mode = "auto"
    socket: str = "/var/lib/kubelet/pod-resources/kubelet.sock"
    interval_seconds: Annotated[float, msgspec.Meta(ge=1, le=300)] = 10.0


class Kubernetes(_Section, frozen=True):
    """The API server. `auto` uses the pod's service account, or the kubeconfig where there is one."""

    mode: Mode = "auto"
    kubeconfig: str = ""
    namespaces: tuple[Name, ...] = ()


class Pool(_Section, frozen=True):
    """The set of lanes of which exactly one may run: every pod and Deployment that carries these labels."""

    name: Name
    labels: Annotated[dict[str, str], msgspec.Meta(min_length=1)]


class Gateway(_Section, frozen=True):
    """The OpenAI-compatible gateway that users talk to; the key comes from a file or a variable, never from here."""

    url: Url
    key_file: str = ""
    key_variable: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = "LANEWATCH_GATEWAY_KEY"
    ca_file: str = ""


class Objectives(_Section, frozen=True):
    """What is promised of an alias: the share of good probes, and how fast the first token must come."""

    availability: Share = 0.99
    first_token: Share = 0.95
    first_token_seconds: Seconds = 1.5


class Alias(_Section, frozen=True):
    """One alias of the gateway and how it is probed."""

    name: Name
    kind: Literal["chat"] = "chat"
    lane: str = ""
    interval_seconds: Annotated[float, msgspec.Meta(ge=1, le=86400)] = 60.0
    timeout_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=600)] = 30.0
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    objectives: Objectives = Objectives()


class Lane(_Section, frozen=True):
    """One lane as the gateway knows it: the base address or the model id that the gateway's answer names."""

    name: Name
    url: Url | None = None
    model_id: str = ""


class Config(_Section, frozen=True):
    """The whole file."""

    node: str = ""
    nvml: Nvml = Nvml()
    kubelet: Kubelet = Kubelet()
    kubernetes: Kubernetes = Kubernetes()
    pools: Annotated[tuple[Pool, ...], msgspec.Meta(min_length=1)] = (
        Pool(name="gpu-llm", labels={"platform.example.com/gpu-llm": "true"}),
    )
    gateway: Gateway | None = None
    aliases: tuple[Alias, ...] = ()
    lanes: tuple[Lane, ...] = ()


def read_config(path: str | None) -> Config:
    """Return the configuration in the file at `path`, or the defaults where there is no path."""
    if path is None:
        return Config()
    return parse_config(_read_text(path), path)


def parse_config(text: str, where: str) -> Config:
    """Return the configuration that YAML `text` says; `where` names it in the message of a `ConfigError`."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: expected YAML, found: {_yaml_problem(error)}") from error
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise ConfigError(f"{where}: expected a mapping of keys, found {_yaml_kind(document)}")
    try:
        config = msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
    _refuse_contradictions(config, where)
    return config


def node_name(config: Config) -> str:
    """Return the name of this node: from the file, from NODE_NAME, or the host's own."""
    return config.node or os.environ.get("NODE_NAME", "") or socket.gethostname()


def _read_text(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(_LARGEST_FILE + 1)
        if len(raw) > _LARGEST_FILE:
            raise ConfigError(f"{path}: expected at most {_LARGEST_FILE} bytes, found more")
        return raw.decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: expected a readable file, found: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: expected UTF-8, found byte 0x{raw[error.start]:02x} at offset {error.start}"
        ) from error


def _yaml_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "a character that YAML does not allow"
    return f"{problem}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(problem)


def _yaml_kind(document: object) -> str:
    return {list: "a list", str: "a text", int: "a number", float: "a number"}.get(type(document), "something else")


def _refuse_contradictions(config: Config, where: str) -> None:
    _refuse_twins([pool.name for pool in config.pools], f"{where}: $.pools")
    _refuse_twins([alias.name for alias in config.aliases], f"{where}: $.aliases")
    _refuse_twins([lane.name for lane in config.lanes], f"{where}: $.lanes")
    if config.aliases and config.gateway is None:
        raise ConfigError(
            f"{where}: expected a gateway to probe {len(config.aliases)} aliases through - at `$.gateway`"
        )
    known = {lane.name for lane in config.lanes}
    for number, alias in enumerate(config.aliases):
        at = f"at `$.aliases[{number}]"
        if alias.lane and alias.lane not in known:
            raise ConfigError(f"{where}: expected a lane out of {sorted(known)}, found `{alias.lane}` - {at}.lane`")
        if alias.timeout_seconds > alias.interval_seconds:
            raise ConfigError(
                f"{where}: expected a time-out of at most the interval ({alias.interval_seconds:g} s), "
                f"found {alias.timeout_seconds:g} s - {at}.timeout_seconds`"
            )
        if alias.objectives.first_token_seconds > alias.timeout_seconds:
            raise ConfigError(
                f"{where}: expected a first token within the time-out ({alias.timeout_seconds:g} s), "
                f"found {alias.objectives.first_token_seconds:g} s - {at}.objectives.first_token_seconds`"
            )


def _refuse_twins(names: list[str], at: str) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ConfigError(f"{at}: expected unique names, found `{name}` twice - at `[{number}].name`")
