"""The two databases: the library, which is precious, and the cache, which can be made again."""
