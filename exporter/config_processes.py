"""The part of the file that says how the node's processes are looked at."""

from typing import Annotated, Literal

from msgspec import Meta

from exporter.config_section import Section


class Processes(Section, frozen=True):
    """Which pod holds how much memory of a card, by the cgroup of each process; a pod needs `hostPID: true` for it."""

    read: Annotated[
        Literal["auto", "always", "never"],
        Meta(description="auto: where the node's processes are in sight; always: complain where they are not."),
    ] = "auto"
    proc: Annotated[str, Meta(min_length=1, description="The node's /proc.")] = "/proc"
    top: Annotated[
        int, Meta(ge=1, le=64, description="Holders of a card that have a series of their own; the rest is `other`.")
    ] = 8
    interval_seconds: Annotated[float, Meta(ge=1, le=300, description="Seconds between two looks.")] = 5.0
