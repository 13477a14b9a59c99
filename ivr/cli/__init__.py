"""The command ``ivr``: each command parses its arguments and calls one function.

JSON goes to standard output, logs go to standard error.  Functions import what they call when they run, so that the
command starts quickly.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ivr import __version__
from ivr.cli import advisers, callbacks, privacy, voicemails
from ivr.cli import replay as replaying
from ivr.cli.bench import bench
from ivr.cli.common import AsJson, Html, Languages, exit_with, print_lines, run_async, with_settings
from ivr.cli.content import content
from ivr.cli.labels import labels
from ivr.cli.report import report
from ivr.cli.unanswered import unanswered
from ivr.core.errors import ConfigError, IvrError, UsageError
from ivr.core.settings import Settings

app = typer.Typer(
    name="ivr", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Accueil: the voice receptionist of a city tourist office.",
)  # fmt: skip
models = typer.Typer(no_args_is_help=True, help="List and download recognisers and voices.")
evaluate = typer.Typer(no_args_is_help=True, help="Measure recognition, understanding and prompts.")
app.add_typer(content, name="content")
app.add_typer(models, name="models")
app.add_typer(bench, name="bench")
app.add_typer(evaluate, name="eval")
app.add_typer(voicemails.app, name="voicemails")
app.add_typer(callbacks.app, name="callbacks")
app.add_typer(privacy.app, name="privacy")
app.add_typer(advisers.app, name="advisers")
app.add_typer(report, name="report")
app.add_typer(labels, name="labels")
app.command("unanswered")(unanswered)
replaying.add_to(app)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def run() -> None:
    """Answer calls until Ctrl-C."""
    from ivr.service import run as service

    run_async(service.run_until_interrupted)


@app.command()
def demo() -> None:
    """Start the service, place two real calls, show them and check the answers."""
    from ivr.simulator import demo as demonstration

    exit_with(run_async(demonstration.run))


@app.command()
def check() -> None:
    """Check all files that an administrator edits; exit 1 on an error."""
    from ivr.service import check as checking

    exit_with(with_settings(checking.command))


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="Archive to write.")]) -> None:
    """Save state, messages and edited files in one archive, during calls too; passwords are not in it."""
    from ivr.service import backup as saving

    typer.echo(with_settings(lambda settings: saving.backup(settings, file)))


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="Archive of ivr backup.")]) -> None:
    """Put an archive in the place of the present state, which is kept beside it; the service must be stopped."""
    from ivr.service import backup as saving

    typer.echo(with_settings(lambda settings: saving.restore(settings, file)))


@app.command()
def ask(
    lang: Annotated[str, typer.Option(help="Language of --text.")] = "",
    text: Annotated[str, typer.Option(help="One question; without it, JSON lines on standard input.")] = "",
) -> None:
    """Print how the service would answer a question."""
    from ivr.nlu import ask as asking

    def work(settings: Settings) -> None:
        questions = [{"lang": lang or "fr", "text": text}] if text else _json_lines(sys.stdin)
        print_lines(asking.ask(settings, questions))

    with_settings(work)


@app.command()
def listen(
    files: Annotated[list[Path] | None, typer.Argument(help="Audio files, any rate.")] = None,
    lang: Annotated[str, typer.Option(help="Language of all files.")] = "",
    tsv: Annotated[Path | None, typer.Option(help="Table with the columns file and lang.")] = None,
    engine: Annotated[str, typer.Option(help="vosk, whisper or auto.")] = "auto",
) -> None:
    """Recognise and understand recorded speech as if it came over the telephone."""
    from ivr.evaluation import listen as listening

    async def work(settings: Settings) -> None:
        async for row in listening.listen(settings, files or [], lang=lang, tsv=tsv, engine=engine):
            print_lines([row])

    run_async(work)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def call(
    context: typer.Context,
    to: Annotated[str, typer.Option(help="sip:HOST:PORT; without it, the service on this machine.")] = "",
    record: Annotated[
        Path | None, typer.Option(help="Stereo WAV to write: left the caller, right the service.")
    ] = None,
    max_s: Annotated[float, typer.Option("--max", help="Seconds after which it hangs up.")] = 120.0,
    user: Annotated[str, typer.Option(help="SIP user; without it, the local softphone.")] = "",
    password_file: Annotated[Path | None, typer.Option(help="File with the SIP password.")] = None,
    caller_id: Annotated[str, typer.Option(help="Caller id to send.")] = "",
    as_json: AsJson = False,
) -> None:
    """Place a real SIP call as a simulated caller.

    Steps, in the order given: --digits D, --say WAV, --interrupt WAV, --wait S, --hangup.
    """
    from ivr.simulator import command

    def work(settings: Settings) -> Coroutine[Any, Any, int]:
        spec = command.spec(
            context.args, to=to, settings=settings, record=record, max_s=max_s, caller_id=caller_id
        )
        return command.run(settings, spec, user=user, password_file=password_file, as_json=as_json)

    exit_with(run_async(work))


@app.command()
def calls(
    call_id: Annotated[str, typer.Argument(help="Show this call as a timeline.")] = "",
    limit: Annotated[int, typer.Option(help="Number of calls.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the newest calls, or show one as a timeline."""
    from ivr.cli.views import calls as views

    if call_id:
        with_settings(lambda settings: views.show(settings, call_id, as_json=as_json))
    else:
        with_settings(lambda settings: views.show_all(settings, limit, as_json=as_json))


@app.command()
def say(
    text: str,
    lang: Annotated[str, typer.Option(help="Language.")] = "fr",
    out: Annotated[Path, typer.Option(help="WAV to write.")] = Path("say.wav"),
    slow: Annotated[bool, typer.Option(help="Speak slowly.")] = False,
) -> None:
    """Speak a sentence into a WAV with the voice that callers hear."""
    from ivr.cli.views import say as speaking

    with_settings(lambda settings: speaking.say(settings, text, lang, out, slow=slow))


@app.command()
def publish(
    note: Annotated[str, typer.Option(help="What was changed; `ivr content list` shows it.")] = "",
) -> None:
    """Check, train and test the edited content, render its prompts, and put it into service for new calls."""
    from ivr.service import publishing

    exit_with(with_settings(lambda settings: publishing.publish(settings, note)))


@app.command()
def rollback(
    number: Annotated[int | None, typer.Argument(help="A version; 0: the files as edited.")] = None,
) -> None:
    """Go back to the version before, or to the named one."""
    from ivr.service import publishing

    exit_with(with_settings(lambda settings: publishing.rollback(settings, number)))


@models.command("list")
def models_list() -> None:
    """List the models: which are installed, which are missing, and their sources."""
    from ivr.setup import models as fetching

    with_settings(fetching.list_models)


@models.command("pull")
def models_pull() -> None:
    """Download the standard models from their official addresses."""
    from ivr.setup import models as fetching

    with_settings(fetching.pull)


@evaluate.command("nlu")
def eval_nlu(
    as_json: AsJson = False,
    html: Html = None,
) -> None:
    """Test the held-out questions: shares answered rightly, declined and answered wrongly, per language."""
    from ivr.evaluation import nlu

    exit_with(with_settings(lambda settings: nlu.run_nlu(settings, as_json=as_json, html=html)))


@evaluate.command("speech")
def eval_speech(
    count: Annotated[int, typer.Option(help="Questions of each language.")] = 40,
    lang: Languages = None,
    plain: Annotated[bool, typer.Option("--plain", help="Recognise without hot words.")] = False,
    menu: Annotated[bool, typer.Option("--menu", help="Let all languages compete, as at the menu.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask held-out questions aloud over a telephone line: word errors and right decisions."""
    from ivr.evaluation import speech

    aloud = speech.Aloud(hotwords=not plain, menu=menu)
    exit_with(
        with_settings(
            lambda settings: speech.run(settings, count, lang or ["fr", "en"], aloud, as_json=as_json)
        )
    )


@evaluate.command("prompts")
def eval_prompts(
    lang: Languages = None,
    as_json: AsJson = False,
    html: Html = None,
) -> None:
    """Recognise every prompt over a telephone line: word errors by language, worst prompts, kinds of misses."""
    from ivr.evaluation import prompts

    exit_with(with_settings(lambda settings: prompts.run(settings, lang or (), html, as_json=as_json)))


def main() -> NoReturn:
    """Run ``ivr``; an error becomes one line on standard error and an exit status."""
    try:
        app()
    except UsageError as error:
        _fail(error, 2)
    except ConfigError as error:
        for finding in error.findings:
            sys.stderr.write(f"{finding}\n")
        _fail(error, 1)
    except IvrError as error:
        _fail(error, 1)
    except BrokenPipeError:  # whoever reads the output has seen enough
        sys.exit(1)
    except OSError as error:  # a full disk, a file that may not be read or written
        _fail(IvrError(str(error)), 1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


def _fail(error: IvrError, status: int) -> NoReturn:
    sys.stderr.write(f"ivr: {error}\n")
    sys.exit(status)


def _json_lines(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UsageError(f"standard input, line {number}: no JSON ({error})") from None
        if not isinstance(row, dict) or not {"lang", "text"} <= row.keys():
            raise UsageError(f'standard input, line {number}: write {{"lang": "fr", "text": "..."}}')
        yield row
