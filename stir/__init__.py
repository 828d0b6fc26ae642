"""
The shared STIR/SHAKEN core: parse, sign and verify PASSporTs.

Nothing in here opens a socket, reads a clock or looks at the environment;
:mod:`stir.aio` is the only part that does I/O, and :mod:`stir.testing` holds
a whole pretend STI world for tests.
"""
