# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Keeps a local and a cloud ERPNext site in step, in both directions."""

__version__ = "0.1.0"
