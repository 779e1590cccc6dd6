"""What an Xid error says about whom, and what to do first.

Facts from NVIDIA's Xid catalogue (https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html, columns
"immediate action" and "investigatory action", Ampere and newer), in our words. Where other vendors disagree with NVIDIA
(63, 38, 44, 109), this follows NVIDIA. A code that is not here is `unknown`: counted and told, never dropped, because
drivers report new codes before tables know them.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

XidClass = Literal["application", "driver", "hardware", "info", "link", "unknown"]
XidAction = Literal[
    "none",
    "restart_app",
    "update_software",
    "reset_gpu",
    "drain_and_reset",
    "drain_and_inspect",
    "reboot_node",
    "inspect_hardware",
    "look_up",
]
XID_CLASSES: tuple[XidClass, ...] = get_args(XidClass)
XID_ACTIONS: tuple[XidAction, ...] = get_args(XidAction)


@dataclass(frozen=True, slots=True)
class XidFacts:
    """Who is to blame for an Xid, as far as its code tells, and the first thing to do."""

    xid_class: XidClass
    action: XidAction


_UNKNOWN: Final = XidFacts("unknown", "look_up")

_TABLE: Final[tuple[tuple[XidClass, XidAction, tuple[int, ...]], ...]] = (
    # A kernel or a buffer of the workload: bad access, page fault, reset channel. The card is well.
    ("application", "restart_app", (13, 31, 32, 43, 68, 69, 80)),
    ("application", "none", (137,)),
    # 8: a channel stopped; 65: the encoder. 46, 62, 109, 110, 119, 120, 158, 169, 170: engines, PMU, GSP, security.
    ("driver", "restart_app", (8, 65)),
    ("driver", "none", (38, 44, 66)),
    ("driver", "update_software", (78,)),
    ("driver", "reset_gpu", (46, 62, 109, 110, 119, 120, 158, 169, 170)),
    ("driver", "reboot_node", (61, 151)),
    # Memory. 48, 95, 140: not corrected; 94: not corrected, but kept within one application; 92: many corrected ones.
    # 63: a row was remapped, work may go on until the next reset; 64: it could not be. 171, 172: detail of a 48.
    ("hardware", "drain_and_reset", (48, 95, 140)),
    ("hardware", "restart_app", (94,)),
    ("hardware", "none", (63, 92, 171, 172)),
    ("hardware", "reset_gpu", (64, 143, 156)),
    ("hardware", "reboot_node", (79,)),  # fell off the bus
    # 54: auxiliary power; 56-58: display, memory link; 122-125: SPI flash and inforom; 157, 168: retired resources.
    ("hardware", "inspect_hardware", (54, 56, 57, 58, 122, 123, 124, 125, 157, 168)),
    # NVLink, PCIe, C2C. 121 was corrected. 144-150 tell how bad it is only in the text of the message.
    ("link", "none", (121,)),
    ("link", "drain_and_inspect", (74,)),
    ("link", "look_up", (144, 145, 146, 147, 148, 149, 150)),
    ("link", "reset_gpu", (136, 155, 173)),
    ("link", "reboot_node", (167,)),
    # Records. 45 follows another error or a kill; 154 carries a new recovery action, which is what to act on.
    ("info", "none", (14, 45, 93, 141, 154, 160, 161, 162, 163, 164, 165)),
)
XIDS: Final = {code: XidFacts(xid_class, action) for xid_class, action, codes in _TABLE for code in codes}

XIDS_THAT_ALERT: Final = frozenset(
    code for code, facts in XIDS.items() if facts.xid_class in {"driver", "hardware", "link"} and facts.action != "none"
)
"""Codes for whoever runs the node. An unknown code alerts too, by its class; an application's goes to its owner."""


def explain(code: int) -> XidFacts:
    """Return what is known of this code."""
    return XIDS.get(code, _UNKNOWN)
