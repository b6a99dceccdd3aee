"""Training photos: finding, splitting, batching and augmenting them."""
