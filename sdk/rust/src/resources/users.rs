//! The capability `users`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// A user account.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Remove`](Action::Remove), [`Lock`](Action::Lock),
    /// [`Unlock`](Action::Unlock).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.user("deploy").shell("/bin/bash").groups(["www-data"]).manage_home(true).declare()?;
    /// # Ok(()) }
    /// ```
    User = users::user(name: Text) {
        /// Numeric id.
        uid: Integer,
        /// Primary group, by name or id.
        group: Text,
        /// Supplementary groups that the user must be in; others are left alone.
        groups: TextList,
        /// The GECOS field: the full name, usually.
        comment: Text,
        /// Home directory.
        home: Text,
        /// Login shell.
        shell: Text,
        /// The password's hash, as in `/etc/shadow`. Never shown. Who is locked stays locked.
        password: Text,
        /// Make the home directory of a new user, move it when `home` changes; with `remove`, delete it. A
        /// `home` other than `/home/NAME` then needs a grant of `files` for all below it. Default false.
        manage_home: Boolean,
        /// Make a system account. Default false.
        system: Boolean,
    }

    /// SSH keys that a user may log in with, in `.ssh/authorized_keys` of the home directory. A key that is
    /// there with other options or another comment gets these. Needs a grant of `users` for the user.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.authorized_keys("deploy")
    ///     .keys(["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGV4YW1wbGVleGFtcGxlZXhhbXBsZWV4YW1wbGVleGFt alice"])
    ///     .exclusive(true)
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    AuthorizedKeys = users::authorized_keys(user: Text) {
        /// Lines of authorized_keys(5): options, type, key, comment.
        keys: TextList,
        /// With `create`, take out all other keys. Default false.
        exclusive: Boolean,
    }
}
