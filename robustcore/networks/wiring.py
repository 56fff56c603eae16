r"""A network as values that come from each other, cut into layers.

A value is the input, an affine function of others, or an activation. Its level counts the
activations before it, at most. The activations of one level make a hidden layer; a value that is
used beyond the next one goes through it as neurons that hand it on. What a row of layers makes of a
chain of modules is that chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..errors import UnsupportedLayerError
from .activations import Activation
from .blocks import Diagonal, Pick, Stacked, Summed
from .leaky import side_by_side
from .maps import AffineMap, Chain


@dataclass(frozen=True)
class Node:
    """One value: what makes it, of which others, and behind how many activations."""

    kind: str  # input, affine, sum, join, activation; pool: a max pool that waits for its ReLU
    inputs: tuple[int, ...]
    width: int
    level: int
    maps: tuple[AffineMap, ...] = ()
    signs: tuple[int, ...] = ()
    activation: Activation | None = None

    @property
    def is_affine(self) -> bool:
        """Whether it is an affine function of other values."""
        return self.kind in ("affine", "sum", "join")


@dataclass
class Wires:
    """All values, each after those that it comes from; the first is the input.

    Parameters
    ----------
    nodes : list of Node
    like : tensor
        Whose precision and device the maps have.
    """

    nodes: list[Node]
    like: torch.Tensor

    @classmethod
    def of_input(cls, width: int, like: torch.Tensor) -> Wires:
        """The input alone; a width of 0 is settled by the first map."""
        return cls([Node("input", (), width, 0)], like)

    def affine(self, at: int, *maps: AffineMap) -> int:
        """Maps of a value, one after the other."""
        before = self.nodes[at]
        if before.kind == "input" and not before.width:
            self.nodes[at] = before = Node("input", (), maps[0].n_inputs, 0)
        if maps[0].n_inputs != before.width and before.kind != "input":
            raise UnsupportedLayerError(
                f"a layer takes {maps[0].n_inputs} values, the one before it gives {before.width}."
            )
        return self._add(Node("affine", (at,), maps[-1].n_outputs, before.level, maps))

    def sum(self, inputs: Sequence[int], signs: Sequence[int]) -> int:
        """The sum of values of one width, each with its sign."""
        width, level = self.nodes[inputs[0]].width, self._level(inputs)
        return self._add(Node("sum", tuple(inputs), width, level, signs=tuple(signs)))

    def join(self, inputs: Sequence[int]) -> int:
        """Values one after the other."""
        width = sum(self.nodes[i].width for i in inputs)
        return self._add(Node("join", tuple(inputs), width, self._level(inputs)))

    def pool(self, at: int, activation: Activation, width: int) -> int:
        """A max pool of a value, which an activation must follow."""
        level = self.nodes[at].level
        return self._add(Node("pool", (at,), width, level, activation=activation))

    def activate(self, at: int, activation: Activation, width: int) -> int:
        """An activation of a value."""
        level = self.nodes[at].level + 1
        return self._add(Node("activation", (at,), width, level, activation=activation))

    def layers(self, last: int) -> tuple[list[tuple[AffineMap, ...]], list[Activation]]:
        """The maps of each layer as the network applies them, and what stands between layers."""
        live = self._live(last)
        until = {v: self.nodes[v].level for v in live}  # the last level at which it is used
        for u in live:
            for v in self.nodes[u].inputs:
                used = self.nodes[u].level - int(not self.nodes[u].is_affine)
                until[v] = max(until[v], used)
        state = [0]
        parts: list[tuple[AffineMap, ...]] = []
        activations: list[Activation] = []
        for level in range(self.nodes[last].level + 1):
            layer = _Layer(self, state, [], until, level, last)
            here = [u for u in live if self.nodes[u].level == level and self.nodes[u].is_affine]
            after = [
                u
                for u in live
                if self.nodes[u].level == level + 1 and self.nodes[u].kind == "activation"
            ]
            layer.apply(here, [self.nodes[u].inputs[0] for u in after])
            parts.append(tuple(layer.parts))
            if level < self.nodes[last].level:
                given = [(self._activation(u), self.nodes[self.nodes[u].inputs[0]].width)
                         for u in after]  # fmt: skip
                handed_on = sum(self.nodes[v].width for v in layer.handed_on)
                activations.append(side_by_side(given, handed_on, self.like))
                state = [*after, *layer.handed_on]
        return parts, activations

    def _activation(self, u: int) -> Activation:
        activation = self.nodes[u].activation
        assert activation is not None
        return activation

    def _live(self, last: int) -> list[int]:
        """What the last value comes from, and the input."""
        found = {0, last}
        for u in range(last, -1, -1):
            if u in found:
                found.update(self.nodes[u].inputs)
        return sorted(found)

    def _level(self, inputs: Sequence[int]) -> int:
        return max(self.nodes[i].level for i in inputs)

    def _add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1


@dataclass
class _Layer:
    """The affine values of one level, computed one by one beside those that are still needed."""

    wires: Wires
    state: list[int]  # the values at hand, one after the other
    parts: list[AffineMap]
    until: dict[int, int]
    level: int
    last: int
    handed_on: tuple[int, ...] = ()

    def apply(self, here: list[int], wanted: list[int]) -> None:
        """Compute the values `here`; then leave the `wanted` ones and those needed later."""
        for k, u in enumerate(here):
            needed = {v for later in here[k + 1 :] for v in self.wires.nodes[later].inputs}
            needed |= {*wanted, self.last}
            keep = [v for v in self.state if v in needed or self.until[v] > self.level]
            self._compute(u, keep)
        self.handed_on = tuple(v for v in self.state if self.until[v] > self.level)
        target = [*wanted, *self.handed_on] if self.level < self._top else [self.last]
        if target != self.state:
            self.parts.append(self._pick(target))
            self.state = target

    @property
    def _top(self) -> int:
        return self.wires.nodes[self.last].level

    def _compute(self, u: int, keep: list[int]) -> None:
        node = self.wires.nodes[u]
        if node.kind == "affine" and not keep and self.state == list(node.inputs):
            self.parts += node.maps  # a chain stays one
        elif node.kind == "join":
            self.parts.append(self._pick([*keep, *node.inputs]))
        else:
            one = self._one(node)
            self.parts.append(Stacked((self._pick(keep), one)) if keep else one)
        self.state = [*keep, u]

    def _one(self, node: Node) -> AffineMap:
        if node.kind == "affine":
            return Chain((self._pick(list(node.inputs)), *node.maps))
        terms: list[AffineMap] = []
        for v, sign in zip(node.inputs, node.signs, strict=True):
            chosen = self._pick([v])
            if sign < 0:
                minus = -self.wires.like.new_ones(node.width)
                terms.append(Chain((chosen, Diagonal(minus, 0 * minus, 0 * minus))))
            else:
                terms.append(chosen)
        return Summed(tuple(terms))

    def _pick(self, values: list[int]) -> Pick:
        starts, total = {}, 0
        for v in self.state:
            starts[v] = total
            total += self.wires.nodes[v].width
        pieces = [torch.arange(self.wires.nodes[v].width) + starts[v] for v in values]
        index = torch.cat(pieces).to(self.wires.like.device)
        return Pick(index, total, self.wires.like.new_zeros(()))
