r"""Three accuracies of a network, each with a confidence interval, and the radius of each sample.

On the same samples always certified <= adversarial <= clean: a certificate is a proof, an attack a
try. Radii are in the units of the raw inputs.
"""

from .accuracy import Accuracy, adversarial_accuracy, clean_accuracy, correct, withstands
from .asking import Asked
from .certificates import certified, certified_accuracy
from .escalation import Escalation, certify_within
from .properties import read_vnnlib
from .radius import certified_radius

__all__ = [
    "Accuracy",
    "Asked",
    "Escalation",
    "adversarial_accuracy",
    "certified",
    "certified_accuracy",
    "certified_radius",
    "certify_within",
    "clean_accuracy",
    "correct",
    "read_vnnlib",
    "withstands",
]
