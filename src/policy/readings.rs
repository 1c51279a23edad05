//! The paths that an app may take a request's path for.
//!
//! Servers, frameworks and URL libraries read a path more freely than its canonical form allows. Each function in
//! [`FREEDOMS`] is one way to do so. No two apps do the same, so the readings of a path are all that any of these
//! freedoms lead to, alone or together, in any order. On top, [`Reading::views`] compares each of them with and without
//! a slash at its end, a suffix such as `.json`, and what follows a script's name.
//!
//! Paths are not normalized to NFC or NFD, and full-width letters stay what they are: no framework does that to a path.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use http::Method;
use percent_encoding::percent_decode_str;

use super::case_folding::fold_case;

/// The most readings that a path may have before case is folded, and the most bytes that they may have together.
///
/// Honest paths have one or two. What has more is made to have them; the caller gets no list, and must assume any
/// reading.
const MOST: usize = 64;
const MOST_BYTES: usize = 128 * 1024;

/// The most readings that one freedom may find in a path.
const MOST_AT_ONCE: usize = 8;

/// Returns the further readings of a path, one step away; none if it does not apply.
type Freedom = fn(&str) -> Vec<String>;

const FREEDOMS: [Freedom; 10] = [
    unescape,
    with_spaces,
    without_authority,
    cut,
    without_parameters,
    trim_segments,
    merge_slashes,
    without_controls,
    without_script,
    without_index,
];

/// What a file's name ends in if servers run it and hand it the rest of the path (CGI's `PATH_INFO`). Besides these, all
/// that begins with `php`.
const SCRIPTS: &[&str] = &[
    "action", "ashx", "asmx", "asp", "aspx", "axd", "cfc", "cfm", "cfml", "cgi", "dll", "do", "exe", "faces",
    "fcgi", "fpl", "jsf", "jsp", "jspx", "lua", "nsf", "phar", "pht", "phtml", "pl", "py", "rb", "sh", "svc",
    "tcl", "wsgi",
];

/// The names, without what they end in, of files that servers take for their folder, and of front controllers.
const INDEXES: [&str; 6] = ["app", "app_dev", "default", "dispatch", "index", "index_dev"];

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading<'a> {
    path: Cow<'a, str>,
    /// True if its case is folded, so that it is compared with a rule's path of which the same is true.
    caseless: bool,
}

/// A reading as one rule's path is compared with it: the whole, or its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View<'a> {
    path: &'a str,
    /// With one more slash at its end.
    slash: bool,
    caseless: bool,
}

/// Every reading, that of the judged path first and those with folded case last; none if there are too many.
///
/// A plain path costs two allocations: the list, and its folded case.
pub(super) fn of_path(judged: &str) -> Option<Vec<Reading<'_>>> {
    let mut readings = Vec::with_capacity(4);
    readings.push(Reading { path: Cow::Borrowed(judged), caseless: false });
    let (mut at, mut bytes) = (0, judged.len());
    while at < readings.len() {
        let freedoms: &[Freedom] =
            if readings.get(at).is_some_and(Reading::is_plain) { &[] } else { &FREEDOMS };
        for freedom in freedoms {
            let further = freedom(&readings.get(at)?.path);
            if further.len() > MOST_AT_ONCE {
                return None;
            }
            for path in further {
                if readings.iter().any(|known| known.path == path) {
                    continue;
                }
                bytes += path.len();
                if readings.len() == MOST || bytes > MOST_BYTES {
                    return None;
                }
                readings.push(Reading { path: Cow::Owned(path), caseless: false });
            }
        }
        at += 1;
    }
    // Last, and for all of them, since a rule may be written in capitals.
    readings.reserve_exact(at);
    for at in 0..at {
        let path = Cow::Owned(fold_case(&readings.get(at)?.path));
        readings.push(Reading { path, caseless: true });
    }
    Some(readings)
}

/// The methods that this one might be taken for.
pub(super) fn of_method(method: &Method) -> Vec<Method> {
    let mut further = Vec::new();
    let capitals = method.as_str().to_ascii_uppercase();
    if capitals == "HEAD" {
        further.push(Method::GET);
    }
    if capitals != method.as_str() {
        further.extend(Method::from_bytes(capitals.as_bytes()));
    }
    further
}

impl Reading<'_> {
    /// True for most paths: no freedom applies, which one look at each byte tells.
    fn is_plain(&self) -> bool {
        let has_a_mark =
            |byte: u8| matches!(byte, b'%' | b';' | b'?' | b'#' | b'.' | b' ' | b'+' | b'\t' | b'\n' | b'\r');
        !self.path.bytes().any(has_a_mark) && !self.path.contains("//")
    }

    /// All that a rule's path is compared with, the whole first. `longest` is the number of bytes of the longest path
    /// that any rule names.
    pub(super) fn views(&self, longest: usize) -> impl Iterator<Item = View<'_>> {
        // Folding makes no letter shorter than a quarter of itself.
        let longest = longest.saturating_mul(4);
        let path = &*self.path;
        let beginnings = scripts(path).filter_map(move |script| path.get(..script.end));
        std::iter::once(path)
            .chain(beginnings.take_while(move |path| path.len() <= longest))
            .flat_map(move |path| std::iter::once(path).chain(without_suffixes(path, longest)))
            .flat_map(|path| [Some((path, false)), other_end(path)])
            .flatten()
            .map(|(path, slash)| View { path, slash, caseless: self.caseless })
    }
}

impl<'a> View<'a> {
    /// The path itself, which every app reads.
    pub(super) fn whole(judged: &'a str) -> Self {
        Self { path: judged, slash: false, caseless: false }
    }

    /// True if it is `path`, or `below` it. Where case does not count, `folded` is compared in place of `path`.
    pub(super) fn is(&self, path: &str, folded: &str, below: bool) -> bool {
        let path = if self.caseless { folded } else { path };
        if self.slash && path.strip_suffix('/') == Some(self.path) {
            return true;
        }
        if below { self.path.starts_with(path) } else { !self.slash && self.path == path }
    }
}

impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path)?;
        if self.slash { f.write_str("/") } else { Ok(()) }
    }
}

/// What one more decoder makes of it.
fn unescape(path: &str) -> Vec<String> {
    if !path.contains('%') {
        return Vec::new();
    }
    vec![percent_decode_str(path).decode_utf8_lossy().into_owned()]
}

/// Without an authority: `//x/admin` as `/admin`, which is what RFC 3986 makes of a reference that begins with `//`.
///
/// Seen in Node.js 20 (`new URL(path, base)`, and `url.parse` with `slashesDenoteHost` or with an `@`), Python 3.11
/// (`urlsplit`), PHP 8.2 (`parse_url`) and the JDK 17's `HttpServer`. They accept `//a@b/`, `//x:80/`, `//[::1]/` and `//x;y/`
/// too, `//x` alone is the root, and `///x/admin` is `/admin` for WHATWG parsers. None of them finds an authority in
/// `/http://x/admin`. An app that is mounted below a path, or gets it stripped, sees only the rest, so an authority may
/// stand behind any doubled slash.
fn without_authority(path: &str) -> Vec<String> {
    let doubled = segments(path).filter(|segment| !segment.is_empty()).filter_map(|segment| {
        let before = path.get(..segment.start)?;
        let kept = before.trim_end_matches('/');
        let rest = path.get(segment.end..).filter(|rest| !rest.is_empty()).unwrap_or("/");
        before.ends_with("//").then(|| format!("{kept}{rest}"))
    });
    doubled.take(MOST_AT_ONCE + 1).collect()
}

/// With spaces for plus signs, as decoders of forms have it (PHP's `urldecode`).
fn with_spaces(path: &str) -> Vec<String> {
    if path.contains('+') { vec![path.replace('+', " ")] } else { Vec::new() }
}

/// Up to what begins a query or a fragment once its escape is undone. Fastify's `useSemicolonDelimiter` adds `;`.
fn cut(path: &str) -> Vec<String> {
    let ends: [&[char]; 2] = [&['?', '#'], &[';']];
    ends.into_iter().filter_map(|end| path.split_once(end)).map(|(path, _)| path.to_owned()).collect()
}

/// Without what stands behind a semicolon in each segment.
fn without_parameters(path: &str) -> Vec<String> {
    if !path.contains(';') {
        return Vec::new();
    }
    let segments = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
    vec![segments.collect::<Vec<_>>().join("/")]
}

/// Without the dots and spaces that end a segment, which Windows drops.
fn trim_segments(path: &str) -> Vec<String> {
    const DROPPED: [char; 2] = ['.', ' '];
    if !path.split('/').any(|segment| segment.ends_with(DROPPED)) {
        return Vec::new();
    }
    vec![path.split('/').map(|segment| segment.trim_end_matches(DROPPED)).collect::<Vec<_>>().join("/")]
}

fn merge_slashes(path: &str) -> Vec<String> {
    if !path.contains("//") {
        return Vec::new();
    }
    let mut merged = String::with_capacity(path.len());
    for c in path.chars() {
        if !(c == '/' && merged.ends_with('/')) {
            merged.push(c);
        }
    }
    vec![merged]
}

/// Without tabs and line ends, which URL parsers drop. They come from escapes that are undone late.
fn without_controls(path: &str) -> Vec<String> {
    if path.bytes().any(|byte| matches!(byte, b'\t' | b'\n' | b'\r')) {
        vec![path.replace(['\t', '\n', '\r'], "")]
    } else {
        Vec::new()
    }
}

/// Without a script's name that has something behind it, and without what that name ends in.
///
/// A front controller gets `/index.php/admin` for `/admin`, and a server that finds `admin.php` for `/admin` by itself
/// takes `/admin.php/x` for `/admin/x`.
fn without_script(path: &str) -> Vec<String> {
    let each = scripts(path).flat_map(|script| {
        let name = path.get(script.clone()).and_then(|name| name.rsplit_once('.'));
        let front = without(path, script.start..script.end + 1);
        let suffix = name.and_then(|(name, _)| without(path, script.start + name.len()..script.end));
        [front, suffix].into_iter().flatten()
    });
    each.take(MOST_AT_ONCE + 1).collect()
}

/// Without the name of a folder's index, or of a front controller with nothing behind it: `/index.html` as `/`.
fn without_index(path: &str) -> Vec<String> {
    let start = path.rfind('/').map_or(0, |slash| slash + 1);
    // Servers may choose among `index.html.en` and its kin.
    let is_file = |suffixes: &str| suffixes.split('.').any(|suffix| is_script(suffix) || is_page(suffix));
    let is_index = path
        .get(start..)
        .and_then(|name| name.split_once('.'))
        .is_some_and(|(name, suffixes)| INDEXES.contains(&&*fold_case(name)) && is_file(suffixes));
    if is_index { without(path, start..path.len()).into_iter().collect() } else { Vec::new() }
}

/// The beginnings that are left without a suffix of the last segment: for `/a.b.c`, `/a` and `/a.b`.
///
/// DRF, Rails and Jersey answer `/users.json` where they answer `/users`. Spring's suffix patterns (`/users.*`) and
/// Jersey's `/users.en.json` leave out more than the last dot.
fn without_suffixes(path: &str, longest: usize) -> impl Iterator<Item = &str> {
    let whole = path.strip_suffix('/').unwrap_or(path);
    let start = whole.rfind('/').map_or(0, |slash| slash + 1);
    let name = whole.get(start..).unwrap_or_default();
    let dots = name.match_indices('.').map(|(dot, _)| dot).skip_while(|&dot| dot == 0);
    dots.map(move |dot| start + dot)
        .take_while(move |&end| end <= longest)
        .filter_map(move |end| whole.get(..end))
}

/// Adds a slash at the end, or removes the one that is there.
fn other_end(path: &str) -> Option<(&str, bool)> {
    match path.strip_suffix('/') {
        Some("") => None,
        Some(rest) => Some((rest, false)),
        None => Some((path, true)),
    }
}

/// Where each segment is that names a script and has something behind it, if only a slash.
fn scripts(path: &str) -> impl Iterator<Item = Range<usize>> {
    segments(path).filter(|segment| segment.end < path.len()).filter(|segment| {
        let name = path.get(segment.clone()).and_then(|name| name.rsplit_once('.'));
        name.is_some_and(|(name, suffix)| !name.is_empty() && is_script(suffix))
    })
}

fn is_script(suffix: &str) -> bool {
    let suffix = fold_case(suffix);
    suffix.starts_with("php") || SCRIPTS.contains(&&*suffix)
}

fn is_page(suffix: &str) -> bool {
    matches!(&*fold_case(suffix), "htm" | "html" | "xhtml" | "shtml")
}

/// Where each segment is.
fn segments(path: &str) -> impl Iterator<Item = Range<usize>> {
    let ends = path.match_indices('/').map(|(slash, _)| slash).skip(1).chain([path.len()]);
    ends.scan(1, |start, end| Some(std::mem::replace(start, end + 1)..end))
}

fn without(path: &str, part: Range<usize>) -> Option<String> {
    Some([path.get(..part.start)?, path.get(part.end..)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// True if some reading of `judged` is that path, letter by letter or without case.
    fn may_be(judged: &str, path: &str) -> bool {
        let readings = of_path(judged).unwrap_or_else(|| panic!("{judged} has too many readings"));
        let folded = fold_case(path);
        let mut views = readings.iter().flat_map(|reading| reading.views(path.len()));
        views.any(|view| view.is(path, &folded, false))
    }

    #[track_caller]
    fn all_may_be(path: &str, judged: &[&str]) {
        for judged in judged {
            assert!(may_be(judged, path), "{judged} is not read as {path}");
        }
    }

    #[test]
    fn case_23_the_freedoms_of_an_app_are_read_alone_and_together() {
        all_may_be(
            "/admin/x",
            &[
                "//admin/x",
                "/admin//x",
                "/ADMIN/x",
                "/admin;a=b/x",
                "/admin/x/",
                "/admin%2Fx",
                "/admin%252fx",
                "/admin/x?y=/public/",
                "/admin/x#y",
                "/admin/x;a/b",
                "/admin/x+",
                "/Admin;a//x/",
                "/admin./x",
                "/admin .. /x. ",
                "/ad%09min/x",
                "/ad\tmin/x",
            ],
        );
        assert!(may_be("/admin", "/admin/"));
        // Alone too: an app that knows no case need not know parameters.
        assert!(may_be("/Admin;a/x", "/admin;a/x"));
        assert_eq!(of_path("/").unwrap().len(), 2);
        assert!(may_be("/", "/") && !may_be("/", "/x") && !may_be("/administrator", "/admin"));
    }

    #[test]
    fn case_107_an_authority_is_no_part_of_a_path() {
        all_may_be(
            "/admin/x",
            &[
                "//y/admin/x",
                "///y/admin/x",
                "/////y/admin/x",
                "//a@b/admin/x",
                "//a:b@c:80/admin/x",
                "//y:80/admin/x",
                "//[::1]/admin/x",
                "//y;z/admin/x",
                "//y?z/admin/x",
                "//y//z/admin/x",
                "//y//admin//x",
                "/%2Fy/admin/x",
                "/%2F%2Fy/admin%2Fx",
                "/%252Fy/admin/x",
                "//y%2Fz/admin%2Fx",
                // With the second decoder before the URL's parser.
                "//y%252F%252Fz%2Fw/admin/x",
                "//y/Admin;a/x?b",
                "//y/index.php/admin/x",
                "//y/admin/x.json",
                "/%09/y/admin/x",
                // In what is left below a prefix.
                "/admin//y/x",
            ],
        );
        all_may_be("/", &["//y", "//y/", "///y", "//y?z/admin", "//a@b", "//y/index.php"]);
        all_may_be("/api/", &["/api//y", "/api//y/"]);
        for judged in ["/http://y/admin/x", "/y/admin/x", "/y:80/admin/x", "/a@b/admin/x"] {
            assert!(!may_be(judged, "/admin/x"), "{judged}");
        }
    }

    #[test]
    fn case_108_a_script_in_front_is_no_part_of_what_it_serves() {
        all_may_be(
            "/admin/x",
            &[
                "/index.php/admin/x",
                "/app_dev.php/admin/x",
                "/INDEX.PHP/admin/x",
                "/index.php7/admin/x",
                "/index.cfm/admin/x",
                "/index.a\u{17f}p/admin/x",
                "/any.fcgi/admin/x",
                "/index.php;a//admin/x",
                "/index.php./admin/x",
                "/index.php%2Fadmin/x",
                "/a.php/b.pl/admin/x",
                "/admin/index.php/x",
                // The script that serves the folder, by its whole name, and with something that it may ignore.
                "/admin.php/x",
                "/admin/x.php/y/z",
                "/admin/x/index.html",
                "/admin/x/INDEX.php",
                "/admin/x/default.aspx",
                "/admin/x/index.html.en",
            ],
        );
        all_may_be("/admin.php", &["/admin.php/", "/admin.php/x", "/admin.php/x.css", "/ADMIN.PHP;a/x/y"]);
        all_may_be("/", &["/index.php", "/index.php/", "/app.php", "/index.html"]);
        for judged in ["/admin/other.php", "/admin/index.js", "/app.js", "/x.json/admin/", "/.php/admin/"] {
            assert!(!may_be(judged, "/admin/") && !may_be(judged, "/"), "{judged}");
        }
    }

    #[test]
    fn case_109_a_suffix_is_no_part_of_what_is_asked_for() {
        all_may_be(
            "/rest/users",
            &[
                "/rest/users.json",
                "/rest/users.json/",
                "/rest/users.any",
                "/rest/users.",
                "/rest/users.en.json",
                "/rest/Users.JSON",
                "/rest/users.json;v=1",
                "/rest/users;v=1.json",
                "/rest/users%2Ejson",
                "//rest/users.json?x",
                "/rest/users.php/x",
            ],
        );
        all_may_be("/rest/v1.2", &["/rest/v1.2.json", "/rest/v1.2.tar.gz"]);
        assert!(may_be("/rest.json", "/rest/"), "what guards all below it guards the list of it");
        for judged in ["/rest.json/users", "/rest/users/.json", "/rest/users/5.json", "/rest/user.json"] {
            assert!(!may_be(judged, "/rest/users"), "{judged}");
        }
        assert!(!may_be("/.well-known", "/"), "a name that begins with a dot is no suffix");
    }

    #[test]
    fn the_readings_of_any_path_are_bounded() {
        assert!(of_path("/A%252F//;a%3Fb?#/").is_none_or(|readings| readings.len() <= 2 * MOST));
        for part in ["//x", "/a.php", ";", "%25", "%2F", "/%252F;a.php/", "\t", ". ", "//y/index.php;%2541?"]
        {
            let path = format!("/{}/admin", part.repeat(4000));
            let readings = of_path(&path).unwrap_or_default();
            let bytes: usize = readings.iter().map(|reading| reading.path.len()).sum();
            assert!(readings.len() <= 2 * MOST && bytes <= 2 * MOST_BYTES, "{part}");
            // No more than there are letters in the longest path of a rule.
            let views = readings.iter().map(|reading| reading.views(20).count()).max().unwrap_or(0);
            assert!(views < 500, "{part}: {views}");
        }
        let plain = of_path("/orders/2024/05/receipt").unwrap();
        assert_eq!(plain.len(), 2);
        assert!(matches!(plain[0].path, Cow::Borrowed(_)));
    }

    #[test]
    fn case_26_a_method_in_small_letters_is_read_in_capitals_too() {
        let small = Method::from_bytes(b"delete").unwrap();
        assert_eq!(of_method(&small), [Method::DELETE]);
        // Some servers answer it as they answer HEAD, or GET.
        let head = Method::from_bytes(b"hEAD").unwrap();
        assert_eq!(of_method(&head), [Method::GET, Method::HEAD]);
        assert_eq!(of_method(&Method::HEAD), [Method::GET]);
        assert!(of_method(&Method::POST).is_empty());
    }
}
