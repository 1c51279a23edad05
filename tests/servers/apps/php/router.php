<?php
// A front controller that finds the path as many do, by parse_url.
require __DIR__ . '/report.php';
report(urldecode(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) ?: '/'));
