# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
import pytest

pytest.register_assert_rewrite("erpsync_app.sandbox.tests.contract")
