<?php
// A front controller that goes by PATH_INFO: /index.php/admin/secret, and every path that is no file.
require __DIR__ . '/../report.php';
report($_SERVER['PATH_INFO'] ?? '/');
