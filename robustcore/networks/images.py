"""Affine maps between flat images: convolution and average pooling, never written as matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn.grad import conv2d_input

Shape = tuple[int, ...]
Pair = tuple[int, int]


class _OnImages:
    """What maps between images share: tensors come flat and leave flat."""

    in_shape: Shape
    out_shape: Shape

    @property
    def n_inputs(self) -> int:
        """r = channels x height x width of the input."""
        return math.prod(self.in_shape)

    @property
    def n_outputs(self) -> int:
        """s = channels x height x width of the output."""
        return math.prod(self.out_shape)

    def linear(self, h: torch.Tensor) -> torch.Tensor:
        """W h."""
        raise NotImplementedError

    def columns(self, index: torch.Tensor) -> torch.Tensor:
        """W e_m, by sending unit images through the layer."""
        return self.linear(nn.functional.one_hot(index, self.n_inputs).to(self._sample()))

    def _sample(self) -> torch.Tensor:
        raise NotImplementedError

    def _images(self, h: torch.Tensor) -> torch.Tensor:
        return h.reshape(-1, *self.in_shape)

    def _flat(self, images: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        return images.reshape(*like.shape[:-1], math.prod(images.shape[1:]))


@dataclass(frozen=True)
class Convolution(_OnImages):
    """`nn.Conv2d` with zero padding, as a map between flat images.

    Source: [B] Appendix C

    Parameters
    ----------
    weight : (C_out, C_in / groups, kh, kw)
    bias : (C_out,)
    in_shape, out_shape : (C, H, W)
    stride, padding, dilation : pair of int
    groups : int
    """

    weight: torch.Tensor
    bias: torch.Tensor
    in_shape: Shape
    out_shape: Shape
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """W h + b."""
        return self._convolve(h, self.weight, self.bias)

    def linear(self, h: torch.Tensor) -> torch.Tensor:
        """W h."""
        return self._convolve(h, self.weight)

    def spread(self, radius: torch.Tensor) -> torch.Tensor:
        """`|W| r`: the convolution with the kernel's absolute values."""
        return self._convolve(radius, self.weight.abs())

    def back(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows times W: the transposed convolution."""
        images = rows.reshape(-1, *self.out_shape)
        size = [len(images), *self.in_shape]
        found = conv2d_input(size, self.weight, images, *self._geometry())
        return self._flat(found, rows)

    def absolute(self) -> Convolution:
        """The convolution with the absolute values of kernel and bias."""
        return replace(self, weight=self.weight.abs(), bias=self.bias.abs())

    def to(self, like: torch.Tensor) -> Convolution:
        """The same map in the precision of `like`."""
        return replace(self, weight=self.weight.to(like), bias=self.bias.to(like))

    def _sample(self) -> torch.Tensor:
        return self.weight

    def _geometry(self) -> tuple[Pair, Pair, Pair, int]:
        return self.stride, self.padding, self.dilation, self.groups

    def _convolve(
        self, h: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
    ) -> torch.Tensor:
        return self._flat(nn.functional.conv2d(self._images(h), weight, bias, *self._geometry()), h)


@dataclass(frozen=True)
class MeanPooling(_OnImages):
    """`nn.AvgPool2d`: a linear map with non-negative entries, so `|W| = W`.

    Source: [B] Appendix C

    Parameters
    ----------
    in_shape, out_shape : (C, H, W)
    kernel, stride, padding : pair of int
    ceil_mode, count_include_pad, divisor : as `nn.AvgPool2d` has them
    like : tensor
        Whose precision and device the map has.
    """

    in_shape: Shape
    out_shape: Shape
    kernel: Pair
    stride: Pair
    padding: Pair
    ceil_mode: bool
    count_include_pad: bool
    divisor: int | None
    like: torch.Tensor

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """W h; there is no bias."""
        return self._flat(nn.functional.avg_pool2d(self._images(h), *self._geometry()), h)

    def linear(self, h: torch.Tensor) -> torch.Tensor:
        """W h."""
        return self(h)

    def spread(self, radius: torch.Tensor) -> torch.Tensor:
        """`|W| r = W r`."""
        return self(radius)

    def back(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows times W: every output pays back its mean."""
        images = rows.reshape(-1, *self.out_shape)
        found = torch.ops.aten.avg_pool2d_backward(
            images, images.new_zeros(len(images), *self.in_shape), *self._geometry()
        )
        return self._flat(found, rows)

    def absolute(self) -> MeanPooling:
        """Itself: there is no negative entry."""
        return self

    def to(self, like: torch.Tensor) -> MeanPooling:
        """The same map in the precision of `like`."""
        return replace(self, like=like.new_zeros(()))

    def _sample(self) -> torch.Tensor:
        return self.like

    def _geometry(self) -> tuple[Pair, Pair, Pair, bool, bool, int | None]:
        return (
            self.kernel, self.stride, self.padding,
            self.ceil_mode, self.count_include_pad, self.divisor,
        )  # fmt: skip
