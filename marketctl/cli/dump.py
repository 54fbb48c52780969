"""marketctl dump: raw answers of a job, kept, listed, replayed offline."""

from pathlib import Path

import click

from marketctl.cli.complete import complete_dump
from marketctl.cli.globals import HELP, Command, Group, global_options, globals_of
from marketctl.cli.options import json_option, provider_option
from marketctl.cli.output import Column, print_document, print_rows, sentence, write
from marketctl.cli.param_types import FILE, Named
from marketctl.cli.progress import Progress
from marketctl.cli.working import open_run
from marketctl.log import log

DUMPED = (Column("provider", "name"), Column("job", "name"), Column("status", "word"), Column("file", "path"))
REPLAYED = (Column("provider", "name"), Column("job", "name"), Column("records", "number"), Column("compared"))


@click.group(cls=Group, context_settings=HELP)
def command() -> None:
    """Keep the raw answers of a job, list them, replay them offline.

    \b
    Example:
      marketctl dump prices -p KUCOIN
      marketctl dump replay data/raw/prices-KUCOIN.json
    """


def _dump_command(what: str, help_line: str) -> click.Command:
    example = f"\n\n\b\nExample:\n  marketctl dump {what} -p KUCOIN"
    codes = "\n\nExit codes: 0 kept, also earlier, 1 nothing could be, 3 some could not, 4 configuration."

    @click.command(what, cls=Command, context_settings=HELP, help=help_line + example + codes)
    @provider_option
    @click.option("--force", is_flag=True, help="Overwrite an existing dump.")
    @click.option("-o", "--output", type=FILE, metavar="FILE", help="Write one dump here; - is stdout.")
    @click.option("--strict", is_flag=True, help="Missing credentials are failures, not skips.")
    @json_option
    @global_options
    def dump(providers: tuple[str, ...], force: bool, output: str | None, strict: bool, as_json: bool) -> int:
        from marketctl.jobs.document import run_document
        from marketctl.jobs.dump import dump_job
        from marketctl.jobs.run import Options, choose
        from marketctl.jobs.runner import exit_code

        given = globals_of()
        options = Options(frozenset(name.upper() for name in providers), strict, force=force)
        with open_run(given, options) as run:
            jobs = ("wallet", "prices", "stats") if what == "all" else (what,)
            work = [(entry, job) for entry in choose(run.registry, providers) for job in jobs]
            if output and len(work) != 1:
                raise click.UsageError("-o takes one dump: name one job and one provider with -p.")
            if output == "-" and as_json:
                raise click.UsageError("-o - and --json both want stdout: choose one.")
            progress = Progress(given, len(work))
            results = []
            for entry, job in work:
                progress.start(entry.name, job)
                result = dump_job(run, entry, job, output, click.echo if output == "-" else None)
                results.append(result)
                progress.done(result)
                if result.status == "ok" and not result.counts.get("written"):
                    progress.clear()
                    log.warning("%s: %s", result.counts["file"], result.message)
            progress.end()
            if as_json:
                print_document(given, run_document(run, f"dump {what}", results))
            elif output != "-" and not given.quiet:
                rows = [(one.provider, one.job, one.status, one.counts.get("file") or one.reason) for one in results]
                print_rows(given, DUMPED, rows)
            return exit_code(results)

    return dump


for name, line in {
    "wallet": "Keep the raw answers of the wallet job.",
    "prices": "Keep the raw answers of the prices job.",
    "stats": "Keep the raw answers of the stats job.",
    "all": "Keep the raw answers of all three jobs.",
}.items():
    command.add_command(_dump_command(name, line))


@command.command("list", cls=Command, context_settings=HELP)
@json_option
@global_options
def list_(as_json: bool) -> int:
    """List the dumps there are.

    \b
    Example:
      marketctl dump list
    """
    from marketctl.errors import StorageFailed
    from marketctl.files.look import files_in
    from marketctl.jobs.dump_file import read_dump

    given = globals_of()
    folder = given.registry().settings.dump_dir
    rows = []
    for path in files_in(folder, ".json"):
        try:
            found = read_dump(path)
        except StorageFailed as error:
            log.warning("left out: %s", sentence(error.message), extra={"where": "marketctl"})
            continue
        told = "not read" if found.get("batch") is None else "read"
        rows.append((found["provider"], found["job"], found["collected_at"], len(found["requests"]), told, str(path)))
    columns = (
        Column("provider", "name"),
        Column("job", "name"),
        Column("collected at", "time"),
        Column("requests", "number", rank=1),
        Column("batch", "word"),
        Column("file", "path"),
    )
    if as_json:
        names = [column.key for column in columns]
        results = [dict(zip(names, row, strict=True)) for row in rows]
        print_document(given, {"schema": 1, "command": "dump list", "results": results})
    else:
        print_rows(given, columns, rows)
        if not rows:
            log.warning("there is no dump in %s yet: marketctl dump all makes them", folder)
    return 0


@command.command(cls=Command, context_settings=HELP)
@click.argument("file", type=Named(path_type=Path), shell_complete=complete_dump)
@json_option
@global_options
def replay(file: Path, as_json: bool) -> int:
    """Run today's reader over a dump, offline, and show where it reads otherwise than when it was made.

    \b
    Example:
      marketctl dump replay data/raw/prices-KUCOIN.json

    Exit codes: 0 read the same (or nothing was read then), 1 cannot be read or differs.
    """
    from marketctl.jobs.dump_file import read_dump
    from marketctl.jobs.replay import differences
    from marketctl.jobs.replay import replay as replay_dump

    given = globals_of()
    found = read_dump(file, named=True)
    entry = given.registry().provider(found["provider"])
    batch = replay_dump(entry, found)
    before = found.get("batch")
    changed = [] if before is None else differences(before, batch)
    if as_json:
        document = {"provider": entry.name, "job": found["job"], "batch": batch, "differences": changed}
        print_document(given, {"schema": 1, "command": "dump replay", "results": [document]})
    elif not given.quiet:
        records = batch.get("assets") or batch.get("quotes") or batch.get("stats") or {}
        told = "nothing to compare with" if before is None else f"{len(changed)} differences"
        print_rows(given, REPLAYED, [(entry.name, found["job"], len(records), told)])
        write("".join(f"{line}\n" for line in changed))
    return 1 if changed else 0
