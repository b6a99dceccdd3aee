#!/bin/sh
# Builds the wheel, installs it in an empty environment, and checks that the program and its data are found there.
# Its dependencies come from .venv; the program itself does not.
set -eu
cd "$(dirname "$0")/.."

python=$(pwd)/.venv/bin/python
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$python" -m build --wheel --no-isolation --outdir "$scratch/dist" . >"$scratch/build.log" 2>&1 || {
    cat "$scratch/build.log" >&2
    exit 1
}
"$python" -m venv --without-pip "$scratch/venv"
"$python" -m pip --disable-pip-version-check -q --python "$scratch/venv/bin/python" \
    install --no-index --no-deps "$scratch"/dist/*.whl
site=$("$scratch/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# The .pth files in a folder that was added by a .pth file are not read, so the checkout can't be imported.
"$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$site/borrowed.pth"

cd "$scratch"
"$scratch/venv/bin/alpacasorter" --version
"$scratch/venv/bin/python" - "$site" <<'END'
import sys
from pathlib import Path

import alpacasorter
from alpacasorter import i18n, paths

site = Path(sys.argv[1]).resolve()
for place in (Path(alpacasorter.__file__), paths.models_dir(), paths.resources_dir(), paths.bundled_model(),
              paths.locale_dir()):
    assert place.resolve().is_relative_to(site), f"{place} is not in the installed wheel"
    assert place.exists(), f"{place} is missing from the wheel"
missing = [name for name in ("model.json", "backbone.tflite", "head.npz", "replay.npz")
           if not (paths.bundled_model() / name).is_file()]
assert i18n.use("en_GB") == "en_GB", "the wheel has no translations"
assert not missing, f"the bundle in the wheel lacks {missing}"
END
echo "wheel: ok, $(du -k dist/*.whl | cut -f1) KiB"
