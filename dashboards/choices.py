"""The choices at the top of a page, each of them within those before it."""

from typing import Final

from dashboards.board import Variable
from dashboards.series import within
from exporter import catalogue as c

CLUSTER: Final = Variable("cluster", str(c.BUILD_INFO), "cluster")
NODE: Final = Variable("node", within(c.GPU_INFO), "node")
GPU: Final = Variable("gpu", within(c.GPU_INFO, "node"), "gpu_uuid")
ALIAS: Final = Variable("alias", within(c.PROBE_INTERVAL), "alias")
EXPORTER: Final = Variable("exporter", within(c.BUILD_INFO), "instance")
# A page about one card: the first, or the one that a link chose.
ONE_NODE: Final = Variable("node", within(c.GPU_INFO), "node", takes_one=True)
ONE_GPU: Final = Variable("gpu", within(c.GPU_INFO, "node"), "gpu_uuid", takes_one=True)
