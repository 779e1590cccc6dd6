"""The closed lists of what an Xid can say: they are label values, and words of the configuration."""

from typing import Literal

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
