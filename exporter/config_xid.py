"""The parts of the configuration about Xid errors, where they are read and kept, and how many cards there should be."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from exporter.config_section import Section
from exporter.errors import ConfigError
from exporter.xid_words import XidAction, XidClass


class KernelLog(Section, frozen=True):
    """The kernel log of this node: Xids that the driver's events miss, and those of the time before we started."""

    read: Annotated[
        Literal["auto", "always", "never"],
        Meta(description="auto: where it may be read at the start; always: complain while it may not."),
    ] = "auto"
    path: Annotated[
        str, Meta(min_length=1, description="/dev/kmsg, or a file or FIFO with its lines or those of a syslog.")
    ] = "/dev/kmsg"


class XidOverride(Section, frozen=True):
    """What one Xid means here, in place of our table."""

    code: Annotated[int, Meta(ge=1, le=999, description="The code.")]
    xid_class: Annotated[XidClass, Meta(description="Its class; driver, hardware and link alert.")] = msgspec.field(
        name="class"
    )
    action: Annotated[XidAction, Meta(description="What to do first; none: it does not alert.")]


class Xid(Section, frozen=True):
    """Xid errors: where their counts are kept, and what they mean."""

    store: Annotated[
        str,
        Meta(description="File that keeps the counts over a restart; empty: xids.json in STATE_DIRECTORY, or none."),
    ] = ""
    overrides: Annotated[tuple[XidOverride, ...], Meta(max_length=999, description=XidOverride.__doc__)] = ()


class Presence(Section, frozen=True):
    """How many cards there should be, and where the PCI bus is looked at."""

    expected_gpus: Annotated[
        Annotated[int, Meta(ge=0, le=1024)] | None, Meta(description="Cards of each node that this file is for.")
    ] = None
    pci_devices: Annotated[str, Meta(min_length=1, description="Directory in which the kernel lists PCI devices.")] = (
        "/sys/bus/pci/devices"
    )


def refuse_twice_overridden(xid: Xid, at: str) -> None:
    """Refuse two rows for one code: nobody could tell which of them holds."""
    codes = [one.code for one in xid.overrides]
    if len(set(codes)) != len(codes):
        raise ConfigError(f"{at}.overrides: expected each code once, found {sorted(codes)}")
