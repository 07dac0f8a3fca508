//! What dnf keeps of its repositories, and how old it is.
//!
//! dnf has a directory for each repository, `ID-` and 16 hexadecimal digits. The list of packages in it has the time at
//! which dnf last saw that there is no newer one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::manager;

/// Where the repositories are.
const REPOSITORIES: &str = "/etc/yum.repos.d";

/// Where dnf of the fourth and the fifth generation keep what they fetch.
const CACHES: [&str; 2] = ["/var/cache/dnf", "/var/cache/libdnf5"];

/// Digits behind the name of a repository.
const DIGITS: usize = 16;

/// Whether all enabled repositories were looked at a short time ago.
pub fn is_fresh() -> bool {
    let files = entries(Path::new(REPOSITORIES));
    let files = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "repo"));
    let ids: Vec<String> =
        files.filter_map(|path| fs::read(path).ok()).flat_map(|text| enabled(&text)).collect();
    let caches: Vec<PathBuf> = CACHES.iter().flat_map(|cache| entries(Path::new(cache))).collect();
    ids.iter().all(|id| caches.iter().any(|cache| is_of(cache, id) && has_fresh_list(cache)))
}

fn is_of(cache: &Path, id: &str) -> bool {
    let digits = cache.file_name().and_then(|name| name.to_str()?.strip_prefix(id)?.strip_prefix('-'));
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn has_fresh_list(cache: &Path) -> bool {
    let is_list = |path: &PathBuf| path.to_string_lossy().contains("primary.");
    entries(&cache.join("repodata")).iter().filter(|path| is_list(path)).any(|path| manager::is_fresh(path))
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// The repositories of a file that dnf asks.
fn enabled(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let mut ids: Vec<(&str, bool)> = Vec::new();
    for line in text.lines() {
        if let Some((id, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            ids.push((id, true));
        } else if let (Some(last), Some((key, value))) = (ids.last_mut(), line.split_once('='))
            && key.trim() == "enabled"
        {
            last.1 = !matches!(value.trim().to_ascii_lowercase().as_str(), "0" | "no" | "false" | "off");
        }
    }
    ids.into_iter().filter(|(id, enabled)| *enabled && *id != "main").map(|(id, _)| id.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        time::{Duration, SystemTime},
    };

    use super::*;

    #[test]
    fn repositories_that_are_switched_off_do_not_count() {
        let text = "# x\n[main]\nenabled=1\n[baseos]\nname=b\nenabled=1\n[debug]\nenabled = False\n[extras]\nname=e\n";
        assert_eq!(enabled(text.as_bytes()), ["baseos", "extras"]);
    }

    #[test]
    fn the_list_of_packages_of_the_very_repository_tells_the_age() {
        let root = tempfile::tempdir().unwrap();
        let cache = root.path().join("base-os-0123456789abcdef");
        assert!(is_of(&cache, "base-os") && !is_of(&cache, "base"));
        assert!(!has_fresh_list(&cache));
        fs::create_dir_all(cache.join("repodata")).unwrap();
        fs::write(cache.join("repodata/repomd.xml"), "").unwrap();
        assert!(!has_fresh_list(&cache));
        let list = File::create(cache.join("repodata/abc-primary.xml.gz")).unwrap();
        assert!(has_fresh_list(&cache));
        list.set_modified(SystemTime::now() - manager::FRESH - Duration::from_secs(1)).unwrap();
        assert!(!has_fresh_list(&cache));
    }
}
