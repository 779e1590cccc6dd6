"""What the NVML reader's child says to its parent, one line of JSON each: parsed once, strictly, and only here.

`calls` is how many calls into the driver were made since the message before.
"""

from typing import Literal

import msgspec

from exporter.snapshot import CardEvent, Device


class Opened(msgspec.Struct, tag="opened", frozen=True):
    """The driver answers and counts this many cards."""

    cards: int
    calls: int = 0


class Named(msgspec.Struct, tag="named", frozen=True):
    """A card was found."""

    uuid: str
    index: int
    calls: int = 0


class Read(msgspec.Struct, tag="read", frozen=True):
    """A card or a MIG instance was read, or it could not be; `instances` are the UUIDs of all instances of a card."""

    device: Device
    watches_xids: bool = False
    watches_events: tuple[CardEvent, ...] = ()
    instances: tuple[str, ...] = ()
    calls: int = 0


class Xid(msgspec.Struct, tag="xid", frozen=True):
    """The driver reported an Xid error."""

    uuid: str
    code: int
    calls: int = 0


class Event(msgspec.Struct, tag="event", frozen=True):
    """The driver reported something else of a card."""

    uuid: str
    event: CardEvent
    calls: int = 0


class Fault(msgspec.Struct, tag="fault", frozen=True):
    """Nothing can be read, and why."""

    kind: Literal["absent", "failed", "hung"]
    message: str
    calls: int = 0


Message = Opened | Named | Read | Xid | Event | Fault
_DECODER = msgspec.json.Decoder(Message)


def parse_message(line: bytes) -> Message | None:
    """Return the message in `line`, None where there is none: a library may have written into our stream."""
    try:
        message: Message = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return message
