//! Lists of tables: `[[upstreams]]` in the file, `upstreams[0].url` in a message, `upstreams[].url` in the list of keys.
//! A table of such a list may have sections and lists of its own: `[sites.cognito]`, `[[sites.upstreams]]`.

use super::key::{KEYS, Key, Kind, VARIABLE_PREFIX};

/// A key at the place where it is set: of `upstreams[].url` there are as many as there are tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyAt<'a> {
    /// With an index in each bracket.
    pub(super) name: &'a str,
    pub(super) kind: Kind,
}

impl From<&'static Key> for KeyAt<'static> {
    fn from(key: &'static Key) -> Self {
        Self { name: key.name, kind: key.kind }
    }
}

impl<'a> KeyAt<'a> {
    /// The key that has this name, indices and all.
    pub(super) fn named(name: &'a str) -> Option<Self> {
        key_at(name).map(|key| Self { name, kind: key.kind })
    }

    pub(super) fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret | Kind::SecretList)
    }
}

/// The key that `upstreams[0].url` is one of.
pub(super) fn key_at(name: &str) -> Option<&'static Key> {
    Key::named(&without_indices(name))
}

/// `upstreams[].url` for `upstreams[0].url`.
pub(super) fn without_indices(name: &str) -> String {
    let mut parts = name.split('[');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push('[');
        plain.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    plain
}

/// The keys of each table of the list `name`, with their names below it, but for those of lists in it.
pub(super) fn keys_of(name: &str) -> impl Iterator<Item = (&'static Key, &'static str)> {
    let start = format!("{}[].", without_indices(name));
    KEYS.iter()
        .filter_map(move |key| Some((key, key.name.strip_prefix(&start)?)))
        .filter(|(_, below)| !below.contains("[]"))
}

/// True where `name` is a list of tables.
pub(super) fn is_list(name: &str) -> bool {
    keys_of(name).next().is_some()
}

/// True where `name` is a section, which has keys.
pub(super) fn is_section(name: &str) -> bool {
    let start = format!("{}.", without_indices(name));
    KEYS.iter().any(|key| key.name.starts_with(&start))
}

/// What the file calls the table of `sites[0].upstreams[1]`: `sites.upstreams`.
pub(super) fn header(name: &str) -> String {
    without_indices(name).replace("[]", "")
}

/// How many tables of the list `name` have something said of them.
pub(super) fn count<'a>(name: &str, said: impl Iterator<Item = &'a String>) -> usize {
    let indices = said.filter_map(|key| key.strip_prefix(name)?.strip_prefix('[')?.split(']').next());
    indices.filter_map(|index| index.parse::<usize>().ok()).map(|index| index + 1).max().unwrap_or(0)
}

/// The list of tables that a flag's key, or a variable's, seems to mean: `upstreams`, `upstreams[0].url`,
/// `COGNIGATE_UPSTREAMS__0__URL`.
pub(super) fn list_meant(name: &str) -> Option<&'static str> {
    let name = match name.strip_prefix(VARIABLE_PREFIX) {
        Some(variable) => variable.to_ascii_lowercase().replace("__", "."),
        None => name.to_owned(),
    };
    KEYS.iter().find_map(|key| {
        let (list, _) = key.name.split_once("[]")?;
        let rest = name.strip_prefix(list)?;
        (rest.is_empty() || rest.starts_with(['[', '.'])).then_some(list)
    })
}

/// What is wrong with a flag or a variable that means the list of tables `list`.
pub(super) fn only_in_file(list: &str) -> String {
    format!("[[{list}]] is a list of tables, which only the configuration file can hold")
}

/// Where a setting stands among the others: those of one table together, in the order of the keys.
pub(super) fn order(name: &str) -> Option<Vec<usize>> {
    let own = KEYS.iter().position(|key| Some(key) == key_at(name))?;
    let mut order = Vec::new();
    for (at, _) in name.match_indices('[') {
        let list = format!("{}[].", without_indices(&name[..at]));
        order.push(KEYS.iter().position(|key| key.name.starts_with(&list))?);
        order.push(name[at + 1..].split(']').next()?.parse().ok()?);
    }
    order.push(own);
    Some(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_list_is_one_of_its_key() {
        assert_eq!(key_at("upstreams[0].url"), Key::named("upstreams[].url"));
        assert_eq!(key_at("upstreams[12].url"), Key::named("upstreams[].url"));
        assert_eq!(key_at("upstreams[x].url"), None);
        assert_eq!(key_at("upstreams.url"), None);
        assert!(is_list("upstreams") && !is_list("upstream") && !is_list("cognito"));
    }

    #[test]
    fn what_means_a_list_is_recognised() {
        for name in [
            "upstreams",
            "upstreams[0].url",
            "upstreams.url",
            "COGNIGATE_UPSTREAMS",
            "COGNIGATE_UPSTREAMS__0__URL",
        ] {
            assert_eq!(list_meant(name), Some("upstreams"), "{name}");
        }
        for name in ["upstream", "upstreamsx", "COGNIGATE_UPSTREAM", "COGNIGATE_UPSTREAMS_PORT"] {
            assert_eq!(list_meant(name), None, "{name}");
        }
    }

    #[test]
    fn the_settings_of_a_table_stay_together() {
        let mut names =
            ["upstreams[10].url", "log.level", "upstreams[2].path", "upstream", "upstreams[2].url", "prefix"];
        names.sort_by_key(|name| order(name));
        let sorted =
            ["upstream", "prefix", "upstreams[2].url", "upstreams[2].path", "upstreams[10].url", "log.level"];
        assert_eq!(names, sorted);
    }
}
