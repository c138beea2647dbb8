# SPDX-License-Identifier: LGPL-2.1-or-later
"""The unit, as an administrator manages it."""

from tests.system import host


def test_authorize_with_a_sealed_key(service):
    assert host.show("ActiveState") == "active"
    answer = host.call("Tenancy", "Authorize", "sssa{sv}", "shop.example.com", "user-42",
                       "ada@example.com", "0")
    assert answer.startswith('st "')
    assert service.api_key not in host.journal()
