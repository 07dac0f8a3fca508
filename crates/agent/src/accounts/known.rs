//! Users and groups as earlier resources would leave them: what the node knows, below what a plan predicts.

use engine_protocol::Mode;

use crate::{overlay::Prediction, provider::Context};

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupId {
    /// Its number is known.
    Gid(u32),
    /// An earlier resource would make it, with a number that nobody knows yet.
    Named(String),
}

impl GroupId {
    /// How a recipe would write it: the name, if the node knows one.
    pub fn show(&self, context: &mut Context<'_>) -> String {
        match self {
            GroupId::Named(name) => name.clone(),
            GroupId::Gid(gid) => context.node.accounts().group_name(*gid).unwrap_or_else(|| gid.to_string()),
        }
    }

    fn encode(&self) -> String {
        match self {
            GroupId::Named(name) => name.clone(),
            GroupId::Gid(gid) => gid.to_string(),
        }
    }

    /// No name of a group has digits alone.
    fn decode(text: &str) -> Self {
        text.parse().map_or_else(|_| GroupId::Named(text.to_owned()), GroupId::Gid)
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Numeric id; `None` if an earlier resource would make the user with one that nobody knows yet.
    pub uid: Option<u32>,
    /// Primary group.
    pub group: GroupId,
    /// GECOS field.
    pub comment: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// Something of a user or group that a plan predicts.
#[derive(Debug, Clone, Copy)]
pub enum Trait<'n> {
    /// A user's numeric id.
    Uid(&'n str),
    /// A user's primary group.
    Primary(&'n str),
    /// A user's GECOS field.
    Comment(&'n str),
    /// A user's home directory.
    Home(&'n str),
    /// A user's shell.
    Shell(&'n str),
    /// The second field of a user's line in `/etc/shadow`.
    Password(&'n str),
    /// A group's numeric id.
    Gid(&'n str),
    /// Whether a group has a user as a member.
    Member(&'n str, &'n str),
    /// Who has a numeric id of groups.
    Group(u32),
}

impl Trait<'_> {
    /// A prediction of it; `None` is what is not known, or no.
    pub fn predict(self, value: Option<String>) -> Prediction {
        Prediction::Value(self.key(), value)
    }

    /// What is predicted; `None` if the node knows better.
    #[expect(
        clippy::option_option,
        reason = "that nobody knows is another thing than that nobody changed it"
    )]
    pub fn predicted(self, context: &Context<'_>) -> Option<Option<String>> {
        match context.mode {
            Mode::Plan => context.overlay.value(&self.key()).map(|value| value.map(ToOwned::to_owned)),
            Mode::Apply => None,
        }
    }

    fn key(self) -> String {
        match self {
            Trait::Uid(user) => format!("user:{user}:uid"),
            Trait::Primary(user) => format!("user:{user}:group"),
            Trait::Comment(user) => format!("user:{user}:comment"),
            Trait::Home(user) => format!("user:{user}:home"),
            Trait::Shell(user) => format!("user:{user}:shell"),
            Trait::Password(user) => format!("user:{user}:password"),
            Trait::Gid(group) => format!("group:{group}:gid"),
            Trait::Member(group, user) => format!("group:{group}:member:{user}"),
            Trait::Group(gid) => format!("gid:{gid}"),
        }
    }
}

/// Whether a user exists.
pub fn user_exists(name: &str, context: &mut Context<'_>) -> bool {
    let planned = if context.mode == Mode::Plan { context.overlay.user(name) } else { None };
    planned.unwrap_or_else(|| context.node.accounts().user(name).is_some())
}

/// Whether a group exists.
pub fn group_exists(name: &str, context: &mut Context<'_>) -> bool {
    let planned = if context.mode == Mode::Plan { context.overlay.group(name) } else { None };
    planned.unwrap_or_else(|| context.node.accounts().group_id(name).is_some())
}

/// A user who exists.
pub fn account(name: &str, context: &mut Context<'_>) -> Option<Account> {
    if !user_exists(name, context) {
        return None;
    }
    let present = context.node.accounts().user(name);
    let text = |what: Trait<'_>, own: Option<&String>, context: &Context<'_>| {
        what.predicted(context).unwrap_or_else(|| own.cloned()).unwrap_or_default()
    };
    let own = present.as_ref();
    let uid = match Trait::Uid(name).predicted(context) {
        Some(planned) => planned.and_then(|uid| uid.parse().ok()),
        None => own.map(|user| user.uid),
    };
    let group = match Trait::Primary(name).predicted(context).flatten() {
        Some(planned) => GroupId::decode(&planned),
        None => own.map_or_else(|| GroupId::Named(name.to_owned()), |user| GroupId::Gid(user.gid)),
    };
    Some(Account {
        name: name.to_owned(),
        uid,
        group,
        comment: text(Trait::Comment(name), own.map(|user| &user.comment), context),
        home: text(Trait::Home(name), own.map(|user| &user.home), context),
        shell: text(Trait::Shell(name), own.map(|user| &user.shell), context),
    })
}

/// What becomes known of a user who would be made.
pub fn predict_account(account: &Account) -> Vec<Prediction> {
    let name = &account.name;
    vec![
        Prediction::User(name.clone(), true),
        Trait::Uid(name).predict(account.uid.map(|uid| uid.to_string())),
        predict_primary(name, &account.group),
        Trait::Comment(name).predict(Some(account.comment.clone())),
        Trait::Home(name).predict(Some(account.home.clone())),
        Trait::Shell(name).predict(Some(account.shell.clone())),
    ]
}

/// A user's primary group would be this one.
pub fn predict_primary(user: &str, group: &GroupId) -> Prediction {
    Trait::Primary(user).predict(Some(group.encode()))
}

/// A group would be made.
pub fn predict_group(name: &str, gid: Option<u32>) -> Vec<Prediction> {
    let mut predictions = vec![
        Prediction::Group(name.to_owned(), true),
        Trait::Gid(name).predict(gid.map(|gid| gid.to_string())),
    ];
    predictions.extend(gid.map(|gid| Trait::Group(gid).predict(Some(name.to_owned()))));
    predictions
}

/// A group by name or number, if it exists.
pub fn group(text: &str, context: &mut Context<'_>) -> Option<GroupId> {
    if let Ok(gid) = text.parse() {
        let known = match Trait::Group(gid).predicted(context) {
            Some(planned) => planned.is_some(),
            None => context.node.accounts().group_name(gid).is_some(),
        };
        return known.then_some(GroupId::Gid(gid));
    }
    if !group_exists(text, context) {
        return None;
    }
    let gid = match Trait::Gid(text).predicted(context) {
        Some(planned) => planned.and_then(|gid| gid.parse().ok()),
        None => context.node.accounts().group_id(text),
    };
    Some(gid.map_or_else(|| GroupId::Named(text.to_owned()), GroupId::Gid))
}

/// Name of a group that a recipe named by name or number.
pub fn group_name(text: &str, context: &mut Context<'_>) -> String {
    match text.parse() {
        Ok(gid) => match Trait::Group(gid).predicted(context) {
            Some(Some(name)) => name,
            _ => context.node.accounts().group_name(gid).unwrap_or_else(|| text.to_owned()),
        },
        Err(_) => text.to_owned(),
    }
}

/// Whether a group, by its name, lists a user as a member.
pub fn is_member(group: &str, user: &str, context: &mut Context<'_>) -> bool {
    if let Some(planned) = Trait::Member(group, user).predicted(context) {
        return planned.is_some();
    }
    let found = context.node.accounts().group(group);
    found.is_some_and(|found| found.members.iter().any(|member| member == user))
}

/// Somebody else who has a numeric id of users already.
pub fn other_with_uid(uid: u32, name: &str, context: &mut Context<'_>) -> Option<String> {
    let other = context.node.accounts().user_name(uid).filter(|other| other != name)?;
    let still = account(&other, context).is_some_and(|account| account.uid == Some(uid));
    still.then_some(other)
}

/// Another group that has a numeric id already.
pub fn other_with_gid(gid: u32, name: &str, context: &mut Context<'_>) -> Option<String> {
    let other = context.node.accounts().group_name(gid).filter(|other| other != name)?;
    let still = group(&other, context) == Some(GroupId::Gid(gid));
    still.then_some(other)
}

/// A user whose primary group this is.
pub fn user_of_primary(name: &str, context: &mut Context<'_>) -> Option<String> {
    let id = group(name, context)?;
    let mut users = context.node.accounts().users_of_primary(match id {
        GroupId::Gid(gid) => gid,
        GroupId::Named(_) => return None,
    });
    users.retain(|user| account(user, context).is_some_and(|account| account.group == id));
    users.into_iter().next()
}
