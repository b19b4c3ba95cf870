# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
