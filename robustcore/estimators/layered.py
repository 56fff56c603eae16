"""Deep networks as an estimator, trained on an upper bound of the attacked loss as paper B does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from .. import methods, training
from ..errors import InputError
from ..networks import ReLUNetwork
from .certifying import CertifyingClassifier, check_is_fitted, draw, set_of


class CertifiedMLPClassifier(CertifyingClassifier):
    """A ReLU network of any depth, trained on a bound so that its decisions can be proved.

    Source: [B] eqs. (10), (27), Theorem 11

    Parameters
    ----------
    hidden_layer_sizes : sequence of int
    radius : float, (d,) array, or set of perturbations
        Trained against, in the units of X: a number is the radius of a ball in `norm`, an array has
        one for each feature, and a set is taken as it is.
    norm : "l1", "l2" or "linf"
    defense : str
        "certified" trains on a sound bound, RUB for p = 1 and CROWN for the others; or a method of
        `robustcore.methods` by its name, such as "arub", "pgd" or "nominal".
    n_updates : int
        Steps of Adam; the radius rises over the first two fifths, and the rate falls at the end.
    batch_size : int
    learning_rate : float
    random_state : int, RandomState or None
    device : str
        Of torch.

    Attributes
    ----------
    classes_ : (K,) array
    network_ : ReLUNetwork
    loss_curve_ : (n_updates,) array
        The loss of each batch.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.array([[0.0], [1.0], [3.0], [4.0]]), ["no", "no", "yes", "yes"]
    >>> model = CertifiedMLPClassifier((8,), radius=0.5, n_updates=200, random_state=0).fit(X, y)
    >>> model.certify(X, y).tolist()
    [True, True, True, True]
    """

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100, 100),
        radius: Any = 0.1,
        norm: str = "l1",
        defense: str = "certified",
        n_updates: int = 1000,
        batch_size: int = 128,
        learning_rate: float = 3e-3,
        random_state: Any = None,
        device: str = "cpu",
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.radius = radius
        self.norm = norm
        self.defense = defense
        self.n_updates = n_updates
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device

    def fit(self, X: Any, y: Any) -> CertifiedMLPClassifier:
        """Train on (n, d) samples and (n,) labels.

        Raises
        ------
        InputError
            For one class, or parameters that training does not take.
        DivergenceError
            If the loss is not finite any more.
        """
        X, labels = self._read(X, y)
        sizes = [X.shape[1], *np.atleast_1d(self.hidden_layer_sizes), len(self.classes_)]
        if min(sizes) < 1:
            raise InputError(f"hidden_layer_sizes must be positive, got {self.hidden_layer_sizes}.")
        ball = set_of(self.norm, self.radius)
        l1 = getattr(ball, "p", None) == 1 and methods.METHODS["rub"].takes(ball)
        name = ("rub" if l1 else "crown") if self.defense == "certified" else self.defense
        generator = torch.Generator().manual_seed(draw(self.random_state))
        net = ReLUNetwork([int(size) for size in sizes], generator).double().to(self.device)
        record = training.fit(
            net,
            (torch.tensor(X, device=self.device), torch.tensor(labels, device=self.device)),
            methods.defense(name, ball),
            steps=self.n_updates,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            generator=generator,
            rate_schedule=training.falling,
            radius_schedule=training.rising(0.4),
            progress=False,
        )
        self.network_, self.loss_curve_ = net, record.losses
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Softmax of the logits, (n, K)."""
        check_is_fitted(self)
        return torch.softmax(torch.as_tensor(self._outputs(X)), dim=1).numpy()
