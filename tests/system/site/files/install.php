<?php
// install.php ROOT URL: makes the site, pretty addresses, a user a role; prints their application passwords as JSON.
[$_, $root, $url] = $argv;
$_SERVER += ['HTTP_HOST' => parse_url($url, PHP_URL_HOST) . ':' . parse_url($url, PHP_URL_PORT), 'SERVER_NAME' => '127.0.0.1',
    'REQUEST_URI' => '/', 'REQUEST_METHOD' => 'GET', 'SERVER_PROTOCOL' => 'HTTP/1.1'];
define('WP_INSTALLING', true);
require "$root/wp-load.php";
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
add_filter('pre_option_permalink_structure', $pretty = fn() => '/%postname%/');
wp_install('Still Water', 'admin', 'admin@example.test', true, '', wp_generate_password(20, false));
remove_filter('pre_option_permalink_structure', $pretty);
wp_cache_flush();
global $wp_rewrite;
$wp_rewrite->init();
$wp_rewrite->set_permalink_structure('/%postname%/');
flush_rewrite_rules(false);
update_option('timezone_string', 'Europe/Berlin');
$passwords = [];
foreach (['editor', 'author', 'contributor', 'subscriber'] as $role) {
    $id = wp_insert_user(['user_login' => $role, 'user_pass' => wp_generate_password(20, false),
        'user_email' => "$role@example.test", 'role' => $role]);
    [$password] = WP_Application_Passwords::create_new_application_password($id, ['name' => 'tests']);
    $passwords[$role] = WP_Application_Passwords::chunk_password($password);
}
echo json_encode($passwords), "\n";
