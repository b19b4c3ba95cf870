# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A business on two real sites, from a seed: clerks of both sites make documents from one another, while sync runs,
is killed, or the line is down; then the books of both are compared. `scripts/business` runs it.

`drawing` thinks up what happens, `world` sets up the company, `clerks` do what the steps say, `play` plays a history
and tells what is wrong after it, `books` compares the two sites, `shrink` makes a history that fails short."""
