"""How the steps of a verification are printed: a numbered checklist that reads as well without colours."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from cps_client.commands.frame import one_line

if TYPE_CHECKING:
    from stir.explain import Explanation, Step

WIDTH: Final = 100
"""Most columns that it takes."""

_INDENT: Final = "     "
_STYLES: Final = {"passed": "green", "failed": "bold red", "not reached": "dim", "not needed": "dim"}


def show_steps(explanations: Sequence["Explanation"]) -> None:
    """Print the steps of each PASSporT."""
    console = Console(highlight=False)
    width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    for number, explanation in enumerate(explanations, 1):
        result, stopped = explanation.result, explanation.stopped
        end = f"stopped at step {stopped.number}, {stopped.name}" if stopped else "went through all steps"
        title = one_line(f"PASSporT {number}: {result.ppt or 'no type'}, {result.case.id}, {end}")
        console.print()
        console.print(Text(title, style="bold"), soft_wrap=True)
        for step in explanation.steps:
            for line in _lines(step, width):
                console.print(line, soft_wrap=True)


def _lines(step: "Step", width: int) -> Iterator[Text]:
    """Yield the step with its clause, and below what was compared, notes, and why the verifier ended here."""
    outcome = step.outcome.value
    shown = outcome.upper() if step.why else outcome
    yield Text.assemble(
        f"{step.number:3}  ", (f"{shown:12}", _STYLES[outcome]), f"{step.name:18} ", (step.clause, "dim")
    )
    for text in (step.compared, *step.notes):
        yield from _wrapped(text, width, "")
    yield from _wrapped(f"=> {step.why}" if step.why else None, width, "bold red")


def _wrapped(text: str | None, width: int, style: str) -> Iterator[Text]:
    lines = wrap(one_line(text or ""), max(width, 40), initial_indent=_INDENT, subsequent_indent=f"{_INDENT}  ")
    return (Text(line, style=style) for line in lines)
