"""``transferz completion``: a script by which a shell completes commands, options and choices.

It is made of the commands' own parsers, so that no option is written twice.
"""

import argparse
import contextlib
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from transferz.cli import COMMANDS, Command
from transferz.cli.options import command_parser
from transferz.schemas.errors import TransferZError

SHELLS = ("bash", "zsh", "fish")

DESCRIPTION = """\
Print a script that completes transferz's commands, options, files, configs and methods in a shell.
It is read when a shell starts:

  bash  transferz completion bash > ~/.local/share/bash-completion/completions/transferz
  zsh   transferz completion zsh > DIR/_transferz       (a DIR of your $fpath)
  fish  transferz completion fish > ~/.config/fish/completions/transferz.fish

Configs and methods are those that are here now: print it again after installing others.
"""

FOLDERS = ("DIR", "RUN_DIR", "RUNS_DIR", "RELEASE", "OLD", "NEW")
FILES = ("FILE", "TABLE", "PATH")
"""What an option's or argument's value is called where it is a folder, or a file. Other paths are
files or folders."""


def completion(argv: Sequence[str]) -> int:
    """Print a shell's completion script."""
    import shtab

    parser = command_parser("completion", DESCRIPTION)
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    shell = parser.parse_args(argv).shell
    sys.stdout.write(f"{shtab.complete(_whole_parser(), shell).rstrip()}\n")
    return 0


def _whole_parser() -> argparse.ArgumentParser:
    """Put the parsers of all commands under one; of those that can't be imported, the names."""
    whole = argparse.ArgumentParser("transferz")
    whole.add_argument("-V", "--version", action="store_true", help="print the version")
    commands = whole.add_subparsers()
    words = _words()
    for name, command in COMMANDS.items():
        found = _parsers(name, command)
        parents = [found[""]] if "" in found else []
        added = commands.add_parser(
            name, help=command.summary, parents=parents, add_help=not parents
        )
        if command.parts:
            nested = added.add_subparsers()
            for part in command.parts:
                if part in found:
                    nested.add_parser(part, help=part, parents=[found[part]], add_help=False)
        for parser in found.values():
            for action in parser._actions:
                _complete(action, words, command.parts if parser is found[""] else ())
    return whole


def _complete(
    action: argparse.Action, words: dict[str, Sequence[str]], parts: Sequence[str]
) -> None:
    """Say how an option or argument is completed, where its choices do not say so."""
    if action.choices is None and action.dest in words:
        action.choices = [*parts, *words[action.dest]]
    elif action.choices is None and not action.option_strings and parts:
        action.choices = parts  # `sources check`, where other words may stand
    elif action.choices is None and (action.type is Path or action.metavar in (*FOLDERS, *FILES)):
        import shtab

        kind = shtab.DIRECTORY if action.metavar in FOLDERS else shtab.FILE
        action.complete = kind  # type: ignore[attr-defined]


def _words() -> dict[str, Sequence[str]]:
    """Return what is here to choose from, by the option's or argument's name."""
    from transferz.releases import Release, seek_release
    from transferz.schemas.survey.catalogues import SPLITS

    configs: Sequence[str] = ()
    with contextlib.suppress(TransferZError):
        if isinstance(release := seek_release(), Release):
            configs = list(release.files())
    methods: Sequence[str] = ()
    with contextlib.suppress(ModuleNotFoundError):  # without the extra that trains
        from transferz.baselines.benchmark.loading import installed_methods

        methods = list(installed_methods())
    names: Sequence[str] = ()
    with contextlib.suppress(ModuleNotFoundError):  # without the extra that builds
        from transferz.dataset.sources.registry import load_registry
        from transferz.schemas.survey.survey import surveys

        names = [*dict.fromkeys([*surveys(), *load_registry()])]
    splits = list(SPLITS)
    return {
        "config": configs,
        "split": splits,
        "splits": splits,
        "train": configs,
        "method": methods,
        "names": names,
    }


class _Found(Exception):
    """A parser that was to print its help."""


def _parsers(name: str, command: Command) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of a command, under ``""``, and of its parts: those that print its help.

    Whatever else a command does is done after its arguments are read.
    """

    def find(parser: argparse.ArgumentParser, file: object = None) -> None:
        raise _Found(parser)

    found: dict[str, argparse.ArgumentParser] = {}
    kept = argparse.ArgumentParser.print_help
    argparse.ArgumentParser.print_help = find  # type: ignore[method-assign,assignment]
    try:
        run = getattr(
            importlib.import_module(f"transferz.cli.{command.module}"), name.replace("-", "_")
        )
        for part in ("", *command.parts):
            try:
                run([*filter(None, [part]), "--help"])
            except _Found as one:
                found[part] = one.args[0]
    except ModuleNotFoundError:
        pass  # an extra is not installed
    finally:
        argparse.ArgumentParser.print_help = kept  # type: ignore[method-assign]
    return found
