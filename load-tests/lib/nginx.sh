# nginx before the simulated provider, with a configuration and folder of its own. Sourced after process.sh.

# start_nginx PROVIDER_URL: sets $nginx_pid, $nginx_url (usual buffering) and $nginx_stream_url (none, as streams need it).
start_nginx() {
    local port stream_port
    port=$(free_port)
    stream_port=$(free_port)
    # The workers run as another user when the master is root.
    chmod 711 "$work"
    cat >"$work/nginx.conf" <<CONF
worker_processes auto;
daemon off;
pid $work/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path $work/nginx-body;
    proxy_temp_path $work/nginx-proxy;
    fastcgi_temp_path $work/nginx-fastcgi;
    uwsgi_temp_path $work/nginx-uwsgi;
    scgi_temp_path $work/nginx-scgi;
    keepalive_requests 1000000000;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    upstream provider { server ${1#http://}; keepalive 128; keepalive_requests 1000000000; }
    server { listen 127.0.0.1:$port; location / { proxy_pass http://provider; } }
    server { listen 127.0.0.1:$stream_port; location / { proxy_pass http://provider; proxy_buffering off; } }
}
CONF
    start nginx "$(PATH=$PATH:/usr/sbin command -v nginx)" -e stderr -p "$work" -c "$work/nginx.conf"
    nginx_pid=$pid
    nginx_url=http://127.0.0.1:$port
    nginx_stream_url=http://127.0.0.1:$stream_port
    await_http nginx "$nginx_url/health"
}
