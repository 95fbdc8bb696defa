"""One system of the convolution benchmark, in a process of its own.

``python vgg_process.py SYSTEM SIZE THREADS``: SYSTEM is "torch", "direct" or "winograd". Prints the
peak memory of one explanation in MiB; then, for every line that it reads, the seconds that one
takes, as the median of some.
"""

import sys
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np

from alignment_theory import Conv2d, Dense, Flatten, GuidedBackprop, MaxPool2d, attribute
from alignment_theory.models import vgg16

TARGET, LEAST_SECONDS = 3, 0.3


def peak_of(function):
    """Return the most memory that the process held during a call, in MiB (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    function()
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024


def torch_gradient(net, image, threads):
    """Return a function that runs torch forward and backward with the weights of a network.

    As in torchvision's VGG16 the ReLUs work in place.
    """
    import torch

    torch.set_num_threads(threads)
    modules = []
    for layer in net.layers:
        if isinstance(layer, Conv2d | Dense):
            outputs, inputs = layer.weight.shape[:2]
            if isinstance(layer, Dense):
                module = torch.nn.Linear(inputs, outputs, bias=False, device="meta")
            else:
                module = torch.nn.Conv2d(inputs, outputs, 3, padding=1, bias=False, device="meta")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the weights are read-only, and are only read
                weight = torch.from_numpy(layer.weight)
            module.weight = torch.nn.Parameter(weight, requires_grad=False)
        elif isinstance(layer, MaxPool2d):
            module = torch.nn.MaxPool2d(2)
        else:
            module = torch.nn.Flatten() if isinstance(layer, Flatten) else torch.nn.ReLU(True)
        modules.append(module)
    model = torch.nn.Sequential(*modules)

    def explain():
        inputs = torch.from_numpy(image).requires_grad_(True)
        return torch.autograd.grad(model(inputs)[0, TARGET], inputs)[0].numpy()

    return explain


def main(system, size, threads):
    """Answer one line with one time, until there are no more."""
    net = vgg16((3, size, size), 1000, np.random.default_rng(0))
    image = np.random.default_rng(1).standard_normal((1, 3, size, size)).astype(np.float32)
    if system == "torch":
        explain = torch_gradient(net, image, threads)
    else:
        net = net.with_algorithm(system)

        def explain():
            return attribute(net, image, rule=GuidedBackprop(), target=TARGET).relevance

    explain()
    print(peak_of(explain), flush=True)
    for _ in sys.stdin:
        seconds = []
        while sum(seconds) < LEAST_SECONDS:
            start = time.perf_counter()
            explain()
            seconds.append(time.perf_counter() - start)
        print(median(seconds), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
