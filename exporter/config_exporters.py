"""The parts of the configuration that name other people's exporters of the same cards."""

from typing import Annotated, Literal

from msgspec import Meta

from exporter.config_section import URL, Section

GpuSource = Literal["auto", "nvml", "dcgm", "xpum"]


class Dcgm(Section, frozen=True):
    """A dcgm-exporter of this node: in place of the driver, or beside it to tell which of the two is wrong."""

    url: Annotated[str, Meta(pattern=URL, description="Address of its metrics: http://127.0.0.1:9400/metrics.")]
    interval_seconds: Annotated[
        float, Meta(ge=1, le=300, description="Seconds between two readings; by default it renews its values every 30.")
    ] = 15.0


class Xpum(Section, frozen=True):
    """An xpumanager or xpumd of this node: Intel's cards."""

    url: Annotated[str, Meta(pattern=URL, description="Address of its metrics: http://127.0.0.1:29999/metrics.")]
    interval_seconds: Annotated[float, Meta(ge=1, le=300, description="Seconds between two readings.")] = 15.0
