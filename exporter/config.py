"""The one YAML file, read once into frozen structs that refuse what they do not know and say where.

Every key has a default: an empty file, or none, is a valid configuration of one machine with one card.
"""

import os
import socket
from typing import Annotated, Final, Literal

import msgspec
import yaml
from msgspec import Meta

from exporter.config_agents import AgentsOf, refuse_contradictory_agents
from exporter.config_cluster import Kubernetes, NodeBaseline, Pool, refuse_empty_pools
from exporter.config_exporters import Dcgm, GpuSource, Xpum
from exporter.config_path import (
    Alias,
    Gateway,
    Lane,
    Probes,
    refuse_contradictory_alias,
    refuse_impossible_addresses,
)
from exporter.config_processes import Processes
from exporter.config_section import Section
from exporter.config_web import WebAccess
from exporter.config_xid import KernelLog, Presence, Xid, refuse_twice_overridden
from exporter.errors import ConfigError

Role = Literal["all", "node", "cluster"]

_LARGEST_FILE: Final = 1 << 20  # bytes


class Nvml(Section, frozen=True):
    """The NVIDIA driver of this node."""

    enabled: Annotated[bool, Meta(description="Look for the driver, for ever, and say so while it is not there.")] = (
        True
    )
    interval_seconds: Annotated[
        float, Meta(ge=1, le=300, description="Seconds between two readings of the cheap values of a card.")
    ] = 5.0
    deadline_seconds: Annotated[
        float, Meta(ge=1, le=60, description="A card that is silent for longer is hung: its values go absent.")
    ] = 5.0
    library: Annotated[
        str, Meta(description="Path of libnvidia-ml.so.1 where the loader does not find it; empty: the loader's own.")
    ] = ""
    peak_window_seconds: Annotated[
        float,
        Meta(ge=5, le=3600, description="Seconds over which the peaks of memory, power and temperature are held."),
    ] = 60.0
    serial: Annotated[
        bool, Meta(description="Publish the cards' serial numbers: they name a thing that was bought.")
    ] = False
    pcie_throughput: Annotated[
        bool, Meta(description="Measure what goes over PCIe: each card is asked for 40 ms every 15 s.")
    ] = False


class Kubelet(Section, frozen=True):
    """The kubelet's PodResources socket: which container holds which card."""

    enabled: Annotated[bool, Meta(description="Ask the kubelet, and say so while it does not answer.")] = True
    socket: Annotated[
        str, Meta(min_length=1, description="Path of the socket; mount its directory, not the socket.")
    ] = "/var/lib/kubelet/pod-resources/kubelet.sock"
    interval_seconds: Annotated[float, Meta(ge=1, le=300, description="Seconds between two questions.")] = 10.0
    monitors: Annotated[
        tuple[str, ...],
        Meta(
            description="Pods that only look at the cards that they were given: `namespace/pod`, `*` for any text. The "
            "kubelet does not say which claims (DRA) have admin access."
        ),
    ] = ("*/*dcgm-exporter*", "*/*xpumanager*", "*/*lanewatch*")
    pod_logs: Annotated[
        str, Meta(description="Directory of the pods' logs: its names tell which pod a UID is, without the API server.")
    ] = "/var/log/pods"


class Config(Section, frozen=True):
    """The whole file."""

    node: Annotated[str, Meta(description="Name of this node in every series; empty: NODE_NAME, then the host's.")] = ""
    nvml: Annotated[Nvml, Meta(description=Nvml.__doc__)] = Nvml()
    dcgm: Annotated[Dcgm | None, Meta(description=Dcgm.__doc__)] = None
    xpum: Annotated[Xpum | None, Meta(description=Xpum.__doc__)] = None
    gpu_source: Annotated[
        GpuSource, Meta(description="Who speaks for the cards; auto: nvml, else dcgm, and beside them xpum.")
    ] = "auto"
    kubelet: Annotated[Kubelet, Meta(description=Kubelet.__doc__)] = Kubelet()
    processes: Annotated[Processes, Meta(description=Processes.__doc__)] = Processes()
    kernel_log: Annotated[KernelLog, Meta(description=KernelLog.__doc__)] = KernelLog()
    xid: Annotated[Xid, Meta(description=Xid.__doc__)] = Xid()
    presence: Annotated[Presence, Meta(description=Presence.__doc__)] = Presence()
    kubernetes: Annotated[Kubernetes, Meta(description=Kubernetes.__doc__)] = Kubernetes()
    pools: Annotated[tuple[Pool, ...], Meta(min_length=1, description=Pool.__doc__)] = (
        Pool(name="gpu-llm", labels={"platform.example.com/gpu-llm": "true"}),
    )
    web: Annotated[WebAccess, Meta(description=WebAccess.__doc__)] = WebAccess()
    node_baseline: Annotated[NodeBaseline, Meta(description=NodeBaseline.__doc__)] = NodeBaseline()
    agents: Annotated[AgentsOf, Meta(description=AgentsOf.__doc__)] = AgentsOf()
    gateway: Annotated[Gateway | None, Meta(description=Gateway.__doc__)] = None
    aliases: Annotated[tuple[Alias, ...], Meta(description=Alias.__doc__)] = ()
    lanes: Annotated[tuple[Lane, ...], Meta(description=Lane.__doc__)] = ()
    probes: Annotated[Probes, Meta(description=Probes.__doc__)] = Probes()


def read_config(path: str | None) -> Config:
    """Return the configuration in the file at `path`, or the defaults where there is no path."""
    return Config() if path is None else parse_config(read_text(path), path)


def parse_config(text: str, where: str) -> Config:
    """Return the configuration that YAML `text` says; `where` names it in the message of a `ConfigError`."""
    document = load_mapping(text, where)
    try:
        config = msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        from exporter.config_problem import explain  # noqa: PLC0415  # a file that is well has no use for it

        raise ConfigError(f"{where}: {explain(str(error), document, Config)}") from error
    _refuse_contradictions(config, where)
    return config


def node_name(config: Config) -> str:
    """Return the name of this node: from the file, from NODE_NAME, or the host's own."""
    return config.node or os.environ.get("NODE_NAME", "") or socket.gethostname()


def read_text(path: str) -> str:
    """Return the text of the file at `path`, within its limit."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # pathlib takes longer to load than the file to read
            raw = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: expected a readable file, found: {error.strerror}") from error
    if len(raw) > _LARGEST_FILE:
        raise ConfigError(f"{path}: expected at most {_LARGEST_FILE} bytes, found more")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: expected UTF-8, found byte 0x{raw[error.start]:02x} at offset {error.start}"
        ) from error


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML's own way is to forget the first in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:  # noqa: FBT001, FBT002  # PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key `{key.value}` stands twice", key.start_mark)
            seen.add(key.value)
        mapping: dict[object, object] = super().construct_mapping(node, deep)
        return mapping


def load_mapping(text: str, where: str) -> dict[str, object]:
    """Return the YAML mapping that `text` is; an empty one where it says nothing."""
    try:
        document = yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: expected YAML, found: {_yaml_problem(error)}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{where}: expected a mapping of keys, found {_yaml_kind(document)}")
    return document


def _yaml_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "a character that YAML does not allow"
    return f"{problem}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(problem)


def _yaml_kind(document: object) -> str:
    return {list: "a list", str: "a text", int: "a number", float: "a number"}.get(type(document), "something else")


def _refuse_contradictions(config: Config, where: str) -> None:
    _refuse_twins([pool.name for pool in config.pools], f"{where}: $.pools")
    refuse_empty_pools(config.pools, f"{where}: $.pools")
    _refuse_twins([alias.name for alias in config.aliases], f"{where}: $.aliases")
    _refuse_twins([lane.name for lane in config.lanes], f"{where}: $.lanes")
    refuse_impossible_addresses(config.gateway, config.lanes, where)
    refuse_contradictory_agents(config.agents, f"{where}: $.agents", are_found=config.kubernetes.enabled)
    if config.aliases and config.gateway is None:
        raise ConfigError(f"{where}: $.gateway: expected a gateway to probe the aliases through, found none")
    is_there = {"auto": True, "nvml": config.nvml.enabled, "dcgm": config.dcgm, "xpum": config.xpum}
    if not is_there[config.gpu_source]:
        raise ConfigError(f"{where}: $.gpu_source: expected a source that is configured, found `{config.gpu_source}`")
    refuse_twice_overridden(config.xid, f"{where}: $.xid")
    lanes = sorted(lane.name for lane in config.lanes)
    for number, alias in enumerate(config.aliases):
        refuse_contradictory_alias(alias, lanes, f"{where}: $.aliases[{number}]")


def _refuse_twins(names: list[str], at: str) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ConfigError(f"{at}[{number}].name: expected a name of its own, found `{name}` again")
