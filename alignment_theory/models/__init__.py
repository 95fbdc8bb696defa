"""Networks from elsewhere and from here: training, data and files."""

from alignment_theory.models.cifar import cifar10
from alignment_theory.models.classifier import digits_classifier
from alignment_theory.models.cnn import small_cnn, vgg11, vgg16
from alignment_theory.models.datasets import Dataset, digits
from alignment_theory.models.files import load, load_array, save
from alignment_theory.models.folding import fold_batch_norm
from alignment_theory.models.mlp import random_mlp
from alignment_theory.models.redraw import Redraw, parameter_layers, redrawn
from alignment_theory.models.sklearn_models import from_sklearn
from alignment_theory.models.torch_modules import from_torch
from alignment_theory.models.trainer import Trained, accuracy, train

__all__ = [
    "Dataset",
    "Redraw",
    "Trained",
    "accuracy",
    "cifar10",
    "digits",
    "digits_classifier",
    "fold_batch_norm",
    "from_sklearn",
    "from_torch",
    "load",
    "load_array",
    "parameter_layers",
    "random_mlp",
    "redrawn",
    "save",
    "small_cnn",
    "train",
    "vgg11",
    "vgg16",
]
