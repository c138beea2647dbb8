# SPDX-License-Identifier: LGPL-2.1-or-later
"""What apps and admins can rely on, tested on the bus: the real daemon, a real bus, a real API.

    PASSLOCK_BUILD_DIR=build /usr/bin/python3 -m pytest tests/bus

Run as root, it also calls as other users; otherwise those tests are skipped.
"""
