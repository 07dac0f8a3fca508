//! A tree, put together entry by entry.

use std::collections::BTreeMap;

use engine_protocol::resource::TreeEntry;

/// A path that leads nowhere but below; where it does not, nothing. `./` at its beginning says nothing.
pub(crate) fn below(path: &str) -> Option<String> {
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    let leads_out = path.starts_with('/') || path.contains('\0') || names.contains(&"..");
    (!leads_out).then(|| names.join("/"))
}

/// Entries by path; what comes later at the same path counts.
#[derive(Debug, Default)]
pub(crate) struct Tree(BTreeMap<String, TreeEntry>);

impl Tree {
    pub(crate) fn add(&mut self, entry: TreeEntry) {
        let path = entry.path().to_owned();
        for (end, _) in path.match_indices('/') {
            let above = path[..end].to_owned();
            self.0.entry(above.clone()).or_insert(TreeEntry::Directory { path: above });
        }
        self.0.insert(path, entry);
    }

    pub(crate) fn get(&self, path: &str) -> Option<&TreeEntry> {
        self.0.get(path)
    }

    /// All entries; what is above comes before what is below, for it is its beginning.
    pub(crate) fn into_entries(self) -> Vec<TreeEntry> {
        self.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_come_before_what_is_in_them() {
        let mut tree = Tree::default();
        tree.add(TreeEntry::Link { path: "a/b/c".to_owned(), to: "x".to_owned() });
        tree.add(TreeEntry::Directory { path: "a".to_owned() });
        let paths: Vec<String> = tree.into_entries().iter().map(|entry| entry.path().to_owned()).collect();
        assert_eq!(paths, ["a", "a/b", "a/b/c"]);
    }

    #[test]
    fn paths_lead_below() {
        assert_eq!(below("./a//b/").as_deref(), Some("a/b"));
        assert_eq!(below("./").as_deref(), Some(""));
        for out in ["/a", "../a", "a/../../b", "a\0"] {
            assert_eq!(below(out), None, "{out}");
        }
    }
}
