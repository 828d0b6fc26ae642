"""The commands of ``cps-server`` that do more than start it."""
