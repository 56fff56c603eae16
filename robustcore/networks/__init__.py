"""The families of networks, and the forms in which the bounds want them.

`ReLUNetwork` and `nn.Sequential` are read as affine maps with activations between them
(`layered`): convolutions and pools stay what they are. `affine_layers` expands the same network
into matrices and ReLUs.
"""

from .activations import Activation, PooledRectifier, Rectifier
from .convolutional import convolutional_network
from .dense import ReLUNetwork, Scaler
from .expansion import AffineLayers, affine_layers, as_two_logits, expand, expanded
from .images import Convolution, MeanPooling
from .maps import AffineMap, Chain, Dense, Scaling
from .reading import Layered, layered
from .stack import RowsOf, Stack
from .two_layer import TwoLayerReLU

__all__ = [
    "Activation",
    "AffineLayers",
    "AffineMap",
    "Chain",
    "Convolution",
    "Dense",
    "Layered",
    "MeanPooling",
    "PooledRectifier",
    "ReLUNetwork",
    "Rectifier",
    "RowsOf",
    "Scaler",
    "Scaling",
    "Stack",
    "TwoLayerReLU",
    "affine_layers",
    "as_two_logits",
    "convolutional_network",
    "expand",
    "expanded",
    "layered",
]
