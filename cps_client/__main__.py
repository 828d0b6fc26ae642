"""``python -m cps_client`` is ``cps-client``."""

from cps_client.cli import main

main()
