"""Making bundles: data, folds, head, calibration, model card. Only here, and lazily, is TensorFlow imported."""
