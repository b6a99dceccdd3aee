"""The command `alpacasorter sort`."""
