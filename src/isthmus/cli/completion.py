"""``isthmus completion``: what the Tab key should offer."""

from __future__ import annotations

from typing import Literal

__all__ = ["completion"]


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print a script with which the Tab key completes commands and flags.

    For bash: isthmus completion bash > ~/.local/share/bash-completion/completions/isthmus. For zsh, write it to
    _isthmus in a folder of $fpath; for fish, to ~/.config/fish/completions/isthmus.fish.

    Parameters
    ----------
    shell
        The shell that will read it.
    """
    from isthmus.cli import application

    print(application().generate_completion(shell=shell, prog_name="isthmus"))
