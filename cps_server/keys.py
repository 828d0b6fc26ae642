"""What an application holds, by typed key."""

from typing import Final

from aiohttp import web

from cps_server.audit import AuditLog
from cps_server.auth import Authoriser
from cps_server.federation.receive import Receiver
from cps_server.federation.republish import Republisher
from cps_server.health import Health
from cps_server.metrics import Metrics
from cps_server.partners import Partners
from cps_server.publish import Publisher
from cps_server.repository import Repository
from cps_server.retrieve import Retriever
from cps_server.screening import Screening
from cps_server.store.base import PassportStore

authoriser: Final = web.AppKey("authoriser", Authoriser)
publisher: Final = web.AppKey("publisher", Publisher)
republisher: Final = web.AppKey("republisher", Republisher)
receiver: Final = web.AppKey("receiver", Receiver)
retriever: Final = web.AppKey("retriever", Retriever)
screening: Final = web.AppKey("screening", Screening)
store: Final = web.AppKey("store", PassportStore)
health: Final = web.AppKey("health", Health)
metrics: Final = web.AppKey("metrics", Metrics)

repository: Final = web.AppKey("repository", Repository)
partners: Final = web.AppKey("partners", Partners)
audit: Final = web.AppKey("audit", AuditLog)

client_address: Final = web.RequestKey("client_address", str)
done: Final = web.RequestKey("done", dict)
"""What was done, for the request's line in the log."""
request_id: Final = web.RequestKey("request_id", str)
