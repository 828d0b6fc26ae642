"""The HTTP face of the CPS: reads requests, calls the use cases, answers."""
