"""Which theorem builds on which, drawn as a tree."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from alignment_theory.theory import Theorem

if TYPE_CHECKING:
    from rich.tree import Tree


def dependency_tree(catalogue: Mapping[str, Theorem]) -> "Tree":
    """Return a tree in which every theorem hangs below each one that it uses.

    A theorem that uses several appears below each; what builds on it is drawn the first time.
    """
    from rich.tree import Tree

    builders: dict[str, list[str]] = {name: [] for name in catalogue}
    for name, theorem in catalogue.items():
        for used in theorem.uses:
            builders[used].append(name)
    drawn: set[str] = set()

    def hang(name: str, parent: Tree) -> None:
        again = name in drawn and bool(builders[name])
        label = f"[bold]{name}[/bold]  {catalogue[name].title}"
        branch = parent.add(f"{name} (drawn above)" if again else label)
        if not again:
            drawn.add(name)
            for builder in builders[name]:
                hang(builder, branch)

    root = Tree("theorems, each below those it uses")
    for name, theorem in catalogue.items():
        if not theorem.uses:
            hang(name, root)
    return root
