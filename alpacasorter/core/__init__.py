"""Photos on disk: walking, decoding, the library and the cache. No Qt, no TensorFlow, no LiteRT."""
