//! How each server is started.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::running::Place;
use crate::nginx::server::Which;

/// Whether Django's routes are the loose ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loose {
    Yes,
    No,
}

/// Where the app of a server is that runs it as a CGI program.
pub(super) const BEHIND_CGI: &str = "/cgi-bin/app";

pub(super) fn gunicorn(app: &'static str, loose: Loose) -> impl FnOnce(&Place) -> Command {
    move |place| {
        let mut command = place.python("gunicorn");
        command.args(["--bind", &place.address.to_string(), app]);
        with(loose, command)
    }
}

fn with(loose: Loose, mut command: Command) -> Command {
    if loose == Loose::Yes {
        command.env("LOOSE_URLS", "1");
    }
    command
}

pub(super) fn uvicorn(http: &'static str) -> impl FnOnce(&Place) -> Command {
    move |place| {
        let mut command = place.python("uvicorn");
        command.args([
            "--host",
            &place.address.ip().to_string(),
            "--port",
            &place.address.port().to_string(),
        ]);
        command.args(["--http", http, "--no-access-log", "starlette_app:app"]);
        command
    }
}

pub(super) fn hypercorn(app: &'static str) -> impl FnOnce(&Place) -> Command {
    move |place| {
        let mut command = place.python("hypercorn");
        command.args(["--bind", &place.address.to_string(), app]);
        command
    }
}

pub(super) fn daphne(app: &'static str, loose: Loose) -> impl FnOnce(&Place) -> Command {
    move |place| {
        let mut command = place.python("daphne");
        command.args([
            "--bind",
            &place.address.ip().to_string(),
            "--port",
            &place.address.port().to_string(),
        ]);
        // It would log every request.
        command.args(["--verbosity", "0", app]);
        if app.ends_with("channels") {
            command.env("WITH_CHANNELS", "1");
        }
        with(loose, command)
    }
}

/// `reading` is how the app finds the path: `url` or `parse`.
pub(super) fn node(reading: &'static str) -> impl FnOnce(&Place) -> Command {
    move |place| place.node("http.js", &[reading])
}

pub(super) fn express(package: &'static str) -> impl FnOnce(&Place) -> Command {
    move |place| place.node("express.js", &[package])
}

pub(super) fn fastify(loose: Loose) -> impl FnOnce(&Place) -> Command {
    move |place| place.node("fastify.js", if loose == Loose::Yes { &["loose"] } else { &[] })
}

pub(super) fn go(place: &Place) -> Command {
    let mut command = Command::new(place.tools.join("bin/servemux"));
    command.arg(place.address.to_string());
    command
}

/// Go's `http.FileServer`.
pub(super) fn go_files(place: &Place) -> Command {
    let mut command = go(place);
    command.arg(place.files());
    command
}

/// Express's `static`.
pub(super) fn express_files(place: &Place) -> Command {
    let files = place.files();
    place.node("express.js", &["express5", files.to_str().unwrap()])
}

/// PHP's own server, with a script that every request goes to.
pub(super) fn php_router(place: &Place) -> Command {
    let mut command = Command::new("php");
    command.args(["-q", "-S", &place.address.to_string()]).arg(place.apps.join("php/router.php"));
    command
}

/// PHP's own server, with an `index.php` that is below every path that is no file.
pub(super) fn php_path_info(place: &Place) -> Command {
    let mut command = Command::new("php");
    command.args(["-q", "-S", &place.address.to_string(), "-t"]).arg(place.apps.join("php/htdocs"));
    command
}

/// Lighttpd with files. By itself it serves a file for every path below it too, as the page on rules says.
pub(super) fn lighttpd_static(place: &Place) -> Command {
    place.files();
    lighttpd(place, "static-file.disable-pathinfo = \"enable\"\n")
}

/// The app at [`BEHIND_CGI`].
pub(super) fn lighttpd_cgi(place: &Place) -> Command {
    cgi_program(place);
    lighttpd(
        place,
        "server.modules += (\"mod_cgi\")\n$HTTP[\"url\"] =~ \"^/cgi-bin/\" { cgi.assign = (\"\" => \"\") }\n",
    )
}

/// The app for every path.
pub(super) fn lighttpd_rewritten(place: &Place) -> Command {
    cgi_program(place);
    let rewrite = "server.modules += (\"mod_cgi\", \"mod_rewrite\")
        url.rewrite-once = (\"^/(.*)$\" => \"/cgi-bin/app/$1\")
        $HTTP[\"url\"] =~ \"^/cgi-bin/\" { cgi.assign = (\"\" => \"\") }\n";
    lighttpd(place, rewrite)
}

fn lighttpd(place: &Place, more: &str) -> Command {
    let text = format!(
        "server.document-root = \"{}\"\nserver.bind = \"{}\"\nserver.port = {}\n\
         index-file.names = (\"index.html\")\n{more}",
        place.htdocs().display(),
        place.address.ip(),
        place.address.port(),
    );
    let mut command = Command::new("/usr/sbin/lighttpd");
    command.arg("-D").arg("-f").arg(place.file("lighttpd.conf", &text));
    command
}

/// Busybox's httpd, with files.
pub(super) fn busybox(place: &Place) -> Command {
    place.files();
    busybox_httpd(place)
}

/// The app at [`BEHIND_CGI`].
pub(super) fn busybox_cgi(place: &Place) -> Command {
    cgi_program(place);
    busybox_httpd(place)
}

fn busybox_httpd(place: &Place) -> Command {
    let mut command = Command::new("busybox");
    command.args(["httpd", "-f", "-p", &place.address.to_string(), "-h"]).arg(place.htdocs());
    command
}

/// Debian's nginx, with files.
pub(super) fn nginx(place: &Place) -> Command {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", place.folder.join(kind).display()))
        .concat();
    let text = format!(
        "daemon off; master_process off; error_log stderr; pid {};
        events {{}}
        http {{
          {temporary}
          access_log off;
          server {{ listen {}; root {}; }}
        }}",
        place.folder.join("pid").display(),
        place.address,
        place.files().display(),
    );
    let mut command = Command::new(Which::Debian.program());
    command.arg("-p").arg(&place.folder).arg("-c").arg(place.file("nginx.conf", &text));
    command
}

/// The CGI program, as the only file.
fn cgi_program(place: &Place) {
    let folder = place.htdocs().join("cgi-bin");
    fs::create_dir_all(&folder).unwrap();
    symlink(place.tools.join("bin/cgi"), folder.join("app")).unwrap();
}
