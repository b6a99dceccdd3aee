"""The program's self-test."""
