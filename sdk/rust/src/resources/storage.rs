//! The capability `storage`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// A swap file, used now and at boot. It is made anew when its size changes. A file that is no swap is
    /// left alone.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Remove`](Action::Remove).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.swap_file("/swapfile").size_mib(2048).declare()?;
    /// # Ok(()) }
    /// ```
    SwapFile = storage::swap_file(path: Text) {
        /// Size in MiB. Needed for `create`.
        size_mib: Integer,
    }

    /// A mount, and its line in `/etc/fstab`.
    ///
    /// Actions: [`Mount`](Action::Mount) (the default), [`Unmount`](Action::Unmount),
    /// [`Remount`](Action::Remount), [`Enable`](Action::Enable), [`Disable`](Action::Disable).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.directory("/srv/scratch").declare()?;
    /// ctx.mount("/srv/scratch")
    ///     .device("tmpfs")
    ///     .filesystem("tmpfs")
    ///     .options(["size=64m"])
    ///     .action([Action::Mount, Action::Enable])
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    Mount = storage::mount(mount_point: Text) {
        /// Device, `UUID=…`, `LABEL=…`, or what the file system takes. Needed for `mount` and `enable`.
        device: Text,
        /// Type of the file system. Default `auto`.
        filesystem: Text,
        /// Options. Default `defaults`.
        options: TextList,
        /// Fifth field of fstab(5). Default 0.
        dump: Integer,
        /// Sixth field of fstab(5). Default 2.
        pass: Integer,
    }

    /// A file system on a whole device: made if the device is blank, mounted now and at boot, grown when the
    /// device has grown. A device on which `blkid` finds anything, or whose first and last MiB are not zeros,
    /// is never formatted.
    ///
    /// Actions: [`Create`](Action::Create) (the default).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.volume("/dev/nvme1n1").mount_point("/srv/data").declare()?;
    /// # Ok(()) }
    /// ```
    Volume = storage::volume(device: Text) {
        /// Absolute path of where it is mounted; made if it is missing. Needed.
        mount_point: Text,
        /// `ext4` or `xfs`. Default `ext4`.
        filesystem: Text,
        /// Mount options. Default `defaults` and `nofail`.
        options: TextList,
        /// Label of a new file system.
        label: Text,
    }
}
