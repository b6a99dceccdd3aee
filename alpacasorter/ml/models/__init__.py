"""Models on disk: reading, checking, choosing and sharing them."""
