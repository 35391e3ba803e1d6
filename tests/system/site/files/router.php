<?php
// For php -S: what is a file is served as it is, the rest goes to index.php. Each request is a line of the journal.
file_put_contents(getenv('SITE_JOURNAL'), $_SERVER['REQUEST_METHOD'] . ' ' . $_SERVER['REQUEST_URI'] . "\n", FILE_APPEND | LOCK_EX);
$path = urldecode(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) ?? '/');
$root = $_SERVER['DOCUMENT_ROOT'];
if (strpos($path, '..') !== false || basename($path) === 'wp-config.php') { http_response_code(400); return true; }
if (is_file($root . $path)) { return false; }
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = '/index.php';
$_SERVER['SCRIPT_FILENAME'] = $root . '/index.php';
chdir($root);
require $root . '/index.php';
