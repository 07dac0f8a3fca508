//! Plan mode's picture of what earlier resources would have made of the node.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Bound,
};

use crate::files::state::State;

/// What one change would bring about, as far as it can be known.
#[derive(Debug, Clone)]
pub enum Prediction {
    /// A path would be in a state.
    Path(String, State),
    /// A user would exist, or not.
    User(String, bool),
    /// A group would exist, or not.
    Group(String, bool),
    /// A service would be running or stopped, enabled or disabled.
    Service {
        /// Name of the service.
        name: String,
        /// Whether it would run.
        active: Option<bool>,
        /// Whether it would start at boot.
        enabled: Option<bool>,
    },
    /// A package would be installed in this version, or not at all.
    Package(String, Option<String>),
    /// Something would be at this path; what, is not known.
    Created(String),
    /// What is below this directory would be something that nobody can foresee.
    Tree(String),
    /// A mount point would have this mounted, or nothing.
    Mounted(String, Option<String>),
    /// A value of a domain of its own, by a key that begins with the domain: `timezone`, `sysctl:KEY`.
    Value(String, Option<String>),
    /// Something that nobody can foresee.
    Anything,
}

/// The predicted state of the node; empty in apply mode.
#[derive(Debug, Default)]
pub struct Overlay {
    paths: BTreeMap<String, State>,
    users: HashMap<String, bool>,
    groups: HashMap<String, bool>,
    services: HashMap<String, (Option<bool>, Option<bool>)>,
    packages: HashMap<String, Option<String>>,
    first_change: Option<String>,
    opaque: Option<String>,
    anything: Option<String>,
    new_files: HashSet<String>,
    created: HashSet<String>,
    /// With the resource that fills it.
    trees: HashMap<String, String>,
    /// With the resource that would do it.
    mounted: HashMap<String, (Option<String>, String)>,
    values: HashMap<String, Option<String>>,
}

impl Overlay {
    /// Records that a resource would change and what would come of it.
    pub fn record(&mut self, resource: &str, predictions: Vec<Prediction>) {
        self.first_change.get_or_insert_with(|| resource.to_owned());
        for prediction in predictions {
            match prediction {
                Prediction::Path(path, state) => self.record_path(path, state),
                Prediction::User(name, exists) => {
                    self.users.insert(name, exists);
                }
                Prediction::Group(name, exists) => {
                    self.groups.insert(name, exists);
                }
                Prediction::Service { name, active, enabled } => {
                    let known = self.services.entry(name).or_default();
                    *known = (active.or(known.0), enabled.or(known.1));
                }
                Prediction::Package(name, installed) => {
                    self.packages.insert(name, installed);
                    self.opaque.get_or_insert_with(|| resource.to_owned());
                }
                Prediction::Created(path) => {
                    self.created.insert(path);
                }
                Prediction::Tree(path) => {
                    self.trees.insert(path, resource.to_owned());
                }
                Prediction::Mounted(path, mounted) => {
                    self.mounted.insert(path, (mounted, resource.to_owned()));
                }
                Prediction::Value(key, value) => {
                    self.values.insert(key, value);
                }
                Prediction::Anything => {
                    self.opaque.get_or_insert_with(|| resource.to_owned());
                    self.anything.get_or_insert_with(|| resource.to_owned());
                }
            }
        }
    }

    fn record_path(&mut self, path: String, state: State) {
        if !matches!(state, State::Directory { .. }) {
            let below: Vec<String> = self.below(&path).map(|(known, _)| known.clone()).collect();
            for known in below {
                self.paths.remove(&known);
            }
        }
        if matches!(state, State::File { .. }) {
            self.new_files.insert(path.clone());
        }
        self.paths.insert(path, state);
    }

    /// The first resource that would change something.
    pub fn first_change(&self) -> Option<&str> {
        self.first_change.as_deref()
    }

    /// The first resource whose change may have consequences that cannot be foreseen: a package, a
    /// command.
    pub fn opaque(&self) -> Option<&str> {
        self.opaque.as_deref()
    }

    /// The first resource of whose change nothing can be foreseen: a command or a repository, but not a package.
    pub fn anything(&self) -> Option<&str> {
        self.anything.as_deref()
    }

    /// Who could bring a service that does not exist yet.
    pub fn may_bring_service(&self) -> Option<&str> {
        self.opaque().or_else(|| if self.new_files.is_empty() { None } else { self.first_change() })
    }

    /// Whether a user would exist; `None` if no resource changes that.
    pub fn user(&self, name: &str) -> Option<bool> {
        self.users.get(name).copied()
    }

    /// Whether a group would exist; `None` if no resource changes that.
    pub fn group(&self, name: &str) -> Option<bool> {
        self.groups.get(name).copied()
    }

    /// Whether a service would run and would be enabled.
    pub fn service(&self, name: &str) -> (Option<bool>, Option<bool>) {
        self.services.get(name).copied().unwrap_or_default()
    }

    /// The version that a package would be installed in; `None` if no resource changes that, `Some(None)` if not at all.
    pub fn package(&self, name: &str) -> Option<Option<&str>> {
        self.packages.get(name).map(Option::as_deref)
    }

    /// Whether something would be at a path of which nothing else is known.
    pub fn is_created(&self, path: &str) -> bool {
        self.created.contains(path)
    }

    /// The resource that would fill this very directory with what nobody can foresee.
    pub fn tree(&self, path: &str) -> Option<&str> {
        self.trees.get(path).map(String::as_str)
    }

    /// The resource that would fill a directory above a path, so that nobody knows what is there.
    pub fn tree_above(&self, path: &str) -> Option<&str> {
        let mut above = path.match_indices('/').map(|(index, _)| &path[..index]);
        above.find_map(|directory| self.tree(directory))
    }

    /// What a mount point would have mounted; `None` if no resource changes that, `Some(None)` if nothing.
    pub fn mounted(&self, path: &str) -> Option<Option<&str>> {
        self.mounted.get(path).map(|(mounted, _)| mounted.as_deref())
    }

    /// The resource that would mount something over a path, or take it away: then nobody knows what is there.
    pub fn mounted_over(&self, path: &str) -> Option<&str> {
        let covers = |mount_point: &str| {
            path == mount_point || path.strip_prefix(mount_point).is_some_and(|rest| rest.starts_with('/'))
        };
        let fresh = |mount_point: &str| {
            matches!(self.paths.get(mount_point), Some(State::Directory { fresh: true, .. }))
        };
        self.mounted
            .iter()
            .find(|(mount_point, (mounted, _))| {
                covers(mount_point) && !(mounted.is_some() && fresh(mount_point))
            })
            .map(|(_, (_, resource))| resource.as_str())
    }

    /// The predicted value of a key; `None` if no resource changes it, `Some(None)` if it would be gone.
    pub fn value(&self, key: &str) -> Option<Option<&str>> {
        self.values.get(key).map(Option::as_deref)
    }

    /// The predicted state of a path; `None` if the node knows better.
    pub fn path(&self, path: &str) -> Option<State> {
        if self.paths.is_empty() {
            return None;
        }
        let mut made = false;
        for end in
            path.match_indices('/').map(|(index, _)| index).filter(|index| *index > 0).chain([path.len()])
        {
            let prefix = &path[..end];
            let last = end == path.len();
            match self.paths.get(prefix) {
                Some(state) if last => return Some(state.clone()),
                Some(State::Directory { fresh, .. }) => made |= fresh,
                Some(State::Absent) => return Some(State::NoParent(prefix.to_owned())),
                Some(State::Link(_)) => return Some(State::Blocked { path: prefix.to_owned(), link: true }),
                Some(_) => return Some(State::Blocked { path: prefix.to_owned(), link: false }),
                None if made && last => return Some(State::Absent),
                None if made => return Some(State::NoParent(prefix.to_owned())),
                None => {}
            }
        }
        None
    }

    /// Predicted entries right below a directory: name and whether it would be there.
    pub fn entries(&self, directory: &str) -> impl Iterator<Item = (&str, bool)> {
        let directory = directory.trim_end_matches('/');
        self.below(directory).filter_map(|(path, state)| {
            let name = &path[directory.len() + 1..];
            (!name.contains('/')).then_some((name, !matches!(state, State::Absent)))
        })
    }

    /// All that is predicted below a path, in order.
    fn below(&self, path: &str) -> impl Iterator<Item = (&String, &State)> {
        let (begin, length) = (format!("{path}/"), path.len());
        self.paths.range::<str, _>((Bound::Included(begin.as_str()), Bound::Unbounded)).take_while(
            move |(known, _)| known.as_bytes().get(length) == Some(&b'/') && known.starts_with(&begin),
        )
    }
}
