"""The commands of ``cps-client``; each module imports what it needs only when its command runs."""
