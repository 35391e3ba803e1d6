<?php
/* Plugin Name: faults of the tests. Reads a queue of faults; the first that fits a request befalls it, and is used up.
 * {"method": "POST", "route": "/wp/v2/posts", "kind": ..., "seconds": s, "status": n, "headers": {...}}
 * drop: carried out, then a proxy's 502. cut: carried out, then the answer breaks off. late: carried out, then slow.
 * early: slow, then carried out. refuse: nothing is done, `status` in HTML.
 */
function tests_fault($request) {
    $file = fopen(getenv('SITE_FAULTS'), 'c+');
    flock($file, LOCK_EX);
    $queue = json_decode(stream_get_contents($file), true) ?: [];
    $found = null;
    foreach ($queue as $number => $fault) {
        if ($fault['method'] === $request->get_method() && strpos($request->get_route(), $fault['route']) === 0) {
            $found = $fault;
            unset($queue[$number]);
            ftruncate($file, 0);
            rewind($file);
            fwrite($file, json_encode(array_values($queue)));
            break;
        }
    }
    fclose($file);
    return $found;
}
add_filter('rest_pre_dispatch', function ($result, $server, $request) {
    $fault = tests_fault($request);
    if (!$fault) { return $result; }
    $GLOBALS['tests_fault'] = $fault;
    if ($fault['kind'] === 'early') { usleep((int) ($fault['seconds'] * 1e6)); }
    if ($fault['kind'] === 'refuse') {
        foreach ($fault['headers'] ?? [] as $name => $value) { header("$name: $value"); }
        status_header($fault['status']);
        header('Content-Type: text/html');
        echo '<html><body><h1>' . (int) $fault['status'] . ' of the tests</h1></body></html>';
        exit;
    }
    return $result;
}, 1, 3);
add_filter('rest_pre_serve_request', function ($served) {
    $fault = $GLOBALS['tests_fault'] ?? null;
    if (!$fault) { return $served; }
    if ($fault['kind'] === 'late') { usleep((int) ($fault['seconds'] * 1e6)); }
    if ($fault['kind'] === 'drop') {
        header_remove();
        header('HTTP/1.1 502 Bad Gateway', true, 502);
        header('Content-Type: text/html');
        echo '<html><body><h1>502 Bad Gateway</h1></body></html>';
        exit;
    }
    if ($fault['kind'] === 'cut') { header('Content-Length: 5000'); echo '{"id":'; exit; }
    return $served;
}, 1);
/* What search engines show of a post, as plugins keep it: "open" to who may edit, "closed": shown and never taken. */
if ($how = get_option('tests_search_texts')) {
    add_action('init', function () use ($how) {
        foreach (['_yoast_wpseo_title', '_yoast_wpseo_metadesc'] as $name) {
            $open = ['auth_callback' => fn() => current_user_can('edit_posts'), 'sanitize_callback' => 'sanitize_text_field'];
            register_post_meta('post', $name, ['type' => 'string', 'single' => true, 'show_in_rest' => true]
                + ($how === 'open' ? $open : []));
        }
    });
}
