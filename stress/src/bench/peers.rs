//! The installed peers: where they are, and the configuration that makes each as fast as it goes.
//!
//! One worker, keep-alive without a limit, no access log, a constant answer of five octets. A
//! peer that cannot answer POST with that (h2o has no constant but a redirect) says so in the
//! results.

use std::env;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::bodies;
use super::contender::CONSTANT_BODY;
use super::secure;

pub(super) const NGINX_COMMAND: &str = "{found} -p {scratch} -e stderr -c {scratch}/nginx.conf";
pub(super) const H2O_COMMAND: &str = "{found} -m worker -c {scratch}/h2o.conf";
pub(super) const HAPROXY_COMMAND: &str = "{found} -db -f {scratch}/haproxy.cfg";

/// Path at which h2o answers a constant to every method.
pub(super) const H2O_MOVED: &str = "/moved";
/// Folder below the scratch folder with the file that h2o serves.
pub(super) const H2O_FILES: &str = "h2o-files";
/// The file in it.
pub(super) const H2O_INDEX: &str = "index.txt";

/// Connections a peer must take; haproxy counts two descriptors for each.
const CONNECTIONS_MAX: u32 = 9000;
/// Of nginx, which counts one.
const NGINX_CONNECTIONS_MAX: u32 = 12_000;
const BACKLOG: u32 = 4096;

/// Debian keeps servers where a user's PATH does not look.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// The program `name`, if it is installed.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

pub(super) fn nginx(scratch: &Path, address: &str, secure: bool) -> String {
    let tls = if secure { " ssl" } else { "" };
    let server = if secure { secure::nginx(scratch) } else { String::new() };
    let bulk = bodies::nginx(scratch);
    let scratch = scratch.display();
    format!(
        "daemon off;\n\
         master_process off;\n\
         worker_processes 1;\n\
         pid {scratch}/nginx.pid;\n\
         error_log stderr crit;\n\
         events {{ worker_connections {NGINX_CONNECTIONS_MAX}; }}\n\
         http {{\n\
         \x20 access_log off;\n\
         \x20 keepalive_timeout 3600s;\n\
         \x20 keepalive_requests 1000000000;\n\
         \x20 default_type text/plain;\n\
         \x20 client_body_temp_path {scratch}/nginx-body;\n\
         \x20 proxy_temp_path {scratch}/nginx-proxy;\n\
         \x20 fastcgi_temp_path {scratch}/nginx-fastcgi;\n\
         \x20 uwsgi_temp_path {scratch}/nginx-uwsgi;\n\
         \x20 scgi_temp_path {scratch}/nginx-scgi;\n\
         \x20 server {{\n\
         \x20   listen {address}{tls} backlog={BACKLOG};\n\
{server}{bulk}\
         \x20   location / {{ return 200 \"{CONSTANT_BODY}\"; }}\n\
         \x20 }}\n\
         }}\n"
    )
}

pub(super) fn h2o(scratch: &Path, address: &str) -> String {
    let files = scratch.join(H2O_FILES);
    let files = files.display();
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "0"));
    // Started by root it becomes another user, and callgrind then cannot write its file.
    let user = if geteuid().is_root() { "user: root\n" } else { "" };
    format!(
        "{user}\
         listen:\n\
         \x20 host: {host}\n\
         \x20 port: {port}\n\
         num-threads: 1\n\
         max-connections: {CONNECTIONS_MAX}\n\
         http1-request-timeout: 3600\n\
         hosts:\n\
         \x20 default:\n\
         \x20   paths:\n\
         \x20     \"/\":\n\
         \x20       file.dir: {files}\n\
         \x20       file.index: [{H2O_INDEX}]\n\
         \x20     \"{H2O_MOVED}\":\n\
         \x20       redirect:\n\
         \x20         status: 302\n\
         \x20         url: /\n"
    )
}

pub(super) fn haproxy(address: &str) -> String {
    format!(
        "global\n\
         \x20 nbthread 1\n\
         \x20 maxconn {CONNECTIONS_MAX}\n\
         defaults\n\
         \x20 mode http\n\
         \x20 timeout client 3600s\n\
         \x20 timeout connect 5s\n\
         \x20 timeout server 3600s\n\
         \x20 timeout http-request 3600s\n\
         \x20 timeout http-keep-alive 3600s\n\
         frontend constant\n\
         \x20 bind {address} backlog {BACKLOG}\n\
         \x20 option http-buffer-request\n\
         \x20 http-request return status 200 content-type text/plain string {CONSTANT_BODY}\n"
    )
}
