"""Data sets: `load(name)`; the only code of the library that touches disk or network for data.

`load` looks in the folder named by ROBUSTCORE_DATA (or ../shared/data beside a checkout), then
among the samples inside the package, then in the cache, and last downloads the published file,
checked and resumable. Every file is checked against the checksum its authors or UCI publish.
"""

from .images import downsample_block, downsample_stride
from .loading import available, load
from .records import Dataset, Part

__all__ = ["Dataset", "Part", "available", "downsample_block", "downsample_stride", "load"]
