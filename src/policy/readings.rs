//! What an app might take a request for: more freely than the canonical path allows, as frameworks do.
//!
//! Another case, a slash more or less at the end, doubled slashes, parameters behind a semicolon, dots and spaces at a
//! segment's end (which Windows drops), escaped slashes that are undone late, a query that is found late, `HEAD` answered
//! by what answers `GET`. Each of them alone and all
//! together, since no two apps do the same.

use http::Method;
use percent_encoding::percent_decode_str;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) path: String,
    /// True where it is in lower case, and is to be compared with what is too.
    pub(super) caseless: bool,
}

/// The reading that everybody has.
pub(super) fn as_it_stands(judged: &str) -> Reading {
    Reading { path: judged.to_owned(), caseless: false }
}

/// Every reading, that of the judged path first. At most 128.
pub(super) fn of_path(judged: &str) -> Vec<Reading> {
    let mut readings = vec![as_it_stands(judged)];
    for freedom in [unescape, cut, without_parameters, trim_segments, merge_slashes, other_end] {
        for at in 0..readings.len() {
            let path = freedom(&readings[at].path);
            if readings.iter().all(|known| known.path != path) {
                readings.push(Reading { path, caseless: false });
            }
        }
    }
    // Last, and for all of them, since a rule may be written in capitals.
    for at in 0..readings.len() {
        readings.push(Reading { path: fold_case(&readings[at].path), caseless: true });
    }
    readings
}

/// The methods that this one might be taken for.
pub(super) fn of_method(method: &Method) -> Vec<Method> {
    let mut further = Vec::new();
    if method == Method::HEAD {
        further.push(Method::GET);
    }
    let capitals = method.as_str().to_ascii_uppercase();
    if capitals != method.as_str() {
        further.extend(Method::from_bytes(capitals.as_bytes()));
    }
    further
}

/// In lower case, letter by letter.
pub(super) fn fold_case(path: &str) -> String {
    path.to_lowercase()
}

/// What a second and a third decoder make of it.
fn unescape(path: &str) -> String {
    let once = |path: &str| percent_decode_str(path).decode_utf8_lossy().into_owned();
    once(&once(path))
}

/// Up to what begins a query or a fragment once its escape is undone.
fn cut(path: &str) -> String {
    path.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// Without what stands behind a semicolon in each segment.
fn without_parameters(path: &str) -> String {
    let segments = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
    segments.collect::<Vec<_>>().join("/")
}

/// Without the dots and spaces that end a segment.
fn trim_segments(path: &str) -> String {
    path.split('/').map(|segment| segment.trim_end_matches(['.', ' '])).collect::<Vec<_>>().join("/")
}

fn merge_slashes(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for c in path.chars() {
        if !(c == '/' && merged.ends_with('/')) {
            merged.push(c);
        }
    }
    merged
}

/// With a slash at the end where there is none, and without where there is one.
fn other_end(path: &str) -> String {
    match path.strip_suffix('/') {
        Some("") => path.to_owned(),
        Some(rest) => rest.to_owned(),
        None => format!("{path}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_23_the_freedoms_of_an_app_are_read_alone_and_together() {
        let paths = |judged: &str| -> Vec<String> {
            of_path(judged).into_iter().map(|reading| reading.path).collect()
        };
        for judged in [
            "//admin/x",
            "/admin//x",
            "/ADMIN/x",
            "/admin;a=b/x",
            "/admin/x/",
            "/admin%2Fx",
            "/admin%252fx",
            "/admin/x?y=/public/",
            "/admin/x#y",
            "/Admin;a//x/",
            "/admin./x",
            "/admin .. /x. ",
        ] {
            assert!(paths(judged).contains(&"/admin/x".to_owned()), "{judged}: {:?}", paths(judged));
        }
        assert!(paths("/admin").contains(&"/admin/".to_owned()));
        // Alone too: an app that knows no case need not know parameters.
        assert!(paths("/Admin;a/x").contains(&"/admin;a/x".to_owned()));
        assert!(paths("/").iter().all(|path| path == "/"));
    }

    #[test]
    fn the_readings_of_the_worst_path_are_bounded() {
        assert!(of_path("/A%252F//;a%3Fb?#/").len() <= 64);
    }

    #[test]
    fn case_26_a_method_in_small_letters_is_read_in_capitals_too() {
        let small = Method::from_bytes(b"delete").unwrap();
        assert_eq!(of_method(&small), [Method::DELETE]);
        assert_eq!(of_method(&Method::HEAD), [Method::GET]);
        assert!(of_method(&Method::POST).is_empty());
    }
}
