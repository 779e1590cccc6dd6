"""The part of the file that says how users' requests go: the gateway, its aliases, the lanes behind it, and probes."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, get_args
from urllib.parse import urlsplit

from msgspec import Meta

from exporter.config_section import URL, VARIABLE, Name, Section
from exporter.errors import ConfigError

Kind = Literal["chat", "tools", "completion", "embeddings", "rerank", "speech", "models"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Engine = Literal["auto", "llamacpp", "vllm", "sglang", "llama-cpp-python", "openai"]
_Address = Annotated[str, Meta(pattern=URL)]


class Gateway(Section, frozen=True):
    """The OpenAI-compatible gateway that users talk to."""

    url: Annotated[str, Meta(pattern=URL, description="Base address, without user, query or /v1.")]
    key_file: Annotated[
        str, Meta(description="File that holds the key; read before each probe. Never the key itself.")
    ] = ""
    key_variable: Annotated[
        str, Meta(pattern=VARIABLE, description="Environment variable that holds the key where there is no file.")
    ] = "LANEWATCH_GATEWAY_KEY"
    ca_file: Annotated[str, Meta(description="PEM file of the authorities to trust; empty: the usual ones.")] = ""


class Objectives(Section, frozen=True):
    """What is promised of an alias; a time that is not given is not promised."""

    availability: Annotated[float, Meta(gt=0, lt=1, description="Share of probes that must be answered well.")] = 0.99
    first_token: Annotated[
        float, Meta(gt=0, lt=1, description="Share of answered probes whose first token must come in time.")
    ] = 0.95
    first_token_seconds: Annotated[
        float, Meta(gt=0, le=600, description="Seconds to the first token that still count as in time.")
    ] = 1.5
    inter_token: Annotated[
        float, Meta(gt=0, lt=1, description="Share of answered probes whose tokens must follow each other in time.")
    ] = 0.95
    inter_token_seconds: Annotated[
        Annotated[float, Meta(gt=0, le=60)] | None,
        Meta(description="Seconds between two tokens that still count as in time; none: not promised."),
    ] = None
    total: Annotated[float, Meta(gt=0, lt=1, description="Share of answered probes that must end in time.")] = 0.95
    total_seconds: Annotated[
        Annotated[float, Meta(gt=0, le=600)] | None,
        Meta(description="Seconds to the whole answer that still count as in time; none: not promised."),
    ] = None


class Alias(Section, frozen=True):
    """One alias of the gateway and how it is probed."""

    name: Annotated[Name, Meta(description="The alias as users write it in `model`.")]
    kind: Annotated[
        Kind,
        Meta(
            description="Kind of route: chat and completion stream; tools must call a tool that parses; embeddings, "
            "rerank and speech are checked for sense; models only lists."
        ),
    ] = "chat"
    lane: Annotated[str, Meta(description="Lane that must serve it, out of `lanes`; empty: any.")] = ""
    interval_seconds: Annotated[float, Meta(ge=1, le=86400, description="Seconds between two probes.")] = 60.0
    timeout_seconds: Annotated[float, Meta(ge=0.1, le=600, description="Seconds after which a probe is given up.")] = (
        30.0
    )
    max_tokens: Annotated[int, Meta(ge=1, le=256, description="Tokens that a probe asks for: its cost.")] = 16
    dimension: Annotated[
        Annotated[int, Meta(ge=1, le=65536)] | None,
        Meta(description="Length that an embedding must have; none: whatever it is."),
    ] = None
    direct: Annotated[
        Literal["on_failure", "always", "never"],
        Meta(description="When the lane is asked past the gateway too: to localise what failed, each time, or never."),
    ] = "on_failure"
    look_first: Annotated[
        bool, Meta(description="Look at the lane before a probe, and do not send one to a lane that works for a user.")
    ] = True
    when_unloaded: Annotated[
        Literal["skip", "probe"], Meta(description="What to do when a probe would load or swap the lane's model.")
    ] = "skip"
    when_cold: Annotated[
        Literal["excluded", "counted"],
        Meta(description="Whether probes of a lane that just started count for times."),
    ] = "excluded"
    tokens_per_day: Annotated[
        int, Meta(ge=0, le=1_000_000_000, description="Tokens that probes may cost in a day (UTC); 0: any number.")
    ] = 200_000
    objectives: Annotated[Objectives, Meta(description="What is promised of the alias.")] = Objectives()


class Lane(Section, frozen=True):
    """One lane as the gateway knows it: by the address or by the model id that its answers name."""

    name: Annotated[Name, Meta(description="The lane's name: its Deployment's.")]
    url: Annotated[_Address | None, Meta(description="Its address in the gateway, and ours for it.")] = None
    model_id: Annotated[str, Meta(description="Its `model_info.id` in the gateway.")] = ""
    model: Annotated[
        str, Meta(description="Name of the model when it is asked directly; empty: the first that it lists.")
    ] = ""
    engine: Annotated[Engine, Meta(description="Its server; auto: found out by its answers.")] = "auto"
    metrics_url: Annotated[_Address | None, Meta(description="Its metrics page; none: /metrics below its address.")] = (
        None
    )
    key_file: Annotated[str, Meta(description="File that holds the key that the lane itself asks for.")] = ""
    key_variable: Annotated[str, Meta(description="Environment variable with that key; empty: it asks for none.")] = ""
    ca_file: Annotated[str, Meta(description="PEM file of the authorities to trust; empty: the usual ones.")] = ""


class Probes(Section, frozen=True):
    """What holds for all probes and looks."""

    look_interval_seconds: Annotated[
        float, Meta(ge=1, le=300, description="Seconds between two looks at a lane's server: health, slots, metrics.")
    ] = 10.0
    stalled_seconds: Annotated[
        float,
        Meta(ge=2, le=3600, description="Seconds that a busy lane may show no progress before it is stalled."),
    ] = 60.0
    cold_seconds: Annotated[
        float, Meta(ge=0, le=86400, description="Seconds after its start for which a lane counts as cold.")
    ] = 60.0
    on_demand: Annotated[bool, Meta(description="Answer /probe?alias=NAME; it costs a probe each time.")] = True


def refuse_contradictory_alias(alias: Alias, lanes: list[str], at: str) -> None:
    """Raise `ConfigError` for an alias that contradicts itself or the lanes."""
    if alias.lane and alias.lane not in lanes:
        raise ConfigError(f"{at}.lane: expected one of {lanes}, found `{alias.lane}`")
    if alias.timeout_seconds > alias.interval_seconds:
        raise ConfigError(
            f"{at}.timeout_seconds: expected at most the interval of {alias.interval_seconds:g} s, "
            f"found {alias.timeout_seconds:g}"
        )
    for name in ("first_token_seconds", "inter_token_seconds", "total_seconds"):
        limit = getattr(alias.objectives, name)
        if limit is not None and limit > alias.timeout_seconds:
            raise ConfigError(
                f"{at}.objectives.{name}: expected at most the time-out of {alias.timeout_seconds:g} s, found {limit:g}"
            )


def refuse_impossible_addresses(gateway: Gateway | None, lanes: Sequence[Lane], where: str) -> None:
    """Raise `ConfigError` for an address that looks like one and that nothing can connect to."""
    addresses = [("gateway.url", gateway.url)] if gateway else []
    for number, lane in enumerate(lanes):
        addresses += [(f"lanes[{number}].{name}", getattr(lane, name) or "") for name in ("url", "metrics_url")]
    for at, url in addresses:
        try:
            _ = urlsplit(url).port
        except ValueError as error:
            raise ConfigError(
                f"{where}: $.{at}: expected an address that can be connected to, found: {error}"
            ) from error
