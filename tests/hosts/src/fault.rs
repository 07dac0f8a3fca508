//! What can be done to a host that a tool must survive.

use std::path::Path;

use crate::error::Result;
use crate::machine::Host;

impl Host {
    /// Cuts the host off: every IP packet from and to it is dropped, and nobody is told.
    pub fn cut(&self) -> Result<()> {
        self.network.cut(&self.port)
    }

    /// Ends a cut.
    pub fn heal(&self) -> Result<()> {
        self.network.heal(&self.port)
    }

    /// Whether the host is cut off.
    pub fn is_cut(&self) -> Result<bool> {
        self.network.is_cut(&self.port)
    }

    /// Stops every process where it is: TCP connects, since the kernel does that, and nothing
    /// answers.
    pub fn freeze(&self) -> Result<()> {
        self.cgroup.set_frozen(true)
    }

    /// Ends a freeze.
    pub fn thaw(&self) -> Result<()> {
        self.cgroup.set_frozen(false)
    }

    /// Pulls the plug: every process is gone at once and no peer hears of it. What was written
    /// to files is kept, synced or not.
    pub fn kill(&self) -> Result<()> {
        self.port.silence()?;
        self.cgroup.kill()?;
        self.cgroup.remove()?;
        self.port.unplug()
    }

    /// Makes a directory inside a file system of its own with little room: `room` bytes, at
    /// least a page. It is empty and hides what was there.
    pub fn fill_disk(&self, path: impl AsRef<Path>, room: u64) -> Result<()> {
        let path = path.as_ref().as_os_str();
        self.check_exec([AsRef::as_ref("mkdir"), "-p".as_ref(), path])?;
        let options = format!("mode=755,size={}", room.max(4096));
        let words = ["mount", "-t", "tmpfs", "-o", &options, "full"];
        self.check_exec(words.iter().map(AsRef::as_ref).chain([path]))?;
        Ok(())
    }

    /// Ends a [`fill_disk`](Self::fill_disk).
    pub fn free_disk(&self, path: impl AsRef<Path>) -> Result<()> {
        self.check_exec(["umount".as_ref(), path.as_ref().as_os_str()])?;
        Ok(())
    }
}
