"""The audit log: who published, retrieved or was denied what, and when; tamper-evident, and without numbers."""

from cps_server.audit.find import Wanted, find
from cps_server.audit.log import AuditError, AuditLog, open_secret
from cps_server.audit.verify import FileReport, Finding, Kind, verify

__all__ = ["AuditError", "AuditLog", "FileReport", "Finding", "Kind", "Wanted", "find", "open_secret", "verify"]
