"""Reading a test before its end without paying for it in false alarms: the door to both ways.

- Looks at any time, any number: confidence sequences (`confidence_sequence`).
- A few looks: group-sequential designs (`GroupSequential`), nearly as strong as a single look.
"""

from shopr.abtest.methods.boundaries import SHAPES, classical_boundaries, spending_boundaries
from shopr.abtest.methods.confseq import ConfidenceSequence, confidence_sequence, mixture_variance, sequence_radius
from shopr.abtest.methods.crossing import exit_probabilities
from shopr.abtest.methods.groupsequential import Adjusted, GroupSequential, Looks
from shopr.abtest.methods.spending import SPENDING, spent

__all__ = [
    "SHAPES",
    "SPENDING",
    "Adjusted",
    "ConfidenceSequence",
    "GroupSequential",
    "Looks",
    "classical_boundaries",
    "confidence_sequence",
    "exit_probabilities",
    "mixture_variance",
    "sequence_radius",
    "spending_boundaries",
    "spent",
]
