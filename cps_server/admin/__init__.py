"""The admin listener: for the operator's own network, never for the public."""
