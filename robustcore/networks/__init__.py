"""The families of networks, and the forms in which the bounds want them.

`ReLUNetwork` and `nn.Sequential` are read as affine maps with activations between them
(`layered`): convolutions and pools stay what they are, a BatchNorm in evaluation goes into the
weights before it, ReLUs may leak, and a Softmax at the end is left out, as it keeps the order of
the outputs. `affine_layers` expands the same network into matrices and ReLUs.
"""

from .activations import Activation, PooledRectifier, Rectifier
from .blocks import Diagonal, Pick, Stacked, Summed
from .composing import expand
from .convolutional import convolutional_network
from .dense import ReLUNetwork, Scaler
from .exchange import from_onnx
from .expansion import AffineLayers, Leaks, affine_layers, as_two_logits, expanded, matrices
from .files import load, save
from .gated import GatedReLU
from .images import Convolution, MeanPooling
from .leaky import Beside, LeakyRectifier
from .maps import AffineMap, Chain, Dense, Scaling
from .reading import Layered, layered
from .stack import RowsOf, Stack
from .two_layer import TwoLayerReLU

__all__ = [
    "Activation",
    "AffineLayers",
    "AffineMap",
    "Beside",
    "Chain",
    "Convolution",
    "Dense",
    "Diagonal",
    "GatedReLU",
    "Layered",
    "Leaks",
    "LeakyRectifier",
    "MeanPooling",
    "Pick",
    "PooledRectifier",
    "ReLUNetwork",
    "Rectifier",
    "RowsOf",
    "Scaler",
    "Scaling",
    "Stack",
    "Stacked",
    "Summed",
    "TwoLayerReLU",
    "affine_layers",
    "as_two_logits",
    "convolutional_network",
    "expand",
    "expanded",
    "from_onnx",
    "layered",
    "load",
    "matrices",
    "save",
]
