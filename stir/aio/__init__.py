"""The core's only I/O: fetching and caching certificates, revocation lists and trust lists."""
