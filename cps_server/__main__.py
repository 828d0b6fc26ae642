"""``python -m cps_server`` is ``cps-server``."""

from cps_server.cli import main

main()
