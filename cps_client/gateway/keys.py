"""What the application holds, by typed key."""

from typing import Final

from aiohttp import web

from cps_client.gateway.calls import Calls
from cps_client.gateway.faces import Faces
from cps_client.gateway.metrics import Metrics
from cps_client.gateway.readiness import Readiness

calls: Final = web.AppKey("calls", Calls)
faces: Final = web.AppKey("faces", Faces)
metrics: Final = web.AppKey("metrics", Metrics)
readiness: Final = web.AppKey("readiness", Readiness)
