# SPDX-License-Identifier: LGPL-2.1-or-later
"""Apps that make calls continuously."""

import json
import threading

from tests.system import host

WORKERS = 4


class Load:
    """Each worker links one passkey after another and has tokens made, through libpasslock, from
    the start of the `with` block to its end."""

    def __init__(self):
        self.linked: set[str] = set()
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(n,)) for n in range(WORKERS)]

    def _work(self, worker: int):
        number = 0
        while not self._stop.is_set():
            number += 1
            key = f"load-key-{id(self)}-{worker}-{number}"
            try:
                host.run("passlockctl", "link", "add", f"load-user-{worker}-{number % 7}", key)
                host.run("passlockctl", "authorize", "shop.example.com", "ada", "ada@example.com")
            except AssertionError as failure:
                self.failures.append(str(failure))
            else:
                self.linked.add(key)

    def wait_more(self):
        """Waits until each worker has got at least one more reply."""
        goal = len(self.linked) + 2 * WORKERS
        host.wait_until(lambda: len(self.linked) >= goal or self.failures, "answers")

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def lost(self) -> set[str]:
        """Acknowledged links that do not exist."""
        links = json.loads(host.run("passlockctl", "link", "list", "--json"))
        return self.linked - {link["authenticator_id"] for link in links}
