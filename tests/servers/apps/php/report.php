<?php
// What both apps say of a request.
function report(string $path): void
{
    $routes = ['/admin/secret', '/rest/users', '/internal/keys', '/orders'];
    $served = in_array($path, $routes, true) ? $path : (str_starts_with($path, '/public/') ? '/public' : '/');
    $variables = [];
    foreach ($_SERVER as $name => $value) {
        if (is_string($value)) {
            $variables[] = [(string) $name, $value];
        }
    }
    header('Content-Type: application/json');
    echo json_encode([
        'served' => $served,
        'path' => $path,
        'method' => $_SERVER['REQUEST_METHOD'],
        'host' => $_SERVER['HTTP_HOST'] ?? null,
        'user' => $_SERVER['REMOTE_USER'] ?? $_SERVER['PHP_AUTH_USER'] ?? null,
        'variables' => $variables,
    ], JSON_INVALID_UTF8_SUBSTITUTE);
}
