"""``cps-client gateway``: the sidecar."""

from cps_client.commands.frame import Config, Exit, told


@told
def gateway(config: Config = None) -> Exit:
    """
    Run the sidecar for gateways and SBCs until SIGTERM: they tell it of calls over HTTP, it publishes and verifies.

    It listens on CPS_CLIENT_GATEWAY__LISTEN, by default 127.0.0.1:8090, and always answers inside the budget.
    Exit code 78 if the configuration is wrong or the port is taken.

    [bold]Try it:[/bold] curl -H 'Content-Type: application/json' -d '{"orig":"12155550100","dest":"12155551212"}' http://127.0.0.1:8090/v1/publish
    """
    from cps_client.gateway.lifecycle import serve
    from cps_client.settings import load
    from stir.aio import logs
    from stir.aio.eventloop import run

    lines = logs.configure()
    settings = load(config)
    lines.set_level(settings.gateway.log_level)
    run(serve(settings, lines=lines))
    return Exit.DONE
