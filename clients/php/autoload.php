<?php
// SPDX-License-Identifier: LGPL-2.1-or-later
// For apps without Composer.

declare(strict_types=1);

foreach (['errors', 'results', 'Transport', 'Passlock'] as $name) {
    require_once __DIR__ . "/src/$name.php";
}
