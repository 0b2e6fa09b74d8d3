"""The command line itself: its entry point, and how it ends."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from crossarch import __version__
from crossarch.cli.options import Given
from crossarch.errors import CrossarchError, Interrupted

app = typer.Typer(
    name="crossarch",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""How much accuracy is lost on distilled data when the test network is another one?

    The stages, each a verb: **fetch** - **prepare** - **audit** - **distil** - **train** -
    **collect** - **analyse** - **render**.
    What there is to do: **plan**. How far it is: **status**. What came of it: **show**.
    Rules call them with the files that they read and write (`snakemake --cores 2 table2`); by hand any
    file is made by its path (`snakemake --cores 1 results/...`).

    What would the paper's tables take, and how far are they?

    `crossarch --preset config/presets/paper.yaml plan`

    Train one network; go on with it after an interruption by saying the same again:

    `snakemake --cores 1 results/runs/cifar10/frepo/ipc1/cnn/baseline/seed0/metrics.json`
    """,
    epilog="""Exit codes: 0 done - 1 anything else, such as a full disk - 2 a wrong option or setting -
    3 a file could not be fetched - 4 a file does not hold what it should, or a run has not finished -
    5 a training cannot go on - 128 + n ended by signal n (130: Ctrl-C).
    A mistake of yours is one line on stderr. More: docs/commands.md.
    """,
)


def run() -> NoReturn:
    """Run the verb: a user's mistake is one line on stderr and an exit code that says its kind."""
    try:
        app(prog_name="crossarch", standalone_mode=False)
    except CrossarchError as error:
        _fail(str(error), error.exit_code)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except Interrupted as stop:
        _fail(str(stop), stop.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _fail("interrupted", 130)
    except BrokenPipeError:  # `crossarch schedule ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _fail(f"{error.filename or 'input or output'}: {error.strerror or error}", 1)
    except Exception as error:
        if hasattr(error, "format_message"):  # a wrong option
            _fail(error.format_message(), 2)
        raise
    sys.exit(0)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    config_dir: Annotated[Path, typer.Option(help="Folder of the YAML files.")] = Path("config"),
    preset: Annotated[
        list[Path] | None,
        typer.Option(help="A preset laid over config.yaml; may be given several times."),
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder of the results; default: that of the configuration.")
    ] = None,
    selection: Annotated[
        str | None, typer.Option(help="JSON laid over config.yaml, as rules hand it over.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print it.")] = False,
) -> None:
    """What is said before the verb, the same for all of them."""
    if version:
        typer.echo(f"crossarch {__version__}")
        raise typer.Exit
    context.obj = Given(config_dir, tuple(preset or ()), selection, results)


def _fail(message: str, code: int) -> NoReturn:
    print(f"crossarch: {message}", file=sys.stderr)
    sys.exit(code)
