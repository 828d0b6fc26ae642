"""The floor: an HTTP server on the same library and event loop that reads the same bytes and does nothing with them."""

import json
import os
import sys
from http import HTTPStatus
from typing import Final

import uvloop
from aiohttp import web

CREATED: Final = {"status": HTTPStatus.CREATED, "message": "Created"}
FOUND: Final = {"tokens": ["t" * 600], "passports": ["p" * 500]}
"""As long as the usual answer to a retrieve."""


async def create(request: web.Request) -> web.Response:
    """Read a publish."""
    await request.read()
    return web.json_response(CREATED, status=HTTPStatus.CREATED)


async def find(_: web.Request) -> web.Response:
    """Answer a retrieve."""
    return web.json_response(FOUND)


async def health(_: web.Request) -> web.Response:
    """Say that it runs."""
    return web.json_response({})


def main() -> int:
    """Serve at the address in CPS_LISTEN until SIGTERM."""
    host, _, port = os.environ["CPS_LISTEN"].rpartition(":")
    app = web.Application()
    app.router.add_get("/health", health)
    app.router.add_post("/passports/{dest}/{orig}", create)
    app.router.add_get("/passports/{dest}/{orig}", find)
    print(json.dumps({"floor": port}), flush=True)  # noqa: T201 - a command: its log
    web.run_app(app, host=host, port=int(port), access_log=None, print=None, loop=uvloop.new_event_loop())
    return 0


if __name__ == "__main__":
    sys.exit(main())
