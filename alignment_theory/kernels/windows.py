"""What small images show through their windows, and the transpose.

For wide images slices do the same faster; here each pixel is found by its place.
"""

from typing import Any

from alignment_theory.kernels import kernel


@kernel
def lay_out(images: Any, places: Any, shift: int, seen: Any) -> None:
    """Set `seen`, (images, places), to the pixels at flat ``places + shift`` of every image."""
    for n in range(images.shape[0]):
        for i in range(places.size):
            seen[n, i] = images[n, shift + places[i]]


@kernel
def add_up(seen: Any, places: Any, shift: int, images: Any) -> None:
    """Do the transpose of `lay_out`: add to every pixel what was seen of it."""
    for n in range(images.shape[0]):
        for i in range(places.size):
            images[n, shift + places[i]] += seen[n, i]
