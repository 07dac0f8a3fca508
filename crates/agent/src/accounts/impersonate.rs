//! Work with the rights of a user, in places that belong to that user.
//!
//! Whatever links a user plants there, the work can reach nothing that the user could not reach: the kernel sees to it.
//! It works on home directories of file servers as well, where root is nobody.

use std::{io, thread};

use rustix::{
    process::{Gid, Uid, geteuid},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};

/// Who does the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub uid: u32,
    /// The groups, the primary one first.
    pub groups: Vec<u32>,
}

impl Identity {
    /// Does something as this user, in a thread of its own: the rest of the agent stays who it is.
    pub fn act<T: Send, E: Send>(
        &self,
        work: impl FnOnce() -> Result<T, E> + Send,
    ) -> io::Result<Result<T, E>> {
        if self.uid == geteuid().as_raw() {
            return Ok(work());
        }
        let worker = || -> io::Result<Result<T, E>> {
            self.take_on()?;
            Ok(work())
        };
        thread::scope(|scope| scope.spawn(worker).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Takes on what decides about files. Real and saved ids stay, so that the user cannot send the agent signals.
    fn take_on(&self) -> io::Result<()> {
        let groups: Vec<Gid> = self.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        set_thread_groups(&groups)?;
        set_thread_res_gid(None, groups.first().copied(), None)?;
        set_thread_res_uid(None, Uid::from_raw(self.uid), None)?;
        Ok(())
    }
}
