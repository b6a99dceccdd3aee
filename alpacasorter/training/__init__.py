"""Making bundles: datasets, embeddings, folds, the head, calibration, the model card. TensorFlow is imported lazily here only."""
