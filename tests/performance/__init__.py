# SPDX-License-Identifier: LGPL-2.1-or-later
"""Costs that a program can count exactly. scripts/bench measures times.

    PASSLOCK_BUILD_DIR=build-release /usr/bin/python3 -m pytest tests/performance
"""
