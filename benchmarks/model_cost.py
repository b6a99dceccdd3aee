"""What the bundled model costs per photo, compared to one plain pass of MobileNetV2 at 224 pixels, on one thread.

The plain pass uses the general weights included with AlpacaSorter and mean pooling, and is converted in the same way.
The two are timed alternately, so that other activity on the machine affects both. Budget: 1.5 times.
"""

from __future__ import annotations

import statistics
import time

from alpacasorter import paths
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.runtime.backbone import CpuBackbone

ROUNDS = 60
PLAIN_SIDE = 224


def main() -> None:
    import numpy as np

    from alpacasorter.training.requirements import has_tensorflow, keep_quiet

    if not has_tensorflow():
        print("Nothing measured: the plain pass is converted with TensorFlow, which is not installed.")
        return
    keep_quiet()
    from alpacasorter.training.network.backbones import load_backbone
    from alpacasorter.training.network.convert import convert
    from alpacasorter.training.recipe import SHIPPED

    bundle = load_bundle(paths.bundled_model())
    plain = CpuBackbone(convert(load_backbone("mobilenet_v2", SHIPPED, PLAIN_SIDE)))
    shipped = CpuBackbone(bundle.backbone_path.read_bytes())
    random = np.random.default_rng(1)
    passes = [
        (backbone, random.integers(0, 256, (side, side, 3), dtype=np.uint8))
        for backbone, side in ((plain, PLAIN_SIDE), (shipped, bundle.input_size))
    ]
    seconds: list[list[float]] = [[], []]
    for number in range(ROUNDS + 5):
        for place, (backbone, pixels) in enumerate(passes):
            begun = time.perf_counter()
            backbone.embed(pixels)
            # The first passes include setup.
            if number >= 5:
                seconds[place].append(time.perf_counter() - begun)
    first, second = (statistics.median(each) for each in seconds)
    ratio = statistics.median(b / a for a, b in zip(*seconds, strict=True))
    print(f"plain pass, {PLAIN_SIDE} px: {1000 * first:.1f} ms   bundled model, {bundle.input_size} px: ", end="")
    print(f"{1000 * second:.1f} ms   ratio {ratio:.2f} (budget 1.5)")


if __name__ == "__main__":
    main()
