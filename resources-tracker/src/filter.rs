//! Which names count: globs to include and globs to exclude.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// Admits a name that matches one of the included globs (all names when there are none) and
/// none of the excluded ones.
///
/// `*` and `?` stop at a slash, `**` does not: `/mnt/*` is what is mounted in `/mnt`, and
/// `/mnt/**` also what is mounted deeper.
#[derive(Debug, Clone, Default)]
pub struct NameFilter {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl NameFilter {
    /// A filter of these globs; empty texts are left out, so that an empty setting is no glob.
    ///
    /// # Errors
    /// Names the glob that does not parse.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, globset::Error> {
        let include = include.iter().any(|text| !text.is_empty()).then(|| set(include));
        Ok(Self { include: include.transpose()?, exclude: set(exclude)? })
    }

    /// Whether `name` counts.
    #[must_use]
    pub fn admits(&self, name: &str) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(name))
            && !self.exclude.is_match(name)
    }
}

fn set(texts: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for text in texts.iter().filter(|text| !text.is_empty()) {
        set.add(glob(text)?);
    }
    set.build()
}

fn glob(text: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(true).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> NameFilter {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        NameFilter::new(&owned(include), &owned(exclude)).unwrap()
    }

    #[test]
    fn without_globs_every_name_counts() {
        assert!(filter(&[], &[]).admits("eth0"));
        assert!(filter(&[""], &[""]).admits("eth0"), "an empty setting is no glob");
    }

    #[test]
    fn an_excluded_name_does_not_count_even_when_included() {
        let filter = filter(&["eth*"], &["eth1"]);
        assert!(filter.admits("eth0"));
        assert!(!filter.admits("eth1"));
        assert!(!filter.admits("wlan0"));
    }

    #[test]
    fn a_star_stops_at_a_slash_and_two_do_not() {
        assert!(filter(&["/mnt/*"], &[]).admits("/mnt/a"));
        assert!(!filter(&["/mnt/*"], &[]).admits("/mnt/a/b"));
        assert!(filter(&["/mnt/**"], &[]).admits("/mnt/a/b"));
    }

    #[test]
    fn a_glob_that_does_not_parse_is_named() {
        let error = NameFilter::new(&["[a".to_owned()], &[]).unwrap_err();
        assert!(error.to_string().contains("[a"), "{error}");
    }
}
