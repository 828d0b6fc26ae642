"""
The pretend STI world on loopback, for trying things without a policy administrator.

Policy administrator, certificate repository and CPSs are real servers on real sockets; only the authorities are
made up. Nothing here is for production: whoever may read the lab's directory holds all its keys.
"""

from cps_client.lab.errors import LabError
from cps_client.lab.lab import Cps, Lab

__all__ = ["Cps", "Lab", "LabError"]
