"""Declarations of networks, a file a family; modules are imported when one is built."""
