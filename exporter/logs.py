"""One JSON object a line on standard error: time, level, logger, message, and the traceback where there is one.

Nothing here knows secrets; what holds one (`exporter.secret`) never writes it.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

# these print whole URLs at INFO, and a URL can carry a key
_CHATTY: Final = ("aiohttp.access", "urllib3", "kubernetes")


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(level: str) -> None:
    """Send every record of `level` and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
